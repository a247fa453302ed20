//! The embedded store behind a switch: away, it answers nothing but errors.

use super::config;
use async_trait::async_trait;
use domain::delivery::Delivery;
use domain::engine::effects::{HistoryRow, MonitorRow};
use domain::ids::{ChannelId, DeliveryId, MonitorId, ShardId, TenantId, TransitionId};
use domain::token::KeyRing;
use domain::transition::Transition;
use std::path::Path;
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
    /// How often a monitor was looked up.
    pub reads: AtomicU32,
}

impl SwitchedStore {
    pub fn open(directory: &Path) -> Arc<Self> {
        let inner = EmbeddedStore::open(directory).unwrap();
        Arc::new(Self { inner, is_away: AtomicBool::new(false), reads: AtomicU32::new(0) })
    }

    pub fn set_away(&self, is_away: bool) {
        self.is_away.store(is_away, Ordering::Relaxed);
    }

    pub async fn add_tenant(&self, id: TenantId, ping_key_generation: u8) {
        let row = TenantRow { id, name: "default".into(), ping_key_generation, created_ms: 0 };
        self.inner.put_tenant(row).await.unwrap();
    }

    pub async fn add_channel(&self, id: ChannelId, tenant: TenantId, name: &str, disabled: &str) {
        let row = ChannelRow {
            id,
            tenant,
            name: name.into(),
            kind: "log".into(),
            settings: Vec::new(),
            version: 1,
            created_ms: 0,
            changed_ms: 0,
            disabled: disabled.into(),
            deleted: false,
        };
        self.inner.add_channel(row).await.unwrap();
    }

    /// Stores a monitor as its shard's owner would, or its deletion.
    pub async fn add_monitor(&self, keys: &KeyRing, tenant: TenantId, slug: &str, deleted: bool) {
        let monitor = keys.monitor_id(tenant, slug);
        let row = MonitorRow {
            monitor,
            config: config(tenant, slug),
            version: 1,
            generation: 0,
            created_ms: 0,
            changed_ms: 0,
            deleted,
        };
        let revocations = if deleted { vec![Revocation { monitor, least_generation: 63 }] } else { Vec::new() };
        let hlt_us = if deleted { 2 } else { 1 };
        let batch = ShardBatch { hlt_us, monitors: vec![row], revocations, ..ShardBatch::default() };
        self.inner.write(keys.shard_of(monitor), batch).await.unwrap();
    }

    pub async fn revoke(&self, keys: &KeyRing, monitor: MonitorId, least_generation: u8) {
        let revocations = vec![Revocation { monitor, least_generation }];
        let batch = ShardBatch { hlt_us: 3, revocations, ..ShardBatch::default() };
        self.inner.write(keys.shard_of(monitor), batch).await.unwrap();
    }

    fn there(&self) -> Result<&EmbeddedStore, StoreError> {
        match self.is_away.load(Ordering::Relaxed) {
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
        self.reads.fetch_add(1, Ordering::Relaxed);
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
        self.there()?.transitions_since(tenant, limit, cursor).await
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
