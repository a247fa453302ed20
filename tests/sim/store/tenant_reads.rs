//! What tenants look at.

use super::client::SimStoreClient;
use super::faults::Kind;
use ::store::{MonitorFilter, Page, StoreError, StoredMonitor, TenantReads};
use async_trait::async_trait;
use domain::delivery::Delivery;
use domain::engine::effects::HistoryRow;
use domain::ids::{ChannelId, DeliveryId, MonitorId, TenantId, TransitionId};
use domain::transition::Transition;

#[async_trait]
impl TenantReads for SimStoreClient {
    async fn monitor(&self, tenant: TenantId, slug: &str) -> Result<Option<StoredMonitor>, StoreError> {
        let key = (tenant, slug.to_owned());
        self.look(Kind::Row, |tables, age| Ok(tables.monitors.get(&key).and_then(|place| place.aged(age)))).await
    }

    async fn monitors(
        &self,
        tenant: TenantId,
        filter: &MonitorFilter,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<StoredMonitor>, StoreError> {
        self.look(Kind::Row, |tables, age| tables.monitor_page(tenant, filter, limit, after, age)).await
    }

    async fn history(
        &self,
        monitor: MonitorId,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<HistoryRow>, StoreError> {
        self.look(Kind::Row, |tables, age| tables.history_page(monitor, limit, after, age)).await
    }

    async fn transitions(
        &self,
        monitor: MonitorId,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<Transition>, StoreError> {
        self.look(Kind::Row, |tables, age| tables.transition_page(monitor, limit, after, age)).await
    }

    async fn transitions_since(
        &self,
        tenant: TenantId,
        limit: u32,
        cursor: Option<&str>,
    ) -> Result<Page<Transition>, StoreError> {
        self.look(Kind::Never, |tables, _| tables.transitions_since(tenant, limit, cursor)).await
    }

    async fn transition_by_id(&self, tenant: TenantId, id: TransitionId) -> Result<Option<Transition>, StoreError> {
        let found = self.look(Kind::Row, |tables, age| Ok(tables.transition(id, age))).await?;
        Ok(found.filter(|row| row.identity.tenant == tenant))
    }

    async fn open_incidents(
        &self,
        tenant: TenantId,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<StoredMonitor>, StoreError> {
        self.look(Kind::Row, |tables, age| tables.incident_page(tenant, limit, after, age)).await
    }

    async fn deliveries(
        &self,
        channel: ChannelId,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Page<Delivery>, StoreError> {
        self.look(Kind::Row, |tables, age| tables.delivery_page(channel, limit, after, age)).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
        self.look(Kind::Row, |tables, age| Ok(tables.delivery(id, age))).await
    }
}
