//! Tenants, keys and channels: conditional writes, so that of two who race one wins. What belongs to a tenant
//! lies in the tenant's partition, where one conditional batch can change several rows.

mod api_keys;
mod channels;
mod entry;

use super::encode::REVOKED;
use super::keys::REVOKED_RANGES;
use super::{ScyllaStore, put::in_order};
use crate::cell::Cell;
use crate::row::{ApiKeyRow, ChannelRow, Revocation, TenantRow};
use crate::{Directory, StoreError};
use async_trait::async_trait;
use domain::ids::{ChannelId, MonitorId, TenantId};
use entry::{Place, TENANT, tenant_scope};

#[async_trait]
impl Directory for ScyllaStore {
    async fn tenant(&self, id: TenantId) -> Result<Option<TenantRow>, StoreError> {
        self.db.entry(&Place::new(tenant_scope(id), TENANT, "")).await
    }

    async fn put_tenant(&self, row: TenantRow) -> Result<(), StoreError> {
        self.db.set_entry(&Place::new(tenant_scope(row.id), TENANT, ""), row.to_cell()).await
    }

    async fn add_api_key(&self, row: ApiKeyRow) -> Result<(), StoreError> {
        api_keys::add(&self.db, &row).await
    }

    async fn api_key(&self, prefix: &str) -> Result<Option<ApiKeyRow>, StoreError> {
        api_keys::by_prefix(&self.db, prefix).await
    }

    async fn api_keys(&self, tenant: TenantId) -> Result<Vec<ApiKeyRow>, StoreError> {
        self.db.entries(tenant, api_keys::API_KEY).await
    }

    async fn revoke_api_key(&self, tenant: TenantId, prefix: &str) -> Result<bool, StoreError> {
        api_keys::revoke(&self.db, tenant, prefix).await
    }

    async fn add_channel(&self, row: ChannelRow) -> Result<(), StoreError> {
        channels::add(&self.db, &row).await
    }

    async fn update_channel(&self, row: ChannelRow) -> Result<(), StoreError> {
        channels::update(&self.db, &row).await
    }

    async fn channel(&self, id: ChannelId) -> Result<Option<ChannelRow>, StoreError> {
        channels::by_id(&self.db, id).await
    }

    async fn channel_by_name(&self, tenant: TenantId, name: &str) -> Result<Option<ChannelRow>, StoreError> {
        channels::by_name(&self.db, tenant, name).await
    }

    async fn channels(&self, tenant: TenantId) -> Result<Vec<ChannelRow>, StoreError> {
        let mut rows: Vec<ChannelRow> = self.db.entries(tenant, channels::CHANNEL).await?;
        rows.retain(|row| !row.deleted);
        rows.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(rows)
    }

    /// Written by the owners of shards, and so with their timestamps, in a table of its own.
    async fn revocations(&self) -> Result<Vec<Revocation>, StoreError> {
        let statement = &self.db.statements.registers;
        let range =
            |range| async move { self.db.all::<(String, Option<Vec<u8>>)>(statement, (REVOKED, range as i64)).await };
        let ranges = in_order(REVOKED_RANGES as usize, (0..REVOKED_RANGES).map(range)).await?;
        Ok(ranges.into_iter().flatten().filter_map(revocation).collect())
    }
}

fn revocation((name, cell): (String, Option<Vec<u8>>)) -> Option<Revocation> {
    let monitor = u64::from_str_radix(&name, 16).ok();
    let row = monitor.zip(cell.filter(|cell| cell.len() == 1).and_then(|cell| cell.first().copied()));
    if row.is_none() {
        crate::metric::count_damaged_row("register");
        tracing::warn!(name, "a damaged revocation was left out");
    }
    row.map(|(monitor, least_generation)| Revocation { monitor: MonitorId(monitor), least_generation })
}
