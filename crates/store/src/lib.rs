//! The tables: what must outlive a process and is not in the log.
//!
//! One trait per table and need, one suite ([`conformance`]) that every backend passes unchanged. Rows of a
//! shard are written only by the shard's owner and carry a time of the log's ([`ShardBatch::hlt_us`]), so
//! that two believed owners write the same bytes with the same timestamps (invariant I6).

pub mod cell;
pub mod conformance;
pub mod embedded;
mod metric;
mod page;
pub mod row;
#[cfg(feature = "scylla")]
pub mod scylla;
pub mod seal;

use async_trait::async_trait;
use domain::delivery::Delivery;
use domain::engine::effects::{HistoryRow, MonitorRow, StatusRow};
use domain::ids::{ChannelId, DeliveryId, MonitorId, ShardId, TenantId, TransitionId};
use domain::transition::Transition;
use row::{ApiKeyRow, ChannelRow, Revocation, ShardOwner, TenantRow};

/// Why the store did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Worth trying again: busy, timed out. A write may have been applied.
    #[error("the store is busy: {0}")]
    Busy(String),
    /// A row that cannot be read; the others can.
    #[error("a row of {table} is damaged: {problem}")]
    Damaged { table: &'static str, problem: String },
    /// Somebody else was first (a name taken, a version changed).
    #[error("conflict: {0}")]
    Conflict(String),
    #[error("the store failed: {0}")]
    Broken(String),
}

/// Everything one step of a shard's owner writes. All of it is idempotent: writing it twice is writing it once.
#[derive(Clone, Debug, Default)]
pub struct ShardBatch {
    /// Hybrid log time: `max(previous + 1, append time in microseconds)`.
    pub hlt_us: i64,
    pub monitors: Vec<MonitorRow>,
    pub statuses: Vec<StatusRow>,
    pub history: Vec<HistoryRow>,
    /// Also the outbox: a transition is readable by id until its deliveries are terminal, and long after.
    pub transitions: Vec<Transition>,
    pub deliveries: Vec<Delivery>,
    pub revocations: Vec<Revocation>,
}

impl ShardBatch {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.monitors.is_empty()
            && self.statuses.is_empty()
            && self.history.is_empty()
            && self.transitions.is_empty()
            && self.deliveries.is_empty()
            && self.revocations.is_empty()
    }
}

/// One piece of a snapshot. `epoch` is the applied offset it was taken at, so that the pieces of two
/// snapshots, or of two believed owners, never overwrite each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChunkKey {
    pub kind: u8,
    pub index: u32,
    pub epoch: u64,
}

/// A snapshot to keep. It counts from the moment its manifest is written, which is the last step.
#[derive(Clone, Debug, Default)]
pub struct SnapshotWrite {
    pub hlt_us: i64,
    pub chunks: Vec<(ChunkKey, Vec<u8>)>,
    /// Opaque to the store; names the chunks that make up the snapshot.
    pub manifest: Vec<u8>,
    /// Chunks of older snapshots that are no longer named by any manifest.
    pub forget: Vec<ChunkKey>,
}

/// What a shard's owner writes and reads back.
#[async_trait]
pub trait ShardTables: Send + Sync {
    /// Writes a step. When it returns the rows are readable and survive the loss of any process. They must
    /// survive everything once a later `save_snapshot` has returned; until then the log can bring them back.
    async fn write(&self, shard: ShardId, batch: ShardBatch) -> Result<(), StoreError>;
    /// Chunks first, manifest last, then the forgotten ones go.
    async fn save_snapshot(&self, shard: ShardId, snapshot: SnapshotWrite) -> Result<(), StoreError>;
    async fn load_manifest(&self, shard: ShardId) -> Result<Option<Vec<u8>>, StoreError>;
    /// In the order asked; a missing one is [`StoreError::Damaged`].
    async fn load_chunks(&self, shard: ShardId, keys: &[ChunkKey]) -> Result<Vec<Vec<u8>>, StoreError>;
    /// A transition with open deliveries. `known_ms` is where it was filed.
    async fn transition(
        &self,
        shard: ShardId,
        known_ms: i64,
        id: TransitionId,
    ) -> Result<Option<Transition>, StoreError>;
    /// Says who answers for a shard: a hint for routing, never an authority.
    async fn claim_shard(&self, shard: ShardId, owner: ShardOwner) -> Result<(), StoreError>;
    /// Takes back a claim, if it is still the one that stands: an owner that comes to itself late must not take away
    /// its successor's.
    async fn step_down(&self, shard: ShardId, owner: &ShardOwner) -> Result<(), StoreError>;
    async fn shard_owner(&self, shard: ShardId) -> Result<Option<ShardOwner>, StoreError>;
}

/// A page of rows and where the next one begins; `None`: that was all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub rows: Vec<T>,
    pub next: Option<String>,
}

/// Which monitors a list wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MonitorFilter {
    /// All of these tags.
    pub tags: Vec<String>,
}

/// A monitor with its last stored status.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredMonitor {
    pub row: MonitorRow,
    pub status: Option<StatusRow>,
}

/// What tenants look at. Deleted monitors are found by `monitor` (the flag says so) but not listed. Page
/// tokens are texts of the backend's own; a token it did not give is [`StoreError::Conflict`].
#[async_trait]
pub trait TenantReads: Send + Sync {
    async fn monitor(&self, tenant: TenantId, slug: &str) -> Result<Option<StoredMonitor>, StoreError>;
    /// By slug, ascending.
    async fn monitors(
        &self,
        tenant: TenantId,
        filter: &MonitorFilter,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<StoredMonitor>, StoreError>;
    /// Newest first (by offset).
    async fn history(
        &self,
        monitor: MonitorId,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<HistoryRow>, StoreError>;
    /// Newest first.
    async fn transitions(
        &self,
        monitor: MonitorId,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<Transition>, StoreError>;
    /// Transitions of a tenant in the order they were stored, after a cursor (`None`: from now; the page is
    /// then empty and `next` is the cursor to go on from). `next` is always there.
    async fn transitions_since(
        &self,
        tenant: TenantId,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Transition>, StoreError>;
    async fn transition_by_id(&self, tenant: TenantId, id: TransitionId) -> Result<Option<Transition>, StoreError>;
    /// Monitors whose stored status has an open incident, oldest incident first.
    async fn open_incidents(
        &self,
        tenant: TenantId,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<StoredMonitor>, StoreError>;
    /// Newest first.
    async fn deliveries(
        &self,
        channel: ChannelId,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<Delivery>, StoreError>;
    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError>;
}

/// Tenants, keys, channels and revoked tokens: written by the API, a few rows each.
#[async_trait]
pub trait Directory: Send + Sync {
    async fn tenant(&self, id: TenantId) -> Result<Option<TenantRow>, StoreError>;
    async fn put_tenant(&self, row: TenantRow) -> Result<(), StoreError>;
    /// Refused with `Conflict` when the prefix is taken.
    async fn add_api_key(&self, row: ApiKeyRow) -> Result<(), StoreError>;
    async fn api_key(&self, prefix: &str) -> Result<Option<ApiKeyRow>, StoreError>;
    async fn api_keys(&self, tenant: TenantId) -> Result<Vec<ApiKeyRow>, StoreError>;
    /// Whether there was such a key.
    async fn revoke_api_key(&self, tenant: TenantId, prefix: &str) -> Result<bool, StoreError>;
    /// Refused with `Conflict` when the name is taken in its tenant.
    async fn add_channel(&self, row: ChannelRow) -> Result<(), StoreError>;
    /// Replaces a channel if its stored version is `row.version - 1`; else `Conflict`.
    async fn update_channel(&self, row: ChannelRow) -> Result<(), StoreError>;
    async fn channel(&self, id: ChannelId) -> Result<Option<ChannelRow>, StoreError>;
    async fn channel_by_name(&self, tenant: TenantId, name: &str) -> Result<Option<ChannelRow>, StoreError>;
    /// By name, without deleted ones.
    async fn channels(&self, tenant: TenantId) -> Result<Vec<ChannelRow>, StoreError>;
    /// All revocations: a small set that ingest keeps in memory and reads again every few seconds.
    async fn revocations(&self) -> Result<Vec<Revocation>, StoreError>;
}

/// The whole store.
#[async_trait]
pub trait Store: ShardTables + TenantReads + Directory + 'static {
    /// Removes history and transitions older than this. Called now and then by the owner of the process.
    async fn expire(&self, history_before_ms: i64, transitions_before_ms: i64) -> Result<u64, StoreError>;
    /// A cheap question that only a working store answers, for `/readyz`.
    async fn ping(&self) -> Result<(), StoreError>;
}
