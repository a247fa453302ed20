//! The feed of a tenant: its transitions in an order that a watcher can go along, each of them once.
//!
//! A lane is a shard, and within it the order is that of the shard's log: (era, offset, number in the
//! record). This place depends on nothing but the log, so an owner that replays, or a second owner, writes a
//! transition to the very place where it is; and since an owner writes a lane in its order and one batch after the
//! other, whoever sees a place sees all before it. So a cursor is a place per lane, and passes nothing by. Times
//! of shards are never compared: a shard that lags fills its lane later.
//!
//! An offset below what the lane has reached is a repetition, which the feed leaves alone. Unless its batch is
//! later than the lane and the transition new to the store: then the log itself began anew (a topic that was
//! lost), and from there on the lane counts in a new era, the time of that batch.
//!
//! `register` holds how far each lane reaches, in one partition of the tenant: a watcher asks for that alone
//! until something moves. It is written after the lane, which is written after the transitions.

use super::ScyllaStore;
use super::db::Db;
use super::encode::{numbered, pair, register};
use super::keys;
use super::put::{Put, Table, in_order};
use crate::{ShardBatch, StoreError};
use domain::ids::{TenantId, TransitionId};
use domain::transition::Transition;
use parking_lot::Mutex;
use scylla::value::CqlValue::{BigInt, Blob, Int, SmallInt};
use std::collections::{BTreeMap, HashMap};

/// The register of how far lanes reach.
pub(super) const HEAD: &str = "head";
const CELL_VERSION: [u8; 2] = [0, 1];
/// Lanes whose end is remembered; beyond that they are read again.
const REMEMBERED: usize = 100_000;
/// Lookups at once.
const LOOKUPS: usize = 16;

/// A place in a lane. Places compare as their cells do, byte by byte: of two heads written with the same
/// timestamp the database keeps the later place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// 0, or the time of the batch that found the log begun anew.
    pub era_us: i64,
    pub offset: i64,
    pub nth: i16,
    pub id: TransitionId,
}

impl Place {
    /// Before all others.
    pub(super) const START: Self = Self { era_us: -1, offset: 0, nth: 0, id: TransitionId([0; 16]) };

    pub(super) fn to_cell(self) -> Vec<u8> {
        let mut cell = CELL_VERSION.to_vec();
        cell.extend_from_slice(&self.era_us.to_be_bytes());
        cell.extend_from_slice(&self.offset.to_be_bytes());
        cell.extend_from_slice(&self.nth.to_be_bytes());
        cell.extend_from_slice(&self.id.0);
        cell
    }

    pub(super) fn from_cell(cell: &[u8]) -> Option<Self> {
        let rest = cell.strip_prefix(&CELL_VERSION)?;
        let (era, rest) = rest.split_first_chunk()?;
        let (offset, rest) = rest.split_first_chunk()?;
        let (nth, rest) = rest.split_first_chunk()?;
        let id = TransitionId(rest.try_into().ok()?);
        let (era_us, offset) = (i64::from_be_bytes(*era), i64::from_be_bytes(*offset));
        Some(Self { era_us, offset, nth: i16::from_be_bytes(*nth), id })
    }
}

/// A tenant's lane.
type Lane = (TenantId, u16);

/// How far a lane reaches, and the time of the batch that said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    place: Place,
    hlt_us: i64,
}

impl Head {
    /// Of a lane that has nothing.
    const NONE: Self = Self { place: Place { era_us: 0, ..Place::START }, hlt_us: i64::MIN };
}

/// How far lanes reach, as this process wrote it. Being behind does no harm: what is written again falls on its
/// own place.
#[derive(Default)]
pub(super) struct KnownHeads(Mutex<HashMap<Lane, Head>>);

impl KnownHeads {
    fn get(&self, lane: Lane) -> Option<Head> {
        self.0.lock().get(&lane).copied()
    }

    fn learn(&self, heads: BTreeMap<Lane, Place>, hlt_us: i64) {
        let mut known = self.0.lock();
        if known.len() + heads.len() > REMEMBERED {
            known.clear();
        }
        for (lane, place) in heads {
            let known = known.entry(lane).or_insert(Head::NONE);
            if (known.hlt_us, known.place) < (hlt_us, place) {
                *known = Head { place, hlt_us };
            }
        }
    }
}

/// What a batch adds to feeds.
#[derive(Default)]
pub(super) struct FeedPlan {
    places: Vec<(Lane, Place)>,
    heads: BTreeMap<Lane, Place>,
}

impl ScyllaStore {
    /// Finds the places of a batch's transitions. To be asked before the transitions are written.
    pub(super) async fn plan_feed(&self, batch: &ShardBatch) -> Result<FeedPlan, StoreError> {
        let mut lanes: BTreeMap<Lane, Vec<(i16, &Transition)>> = BTreeMap::new();
        for (nth, row) in numbered(&batch.transitions) {
            let lane = (row.identity.tenant, self.db.shards.shard_of(row.monitor).0);
            lanes.entry(lane).or_default().push((nth, row));
        }
        let lanes = lanes.into_iter().map(|(lane, rows)| self.places_of(lane, batch.hlt_us, rows));
        let mut plan = FeedPlan::default();
        for (lane, places) in in_order(LOOKUPS, lanes).await? {
            plan.heads.extend(places.iter().max().map(|last| (lane, *last)));
            plan.places.extend(places.into_iter().map(|place| (lane, place)));
        }
        Ok(plan)
    }

    async fn places_of(
        &self,
        lane: Lane,
        hlt_us: i64,
        rows: Vec<(i16, &Transition)>,
    ) -> Result<(Lane, Vec<Place>), StoreError> {
        let head = self.head(lane).await?;
        Ok((lane, self.places(lane, head, hlt_us, rows).await?))
    }

    async fn head(&self, lane: Lane) -> Result<Head, StoreError> {
        if let Some(head) = self.heads.get(lane) {
            return Ok(head);
        }
        let key = (HEAD, keys::tenant(lane.0), lane.1.to_string());
        let found = self.db.one::<(Option<Vec<u8>>, Option<i64>)>(&self.db.statements.register, key).await?;
        let head = found.and_then(|(cell, hlt_us)| Some(Head { place: Place::from_cell(&cell?)?, hlt_us: hlt_us? }));
        Ok(head.unwrap_or(Head::NONE))
    }

    /// The places of a lane's transitions, in order, without those that have one.
    async fn places(
        &self,
        lane: Lane,
        head: Head,
        hlt_us: i64,
        mut rows: Vec<(i16, &Transition)>,
    ) -> Result<Vec<Place>, StoreError> {
        rows.sort_by_key(|(nth, row)| (row.offset, *nth));
        let mut era_us = head.place.era_us;
        let places = rows.iter().map(|(nth, row)| Place { era_us, offset: row.offset as i64, nth: *nth, id: row.id });
        let (behind, mut ahead): (Vec<Place>, Vec<Place>) = places.partition(|place| place.offset < head.place.offset);
        if hlt_us <= head.hlt_us || behind.is_empty() {
            return Ok(ahead);
        }
        let lookups = behind.iter().map(|place| self.is_filed(lane, *place, hlt_us));
        let filed = in_order(LOOKUPS, lookups.collect::<Vec<_>>()).await?;
        let mut places: Vec<_> =
            behind.into_iter().zip(filed).filter(|(_, filed)| !filed).map(|(place, _)| place).collect();
        if !places.is_empty() {
            era_us = hlt_us.max(era_us.saturating_add(1));
        }
        places.append(&mut ahead);
        places.iter_mut().for_each(|place| place.era_us = era_us);
        Ok(places)
    }

    /// Whether a transition was stored by an earlier batch, or stands in the feed. That this batch stored it says
    /// nothing: it may be tried a second time.
    async fn is_filed(&self, lane: Lane, place: Place, hlt_us: i64) -> Result<bool, StoreError> {
        let id = place.id.0.to_vec();
        let by_id = &self.db.statements.transition_by_id;
        let found = self.db.one::<(Option<Vec<u8>>, Option<i64>)>(by_id, (id.clone(),)).await?;
        if found.and_then(|(_, written_us)| written_us).is_some_and(|written_us| written_us < hlt_us) {
            return Ok(true);
        }
        let key = (keys::tenant(lane.0), i32::from(lane.1), place.era_us, place.offset, place.nth, id);
        Ok(self.db.one::<(i64,)>(&self.db.statements.feed_place, key).await?.is_some())
    }

    /// Writes the places, then how far they reach.
    pub(super) async fn write_feed(&self, hlt_us: i64, plan: FeedPlan) -> Result<(), StoreError> {
        let db = &self.db;
        db.put_all(plan.places.iter().map(|(lane, place)| put_place(db, *lane, *place, hlt_us)).collect()).await?;
        let head = |(lane, place): (&Lane, &Place)| {
            register(db, (HEAD, keys::tenant(lane.0)), lane.1.to_string(), place.to_cell(), hlt_us)
        };
        db.put_all(plan.heads.iter().map(head).collect()).await?;
        self.heads.learn(plan.heads, hlt_us);
        Ok(())
    }
}

fn put_place(db: &Db, (tenant, lane): Lane, place: Place, hlt_us: i64) -> Put<'_> {
    let tenant = keys::tenant(tenant);
    Put {
        partition: (Table::TenantFeed, pair(tenant, lane.into())),
        statement: &db.statements.put_feed,
        values: vec![
            BigInt(tenant),
            Int(lane.into()),
            BigInt(place.era_us),
            BigInt(place.offset),
            SmallInt(place.nth),
            Blob(place.id.0.to_vec()),
            BigInt(hlt_us),
            Int(db.lifetimes.feed),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_compare_as_their_cells_do_and_come_back() {
        let place = |era_us, offset, nth, id| Place { era_us, offset, nth, id: TransitionId([id; 16]) };
        let places = [
            place(0, 0, 0, 0),
            place(0, 0, 0, 255),
            place(0, 0, 1, 0),
            place(0, 255, 0, 0),
            place(0, 256, 0, 0),
            place(1, 0, 0, 0),
            place(1_800_000_000_000_000, i64::MAX, i16::MAX, 255),
        ];
        assert!(places.is_sorted() && places.iter().all(|place| Place::START < *place));
        assert!(places.map(Place::to_cell).is_sorted());
        for place in places {
            assert_eq!(Place::from_cell(&place.to_cell()), Some(place));
        }
        assert_eq!(Place::from_cell(&[0, 1, 2]), None);
        assert_eq!(Place::from_cell(&[places[0].to_cell(), vec![0]].concat()), None);
    }
}
