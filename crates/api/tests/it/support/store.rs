//! The embedded store behind a switch: away, it answers nothing but errors. It counts how often news were asked for.

use async_trait::async_trait;
use domain::delivery::Delivery;
use domain::engine::effects::HistoryRow;
use domain::ids::{ChannelId, DeliveryId, MonitorId, ShardId, TenantId, TransitionId};
use domain::transition::Transition;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use store::embedded::EmbeddedStore;
use store::row::{ApiKeyRow, ChannelRow, Revocation, ShardOwner, TenantRow};
use store::{
    ChunkKey, Directory, MonitorFilter, Page, ShardBatch, ShardTables, SnapshotWrite, Store, StoreError, StoredMonitor,
    TenantReads,
};

pub struct SwitchedStore {
    inner: Arc<EmbeddedStore>,
    is_away: AtomicBool,
    /// Whether each page of news comes from its end.
    pub reversed: AtomicBool,
    /// How often news were asked for.
    pub looks: AtomicU32,
    /// How often a key was looked up.
    pub keys: AtomicU32,
}

impl SwitchedStore {
    pub fn new(inner: Arc<EmbeddedStore>) -> Arc<Self> {
        Arc::new(Self {
            inner,
            is_away: AtomicBool::new(false),
            reversed: AtomicBool::new(false),
            looks: AtomicU32::new(0),
            keys: AtomicU32::new(0),
        })
    }

    pub fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::SeqCst);
    }

    fn there(&self) -> Result<&EmbeddedStore, StoreError> {
        match self.is_away.load(Ordering::SeqCst) {
            true => Err(StoreError::Busy("switched off by the test".into())),
            false => Ok(&self.inner),
        }
    }
}

#[async_trait]
impl ShardTables for SwitchedStore {
    async fn write(&self, shard: ShardId, batch: ShardBatch) -> Result<(), StoreError> {
        self.there()?.write(shard, batch).await
    }
    async fn save_snapshot(&self, shard: ShardId, snapshot: SnapshotWrite) -> Result<(), StoreError> {
        self.there()?.save_snapshot(shard, snapshot).await
    }
    async fn load_manifest(&self, shard: ShardId) -> Result<Option<Vec<u8>>, StoreError> {
        self.there()?.load_manifest(shard).await
    }
    async fn load_chunks(&self, shard: ShardId, keys: &[ChunkKey]) -> Result<Vec<Vec<u8>>, StoreError> {
        self.there()?.load_chunks(shard, keys).await
    }
    async fn transition(
        &self,
        shard: ShardId,
        known_ms: i64,
        id: TransitionId,
    ) -> Result<Option<Transition>, StoreError> {
        self.there()?.transition(shard, known_ms, id).await
    }
    async fn step_down(&self, shard: ShardId, owner: &ShardOwner) -> Result<(), StoreError> {
        self.there()?.step_down(shard, owner).await
    }
    async fn claim_shard(&self, shard: ShardId, owner: ShardOwner) -> Result<(), StoreError> {
        self.there()?.claim_shard(shard, owner).await
    }
    async fn shard_owner(&self, shard: ShardId) -> Result<Option<ShardOwner>, StoreError> {
        self.there()?.shard_owner(shard).await
    }
}

#[async_trait]
impl TenantReads for SwitchedStore {
    async fn monitor(&self, tenant: TenantId, slug: &str) -> Result<Option<StoredMonitor>, StoreError> {
        self.there()?.monitor(tenant, slug).await
    }
    async fn monitors(
        &self,
        tenant: TenantId,
        filter: &MonitorFilter,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<StoredMonitor>, StoreError> {
        self.there()?.monitors(tenant, filter, limit, after).await
    }
    async fn history(
        &self,
        monitor: MonitorId,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<HistoryRow>, StoreError> {
        self.there()?.history(monitor, limit, after).await
    }
    async fn transitions(
        &self,
        monitor: MonitorId,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<Transition>, StoreError> {
        self.there()?.transitions(monitor, limit, after).await
    }
    async fn transitions_since(
        &self,
        tenant: TenantId,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Transition>, StoreError> {
        self.looks.fetch_add(1, Ordering::SeqCst);
        let mut page = self.there()?.transitions_since(tenant, limit, cursor).await?;
        if self.reversed.load(Ordering::SeqCst) {
            page.rows.reverse();
        }
        Ok(page)
    }
    async fn transition_by_id(&self, tenant: TenantId, id: TransitionId) -> Result<Option<Transition>, StoreError> {
        self.there()?.transition_by_id(tenant, id).await
    }
    async fn open_incidents(
        &self,
        tenant: TenantId,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<StoredMonitor>, StoreError> {
        self.there()?.open_incidents(tenant, limit, after).await
    }
    async fn deliveries(
        &self,
        channel: ChannelId,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<Delivery>, StoreError> {
        self.there()?.deliveries(channel, limit, after).await
    }
    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.there()?.delivery(id).await
    }
}

#[async_trait]
impl Directory for SwitchedStore {
    async fn tenant(&self, id: TenantId) -> Result<Option<TenantRow>, StoreError> {
        self.there()?.tenant(id).await
    }
    async fn put_tenant(&self, row: TenantRow) -> Result<(), StoreError> {
        self.there()?.put_tenant(row).await
    }
    async fn add_api_key(&self, row: ApiKeyRow) -> Result<(), StoreError> {
        self.there()?.add_api_key(row).await
    }
    async fn api_key(&self, prefix: &str) -> Result<Option<ApiKeyRow>, StoreError> {
        self.keys.fetch_add(1, Ordering::SeqCst);
        self.there()?.api_key(prefix).await
    }
    async fn api_keys(&self, tenant: TenantId) -> Result<Vec<ApiKeyRow>, StoreError> {
        self.there()?.api_keys(tenant).await
    }
    async fn revoke_api_key(&self, tenant: TenantId, prefix: &str) -> Result<bool, StoreError> {
        self.there()?.revoke_api_key(tenant, prefix).await
    }
    async fn add_channel(&self, row: ChannelRow) -> Result<(), StoreError> {
        self.there()?.add_channel(row).await
    }
    async fn update_channel(&self, row: ChannelRow) -> Result<(), StoreError> {
        self.there()?.update_channel(row).await
    }
    async fn channel(&self, id: ChannelId) -> Result<Option<ChannelRow>, StoreError> {
        self.there()?.channel(id).await
    }
    async fn channel_by_name(&self, tenant: TenantId, name: &str) -> Result<Option<ChannelRow>, StoreError> {
        self.there()?.channel_by_name(tenant, name).await
    }
    async fn channels(&self, tenant: TenantId) -> Result<Vec<ChannelRow>, StoreError> {
        self.there()?.channels(tenant).await
    }
    async fn revocations(&self) -> Result<Vec<Revocation>, StoreError> {
        self.there()?.revocations().await
    }
}

#[async_trait]
impl Store for SwitchedStore {
    async fn expire(&self, history_before_ms: i64, transitions_before_ms: i64) -> Result<u64, StoreError> {
        self.there()?.expire(history_before_ms, transitions_before_ms).await
    }
    async fn ping(&self) -> Result<(), StoreError> {
        self.there()?.ping().await
    }
}
