//! Writing rows: those of one partition share unlogged batches, which cost the database a thirteenth of what
//! they would one by one and become visible together. Batches of a partition follow one another, in the order
//! of their rows; partitions are written side by side.

use super::db::{Db, WRITES_IN_FLIGHT};
use super::retry::repeat;
use crate::{StoreError, metric};
use futures::{StreamExt, TryStreamExt, stream};
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlValue;
use std::collections::BTreeMap;

/// The most rows and, for two and more, bytes of a batch. One partition is one mutation, to which the
/// database's limits on batches do not apply; this keeps it far below a segment of the commit log.
const BATCH_ROWS: usize = 50;
const BATCH_BYTES: usize = 64 << 10;
/// What a row costs besides its cell: key, timestamp, lifetime, length prefixes.
const ROW_BYTES: usize = 40;

/// The tables of shards' rows, as metric labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Table {
    ShardChunk,
    Register,
    Monitor,
    OpenIncident,
    History,
    Span,
    Transition,
    TransitionById,
    TenantFeed,
    Delivery,
    ChannelDelivery,
}

impl Table {
    fn name(self) -> &'static str {
        match self {
            Self::ShardChunk => "shard_chunk",
            Self::Register => "register",
            Self::Monitor => "monitor",
            Self::OpenIncident => "open_incident",
            Self::History => "history",
            Self::Span => "span",
            Self::Transition => "transition",
            Self::TransitionById => "transition_by_id",
            Self::TenantFeed => "tenant_feed",
            Self::Delivery => "delivery",
            Self::ChannelDelivery => "channel_delivery",
        }
    }
}

/// A partition of a table; `key` tells it from the others of its table.
pub(super) type Partition = (Table, u128);

/// One row to write or delete. Its statement may be repeated.
pub(super) struct Put<'d> {
    pub partition: Partition,
    pub statement: &'d PreparedStatement,
    pub values: Vec<CqlValue>,
}

impl Put<'_> {
    fn bytes(&self) -> usize {
        ROW_BYTES + self.values.iter().map(value_bytes).sum::<usize>()
    }
}

fn value_bytes(value: &CqlValue) -> usize {
    match value {
        CqlValue::Blob(bytes) => bytes.len(),
        CqlValue::Text(text) => text.len(),
        _ => 0,
    }
}

/// Rows of one partition that are written together.
#[derive(Default)]
struct Group<'d> {
    statements: Vec<&'d PreparedStatement>,
    values: Vec<Vec<CqlValue>>,
    bytes: usize,
}

impl<'d> Group<'d> {
    fn has_room(&self, bytes: usize) -> bool {
        self.values.is_empty() || (self.values.len() < BATCH_ROWS && self.bytes + bytes <= BATCH_BYTES)
    }

    fn add(&mut self, put: Put<'d>) {
        self.bytes += put.bytes();
        self.statements.push(put.statement);
        self.values.push(put.values);
    }
}

/// By partition, each as groups in the order given.
fn group(puts: Vec<Put<'_>>) -> BTreeMap<Partition, Vec<Group<'_>>> {
    let mut partitions: BTreeMap<Partition, Vec<Group<'_>>> = BTreeMap::new();
    for put in puts {
        let groups = partitions.entry(put.partition).or_default();
        match groups.last_mut().filter(|last| last.has_room(put.bytes())) {
            Some(last) => last.add(put),
            None => {
                let mut fresh = Group::default();
                fresh.add(put);
                groups.push(fresh);
            }
        }
    }
    partitions
}

impl Db {
    /// Writes all rows. When it returns they are durable and readable; on an error any of them may be.
    pub(super) async fn put_all(&self, puts: Vec<Put<'_>>) -> Result<(), StoreError> {
        let partitions = group(puts).into_iter().map(Ok);
        stream::iter(partitions)
            .try_for_each_concurrent(WRITES_IN_FLIGHT, |((table, _), groups)| self.put_partition(table, groups))
            .await
    }

    async fn put_partition(&self, table: Table, groups: Vec<Group<'_>>) -> Result<(), StoreError> {
        for group in groups {
            self.put_group(&group).await?;
            metric::count_written(table.name(), group.values.len(), group.bytes);
        }
        Ok(())
    }

    async fn put_group(&self, group: &Group<'_>) -> Result<(), StoreError> {
        let _turn = self.writes.acquire().await.map_err(|_| StoreError::Broken("the store is closed".into()))?;
        if let ([statement], [values]) = (&group.statements[..], &group.values[..]) {
            let request = || self.session.execute_unpaged(statement, values);
            return repeat(self.write_patience(), true, request).await.map(drop);
        }
        let mut batch = Batch::new(BatchType::Unlogged);
        batch.set_is_idempotent(true);
        group.statements.iter().for_each(|statement| batch.append_statement((*statement).clone()));
        let batch = &batch;
        repeat(self.write_patience(), true, || self.session.batch(batch, &group.values)).await.map(drop)
    }
}

/// Lookups, some at once, with their answers in the order asked.
pub(super) async fn in_order<T, F: Future<Output = Result<T, StoreError>>>(
    at_once: usize,
    requests: impl IntoIterator<Item = F>,
) -> Result<Vec<T>, StoreError> {
    // Collected first: a stream over a closure that borrows is not `Send` for every lifetime (rust-lang/rust#102211).
    let requests: Vec<F> = requests.into_iter().collect();
    stream::iter(requests).buffered(at_once).try_collect().await
}
