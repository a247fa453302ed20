//! What tenants look at: a file per list.

mod incidents;
mod monitors;
mod watch;

use super::ScyllaStore;
use super::newest::newest_first;
use crate::cell::Cell;
use crate::{MonitorFilter, Page, StoreError, StoredMonitor, TenantReads};
use async_trait::async_trait;
use domain::delivery::Delivery;
use domain::engine::effects::HistoryRow;
use domain::ids::{ChannelId, DeliveryId, MonitorId, TenantId, TransitionId};
use domain::transition::Transition;

#[async_trait]
impl TenantReads for ScyllaStore {
    async fn monitor(&self, tenant: TenantId, slug: &str) -> Result<Option<StoredMonitor>, StoreError> {
        monitors::one(&self.db, tenant, slug).await
    }

    async fn monitors(
        &self,
        tenant: TenantId,
        filter: &MonitorFilter,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<StoredMonitor>, StoreError> {
        monitors::page(&self.db, tenant, filter, limit, after).await
    }

    async fn history(
        &self,
        monitor: MonitorId,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<HistoryRow>, StoreError> {
        newest_first(&self.db, monitor.0, limit, after).await
    }

    async fn transitions(
        &self,
        monitor: MonitorId,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<Transition>, StoreError> {
        newest_first(&self.db, monitor.0, limit, after).await
    }

    async fn transitions_since(
        &self,
        tenant: TenantId,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Transition>, StoreError> {
        watch::page(self, tenant, limit, cursor).await
    }

    async fn transition_by_id(&self, tenant: TenantId, id: TransitionId) -> Result<Option<Transition>, StoreError> {
        let found = self.transition_of_id(id).await?;
        Ok(found.filter(|transition| transition.identity.tenant == tenant))
    }

    async fn open_incidents(
        &self,
        tenant: TenantId,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<StoredMonitor>, StoreError> {
        incidents::page(&self.db, tenant, limit, after).await
    }

    async fn deliveries(
        &self,
        channel: ChannelId,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<Delivery>, StoreError> {
        newest_first(&self.db, channel.0, limit, after).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        let found = self.db.one::<(Option<Vec<u8>>,)>(&self.db.statements.delivery, (id.0.to_vec(),)).await?;
        found.and_then(|(cell,)| cell).map(|cell| Delivery::from_stored(&cell)).transpose()
    }
}
