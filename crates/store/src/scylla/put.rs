//! Writing rows, in the groups that [`super::group`] makes of them, some side by side. Everything here may be
//! repeated, and is until the database says that it is done.

use super::db::{Db, WRITES_IN_FLIGHT};
use super::group::{Group, Piece, by_partition, share};
use super::retry::repeat;
use crate::{StoreError, metric};
use futures::{StreamExt, TryStreamExt, stream};
use scylla::cluster::ClusterState;
use scylla::routing::Shard;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::value::CqlValue;

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

impl Piece for Put<'_> {
    type Partition = Partition;

    fn partition(&self) -> Partition {
        self.partition
    }

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

/// The node, and on ScyllaDB the core, that a row belongs to first.
fn home(cluster: &ClusterState, put: &Put<'_>) -> Option<(u128, Shard)> {
    let token = put.statement.calculate_token(&put.values).ok()??;
    let table = put.statement.get_table_spec()?;
    let homes = cluster.get_token_endpoints(table.ks_name(), table.table_name(), token);
    homes.first().map(|(node, core)| (node.host_id.as_u128(), *core))
}

impl Db {
    /// Writes all rows. When it returns they are durable and readable; on an error any of them may be.
    pub(super) async fn put_all(&self, puts: Vec<Put<'_>>) -> Result<(), StoreError> {
        let cluster = self.session.get_cluster_state();
        let units = share(by_partition(puts), |put| home(&cluster, put));
        stream::iter(units.into_iter().map(Ok))
            .try_for_each_concurrent(WRITES_IN_FLIGHT, |groups| self.put_in_order(groups))
            .await
    }

    async fn put_in_order(&self, groups: Vec<Group<Put<'_>>>) -> Result<(), StoreError> {
        for group in groups {
            self.put_group(&group).await?;
            group.pieces.iter().for_each(|put| metric::count_written(put.partition.0.name(), put.bytes()));
        }
        Ok(())
    }

    async fn put_group(&self, group: &Group<Put<'_>>) -> Result<(), StoreError> {
        let _turn = self.writes.acquire().await.map_err(|_| StoreError::Broken("the store is closed".into()))?;
        if let [put] = &group.pieces[..] {
            let request = || self.session.execute_unpaged(put.statement, &put.values);
            return repeat(self.write_patience(), true, request).await.map(drop);
        }
        let mut batch = Batch::new(BatchType::Unlogged);
        batch.set_is_idempotent(true);
        group.pieces.iter().for_each(|put| batch.append_statement(put.statement.clone()));
        let values: Vec<_> = group.pieces.iter().map(|put| &put.values).collect();
        let (batch, values) = (&batch, &values);
        repeat(self.write_patience(), true, || self.session.batch(batch, values)).await.map(drop)
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
