//! A tenant's transitions from a cursor on ([`crate::scylla::feed`] says why a cursor misses nothing). A cursor
//! is good for as long as rows of the feed live, a week; what an older one missed is in the lists of the monitors.

use crate::page::{List, clamp, foreign_token};
use crate::scylla::db::without_damaged;
use crate::scylla::feed::{HEAD, Place};
use crate::scylla::put::in_order;
use crate::scylla::{ScyllaStore, keys};
use crate::{Page, StoreError};
use domain::ids::{TenantId, TransitionId};
use domain::transition::Transition;
use std::collections::{BTreeMap, VecDeque};

/// Lanes, and transitions, read at once.
const LOOKUPS: usize = 32;
/// What a lane takes in a cursor at most: lane, era, offset, number, id; and in base64.
const LANE_BYTES: usize = 3 + 10 + 10 + 3 + 16;
const LANE_CHARS: usize = LANE_BYTES * 4 / 3 + 1;

/// A place per lane; a lane that is not there has not begun.
type Places = BTreeMap<u16, Place>;
/// A row of the feed.
type Raw = (i64, i64, i16, Vec<u8>);

pub(super) async fn page(
    store: &ScyllaStore,
    tenant: TenantId,
    limit: u32,
    cursor: Option<&str>,
) -> Result<Page<Transition>, StoreError> {
    let list = List::new(b's', u64::from(tenant.0));
    let most_chars = 64 + usize::from(store.db.shards.get()) * LANE_CHARS;
    let from =
        cursor.map(|token| decode(&list.key_within(token, most_chars)?).ok_or_else(foreign_token)).transpose()?;
    let heads = heads(store, tenant).await?;
    let Some(mut places) = from else {
        return Ok(Page { rows: Vec::new(), next: Some(list.token(&encode(&heads))) });
    };
    let (news, ends) = news(store, tenant, clamp(limit), &places, &heads).await?;
    let rows = by_time(rows_of(store, news).await?);
    places.extend(ends);
    Ok(Page { rows, next: Some(list.token(&encode(&places))) })
}

/// How far each lane reaches.
async fn heads(store: &ScyllaStore, tenant: TenantId) -> Result<Places, StoreError> {
    let cells =
        store.db.all::<(String, Option<Vec<u8>>)>(&store.db.statements.registers, (HEAD, keys::tenant(tenant))).await?;
    Ok(cells.into_iter().filter_map(|(lane, cell)| Some((lane.parse().ok()?, Place::from_cell(&cell?)?))).collect())
}

/// The places to tell of, by lane, and how far that takes each lane.
type News = (Vec<Vec<Place>>, Places);

async fn news(
    store: &ScyllaStore,
    tenant: TenantId,
    limit: usize,
    places: &Places,
    heads: &Places,
) -> Result<News, StoreError> {
    let before = |lane: &u16| places.get(lane).copied().unwrap_or(Place::START);
    let mut moved: Vec<_> = heads.iter().filter(|(lane, head)| before(lane) < **head).collect();
    // Not always the same lane first: a busy one would keep the others waiting.
    let turns = places.values().fold(0_u64, |turns, place| turns.wrapping_add(place.offset as u64));
    let first = turns as usize % moved.len().max(1);
    moved.rotate_left(first);
    moved.truncate(limit);
    let lanes = moved.iter().map(|(lane, _)| lane_after(store, tenant, **lane, before(lane), limit));
    let mut read = in_order(LOOKUPS, lanes).await?;
    let shares = shares(limit, &read.iter().map(Vec::len).collect::<Vec<_>>());
    let mut ends = Places::new();
    for ((lane, head), (rows, share)) in moved.into_iter().zip(read.iter_mut().zip(shares)) {
        // A lane that was read to its end was read as far as its head, also if rows before that have expired.
        let is_at_end = rows.len() == share && rows.len() < limit;
        rows.truncate(share);
        let end = rows.last().copied().max(is_at_end.then_some(*head));
        ends.extend(end.map(|end| (*lane, end)));
    }
    Ok((read, ends))
}

async fn lane_after(
    store: &ScyllaStore,
    tenant: TenantId,
    lane: u16,
    after: Place,
    limit: usize,
) -> Result<Vec<Place>, StoreError> {
    let Place { era_us, offset, nth, id } = after;
    let key = (keys::tenant(tenant), i32::from(lane), era_us, offset, nth, id.0.to_vec(), limit as i32);
    let rows = store.db.all::<Raw>(&store.db.statements.feed, key).await?;
    let place =
        |(era_us, offset, nth, id): Raw| Some(Place { era_us, offset, nth, id: TransitionId(id.try_into().ok()?) });
    Ok(rows.into_iter().filter_map(place).collect())
}

/// How many rows each lane may give, so that all together give `limit`: as evenly as can be.
fn shares(limit: usize, lengths: &[usize]) -> Vec<usize> {
    let mut shares = vec![0; lengths.len()];
    let mut left = limit;
    while left > 0 {
        let waiting = shares.iter().zip(lengths).filter(|(share, length)| share < length).count();
        if waiting == 0 {
            break;
        }
        let each = (left / waiting).max(1);
        for (share, length) in shares.iter_mut().zip(lengths) {
            let more = each.min(length - *share).min(left);
            (*share, left) = (*share + more, left - more);
        }
    }
    shares
}

/// What the places point to. A transition that has expired, or is damaged, is passed.
async fn rows_of(store: &ScyllaStore, lanes: Vec<Vec<Place>>) -> Result<Vec<VecDeque<Transition>>, StoreError> {
    let ids = lanes.iter().flatten().map(|place| place.id);
    let found = in_order(LOOKUPS, ids.map(|id| undamaged(store, id))).await?;
    let mut found = found.into_iter();
    Ok(lanes.iter().map(|lane| found.by_ref().take(lane.len()).flatten().collect()).collect())
}

async fn undamaged(store: &ScyllaStore, id: TransitionId) -> Result<Option<Transition>, StoreError> {
    without_damaged(store.transition_of_id(id).await)
}

/// All lanes as one list: by time as far as each lane's own order allows.
fn by_time(mut lanes: Vec<VecDeque<Transition>>) -> Vec<Transition> {
    let mut rows = Vec::new();
    loop {
        let heads = lanes.iter_mut().filter(|lane| !lane.is_empty());
        let earliest = heads.min_by_key(|lane| lane.front().map(|row| row.known_ms));
        match earliest.and_then(VecDeque::pop_front) {
            Some(row) => rows.push(row),
            None => return rows,
        }
    }
}

/// Lanes in order, each number as a varint.
fn encode(places: &Places) -> Vec<u8> {
    let mut key = Vec::with_capacity(places.len() * LANE_BYTES);
    for (lane, place) in places {
        put_varint(&mut key, u64::from(*lane));
        put_varint(&mut key, place.era_us as u64);
        put_varint(&mut key, place.offset as u64);
        put_varint(&mut key, place.nth as u64);
        key.extend_from_slice(&place.id.0);
    }
    key
}

fn decode(mut key: &[u8]) -> Option<Places> {
    let mut places = Places::new();
    while !key.is_empty() {
        let lane = take_varint(&mut key)?.try_into().ok()?;
        let era_us = take_varint(&mut key)?.try_into().ok()?;
        let offset = take_varint(&mut key)?.try_into().ok()?;
        let nth = take_varint(&mut key)?.try_into().ok()?;
        let (id, rest) = key.split_first_chunk()?;
        key = rest;
        places.insert(lane, Place { era_us, offset, nth, id: TransitionId(*id) });
    }
    Some(places)
}

fn put_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_whole_or_not_at_all() {
        let place = |n: i64| Place { era_us: n, offset: n * 3, nth: 300, id: TransitionId([n as u8; 16]) };
        let places: Places = [(0, place(0)), (63, place(1 << 50)), (4_095, place(i64::MAX / 3))].into_iter().collect();
        let key = encode(&places);
        assert_eq!(decode(&key), Some(places.clone()));
        assert!(key.len() <= places.len() * LANE_BYTES);
        assert!((1..key.len()).all(|length| decode(&key[..length]).is_none_or(|some| some.len() < places.len())));
        assert_eq!(decode(&[0xff; 30]), None);
        assert_eq!(decode(&[]), Some(Places::new()));
    }

    #[test]
    fn lanes_share_a_page_as_evenly_as_they_can() {
        assert_eq!(shares(10, &[100, 100]), [5, 5]);
        assert_eq!(shares(10, &[1, 100, 3]), [1, 6, 3]);
        assert_eq!(shares(2, &[5, 5, 5]), [1, 1, 0]);
        assert_eq!(shares(10, &[1, 0]), [1, 0]);
        assert_eq!(shares(10, &[]), Vec::<usize>::new());
    }
}
