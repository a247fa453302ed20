//! One step of a shard's owner as rows. Cells carry no time of their own: everything here depends on the batch
//! alone, so that two owners of a shard write the same bytes (invariant I6).
//!
//! Of two states of one row in a batch only the last is written: both would carry the same timestamp, and of
//! two such values the database keeps the larger, not the later.

use super::db::{Db, outliving};
use super::keys;
use super::put::{Put, Table};
use super::spans::{DELIVERY_MONTH, HISTORY_DAY, Span, TRANSITION_MONTH};
use crate::ShardBatch;
use crate::cell::Cell;
use crate::row::Revocation;
use domain::command::Status;
use domain::delivery::Delivery;
use domain::engine::effects::{HistoryRow, MonitorRow, StatusRow};
use domain::transition::{Reason, Transition};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlValue::{self, BigInt, Blob, Int, SmallInt, Text, TinyInt};
use std::collections::BTreeMap;

/// The register of revocations.
pub(super) const REVOKED: &str = "revoked";
/// Spans outlive the rows they point to, which are written until the end of a day or month, and may be again.
const DAY_SECS: i32 = 2 * 86_400;
const MONTH_SECS: i32 = 32 * 86_400;

/// The rows of a batch but for its feed. `spans`: those that were not seen before.
pub(super) fn rows<'d>(db: &'d Db, batch: &ShardBatch, spans: &[Span]) -> Vec<Put<'d>> {
    let encoder = Encoder { db, hlt: batch.hlt_us };
    let mut puts = Vec::new();
    puts.extend(latest(&batch.monitors, |row| slug_key(&row.config.identity)).map(|row| encoder.config(row)));
    puts.extend(latest(&batch.statuses, |row| (row.tenant, row.slug.clone())).map(|row| encoder.status(row)));
    puts.extend(latest(&batch.statuses, |row| (row.tenant, row.slug.clone())).filter_map(|row| encoder.opened(row)));
    puts.extend(batch.transitions.iter().filter_map(|row| encoder.closed(row)));
    puts.extend(latest(&batch.history, |row| (row.monitor, row.offset)).map(|row| encoder.ping(row)));
    puts.extend(numbered(&batch.transitions).flat_map(|(nth, row)| encoder.transition(nth, row)));
    puts.extend(latest(&batch.deliveries, |row| row.id).flat_map(|row| encoder.delivery(row)));
    puts.extend(latest(&batch.revocations, |row| row.monitor).map(|row| encoder.revocation(row)));
    puts.extend(spans.iter().map(|span| encoder.span(*span)));
    puts
}

/// Where rows of the batch lie that lists must be able to find.
pub(super) fn spans(batch: &ShardBatch) -> Vec<Span> {
    let days = batch.history.iter().map(|row| Span(HISTORY_DAY, keys::monitor(row.monitor), keys::day(row.ping.at_ms)));
    let months = batch.transitions.iter();
    let months = months.map(|row| Span(TRANSITION_MONTH, keys::monitor(row.monitor), keys::month(row.known_ms)));
    let deliveries = batch.deliveries.iter();
    let deliveries =
        deliveries.map(|row| Span(DELIVERY_MONTH, keys::channel(row.channel), keys::month(row.created_ms)));
    let mut spans: Vec<_> = days.chain(months).chain(deliveries).collect();
    spans.sort_unstable();
    spans.dedup();
    spans
}

/// Transitions with their number among those of the same record, which is the same in every batch: a record's
/// transitions are never parted. Of one that is there twice the last counts.
pub(super) fn numbered(transitions: &[Transition]) -> impl Iterator<Item = (i16, &Transition)> {
    let last: BTreeMap<_, _> = transitions.iter().enumerate().map(|(at, row)| (row.id, at)).collect();
    let rows = transitions.iter().enumerate().filter(move |(at, row)| last.get(&row.id) == Some(at));
    let mut next: BTreeMap<u64, i16> = BTreeMap::new();
    rows.map(move |(_, row)| {
        let nth = next.entry(row.offset).or_default();
        let number = *nth;
        *nth = nth.saturating_add(1);
        (number, row)
    })
}

fn slug_key(identity: &domain::monitor::Identity) -> (domain::ids::TenantId, String) {
    (identity.tenant, identity.slug.clone())
}

/// The last of the rows with each key.
fn latest<R, K: Ord>(rows: &[R], key: impl Fn(&R) -> K) -> impl Iterator<Item = &R> {
    rows.iter().map(|row| (key(row), row)).collect::<BTreeMap<_, _>>().into_values()
}

/// A partition's key of two numbers.
pub(super) fn pair(first: i64, second: i64) -> u128 {
    u128::from(first as u64) << 64 | u128::from(second as u64)
}

struct Encoder<'d> {
    db: &'d Db,
    hlt: i64,
}

impl<'d> Encoder<'d> {
    fn config(&self, row: &MonitorRow) -> Put<'d> {
        let identity = &row.config.identity;
        self.cell_of_monitor(
            &self.db.statements.put_config,
            keys::tenant(identity.tenant),
            &identity.slug,
            row.to_cell(),
        )
    }

    fn status(&self, row: &StatusRow) -> Put<'d> {
        self.cell_of_monitor(&self.db.statements.put_status, keys::tenant(row.tenant), &row.slug, row.to_cell())
    }

    fn cell_of_monitor(&self, statement: &'d PreparedStatement, tenant: i64, slug: &str, cell: Vec<u8>) -> Put<'d> {
        let bucket = keys::bucket(slug);
        let values = vec![BigInt(tenant), SmallInt(bucket), Text(slug.to_owned()), Blob(cell), BigInt(self.hlt)];
        Put { partition: (Table::Monitor, pair(tenant, bucket.into())), statement, values }
    }

    fn opened(&self, row: &StatusRow) -> Option<Put<'d>> {
        let (tenant, bucket) = (keys::tenant(row.tenant), keys::bucket(&row.slug));
        let opened_ms = row.live.incident.as_ref()?.opened_ms;
        Some(Put {
            partition: (Table::OpenIncident, pair(tenant, bucket.into())),
            statement: &self.db.statements.put_incident,
            values: vec![BigInt(tenant), SmallInt(bucket), BigInt(opened_ms), Text(row.slug.clone()), BigInt(self.hlt)],
        })
    }

    /// A transition that ends an incident names it, so the row of the incident can go without a look at it.
    fn closed(&self, row: &Transition) -> Option<Put<'d>> {
        let ends = row.to != Status::Down || row.reason == Reason::Deleted;
        let incident = row.incident.as_ref().filter(|_| ends)?;
        let (tenant, slug) = (row.identity.tenant, &row.identity.slug);
        Some(dropped_incident(self.db, keys::tenant(tenant), incident.opened_ms, slug, self.hlt))
    }

    fn ping(&self, row: &HistoryRow) -> Put<'d> {
        let (monitor, day) = (keys::monitor(row.monitor), keys::day(row.ping.at_ms));
        let mut values = vec![BigInt(monitor), Int(day), BigInt(row.offset as i64), Blob(row.to_cell())];
        values.extend(self.until(self.db.lifetimes.history));
        Put {
            partition: (Table::History, pair(monitor, day.into())),
            statement: &self.db.statements.put_history,
            values,
        }
    }

    fn transition(&self, nth: i16, row: &Transition) -> [Put<'d>; 2] {
        let (monitor, month, id) = (keys::monitor(row.monitor), keys::month(row.known_ms), row.id.0);
        let (cell, place) = (row.to_cell(), [BigInt(monitor), Int(month), BigInt(row.offset as i64), SmallInt(nth)]);
        let of_monitor = place.into_iter().chain([Blob(id.to_vec()), Blob(cell.clone())]);
        let by_id = [Blob(id.to_vec()), Blob(cell)].into_iter();
        let lifetime = self.db.lifetimes.transitions;
        [
            Put {
                partition: (Table::Transition, pair(monitor, month.into())),
                statement: &self.db.statements.put_transition,
                values: of_monitor.chain(self.until(lifetime)).collect(),
            },
            Put {
                partition: (Table::TransitionById, u128::from_be_bytes(id)),
                statement: &self.db.statements.put_transition_by_id,
                values: by_id.chain(self.until(lifetime)).collect(),
            },
        ]
    }

    fn delivery(&self, row: &Delivery) -> [Put<'d>; 2] {
        let (channel, month, id) = (keys::channel(row.channel), keys::month(row.created_ms), row.id.0);
        let (cell, place) = (row.to_cell(), [BigInt(channel), Int(month), BigInt(row.created_ms)]);
        let of_channel = place.into_iter().chain([Blob(id.to_vec()), Blob(cell.clone())]);
        let by_id = [Blob(id.to_vec()), Blob(cell)].into_iter();
        let lifetime = self.db.lifetimes.transitions;
        [
            Put {
                partition: (Table::ChannelDelivery, pair(channel, month.into())),
                statement: &self.db.statements.put_channel_delivery,
                values: of_channel.chain(self.until(lifetime)).collect(),
            },
            Put {
                partition: (Table::Delivery, u128::from_be_bytes(id)),
                statement: &self.db.statements.put_delivery,
                values: by_id.chain(self.until(lifetime)).collect(),
            },
        ]
    }

    fn revocation(&self, row: &Revocation) -> Put<'d> {
        let name = format!("{:016x}", row.monitor.0);
        register(self.db, (REVOKED, keys::revoked_range(row.monitor)), name, vec![row.least_generation], self.hlt)
    }

    fn span(&self, Span(kind, id, bucket): Span) -> Put<'d> {
        let lifetimes = self.db.lifetimes;
        let lifetime = match kind {
            HISTORY_DAY => outliving(lifetimes.history, DAY_SECS),
            _ => outliving(lifetimes.transitions, MONTH_SECS),
        };
        let values = [TinyInt(kind), BigInt(id), Int(bucket)].into_iter();
        Put {
            partition: (Table::Span, pair(kind.into(), id)),
            statement: &self.db.statements.put_span,
            values: values.chain(self.until(lifetime)).collect(),
        }
    }

    /// `USING TIMESTAMP ? AND TTL ?`.
    fn until(&self, lifetime: i32) -> [CqlValue; 2] {
        [BigInt(self.hlt), Int(lifetime)]
    }
}

/// Overwrites a small cell.
pub(super) fn register<'d>(
    db: &'d Db,
    (kind, id): (&'static str, i64),
    name: String,
    cell: Vec<u8>,
    timestamp_us: i64,
) -> Put<'d> {
    // Kinds differ in their first letter.
    let letter = i64::from(kind.as_bytes().first().copied().unwrap_or_default());
    let values = vec![Text(kind.to_owned()), BigInt(id), Text(name), Blob(cell), BigInt(timestamp_us)];
    Put { partition: (Table::Register, pair(letter, id)), statement: &db.statements.put_register, values }
}

/// Takes an incident off the list; one that is written with a later time stays.
pub(super) fn dropped_incident<'d>(db: &'d Db, tenant: i64, opened_ms: i64, slug: &str, timestamp_us: i64) -> Put<'d> {
    let bucket = keys::bucket(slug);
    Put {
        partition: (Table::OpenIncident, pair(tenant, bucket.into())),
        statement: &db.statements.drop_incident,
        values: vec![BigInt(timestamp_us), BigInt(tenant), SmallInt(bucket), BigInt(opened_ms), Text(slug.to_owned())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::world::World;

    #[test]
    fn of_several_states_of_a_row_the_last_is_written() {
        let rows = [(1, 'a'), (2, 'b'), (1, 'c')];
        assert_eq!(latest(&rows, |row| row.0).collect::<Vec<_>>(), [&(1, 'c'), &(2, 'b')]);
    }

    #[test]
    fn the_transitions_of_a_record_are_numbered_whatever_else_is_in_the_batch() {
        let world = World::new();
        let row = |nth, offset| world.transition("m", nth, offset);
        let (one, split) = ([row(0, 5), row(1, 6), row(2, 6), row(3, 7)], [row(1, 6), row(2, 6)]);
        assert_eq!(numbered(&one).map(|(nth, _)| nth).collect::<Vec<_>>(), [0, 0, 1, 0]);
        assert_eq!(numbered(&split).map(|(nth, _)| nth).collect::<Vec<_>>(), [0, 1]);
    }

    #[test]
    fn every_place_of_a_batch_is_named_once() {
        let world = World::new();
        let batch = ShardBatch {
            history: vec![world.ping("m", 1), world.ping("m", 2), world.ping("n", 1), world.ping("m", 90_000_000)],
            transitions: vec![world.transition("m", 0, 1), world.transition("m", 1, 2)],
            deliveries: vec![world.delivery(world.channel("c").id, 0, 5)],
            ..ShardBatch::default()
        };
        let of = |kind| spans(&batch).into_iter().filter(|span| span.0 == kind).count();
        assert_eq!([of(HISTORY_DAY), of(TRANSITION_MONTH), of(DELIVERY_MONTH)], [3, 1, 1]);
    }
}
