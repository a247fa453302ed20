//! Tenants, keys, channels and revoked tokens. Names and versions are checked in the step that writes.

use super::client::SimStoreClient;
use super::faults::Kind;
use super::tables::Tables;
use super::versions::Versions;
use ::store::row::{ApiKeyRow, ChannelRow, Revocation, TenantRow};
use ::store::{Directory, StoreError};
use async_trait::async_trait;
use domain::ids::{ChannelId, TenantId};

#[async_trait]
impl Directory for SimStoreClient {
    async fn tenant(&self, id: TenantId) -> Result<Option<TenantRow>, StoreError> {
        self.look(Kind::Never, |tables, _| Ok(tables.tenants.get(&id).cloned())).await
    }

    async fn put_tenant(&self, row: TenantRow) -> Result<(), StoreError> {
        let work = |tables: &mut Tables| {
            tables.tenants.insert(row.id, row);
            Ok(())
        };
        self.change(work).await
    }

    async fn add_api_key(&self, row: ApiKeyRow) -> Result<(), StoreError> {
        self.change(|tables| tables.add_api_key(row)).await
    }

    async fn api_key(&self, prefix: &str) -> Result<Option<ApiKeyRow>, StoreError> {
        self.look(Kind::Never, |tables, _| Ok(tables.api_keys.get(prefix).cloned())).await
    }

    async fn api_keys(&self, tenant: TenantId) -> Result<Vec<ApiKeyRow>, StoreError> {
        let of_tenant =
            |tables: &Tables| tables.api_keys.values().filter(|row| row.tenant == tenant).cloned().collect();
        self.look(Kind::Never, |tables, _| Ok(of_tenant(tables))).await
    }

    async fn revoke_api_key(&self, tenant: TenantId, prefix: &str) -> Result<bool, StoreError> {
        let work = |tables: &mut Tables| {
            let found = tables.api_keys.get_mut(prefix).filter(|row| row.tenant == tenant);
            Ok(found.map(|row| row.revoked = true).is_some())
        };
        self.change(work).await
    }

    async fn add_channel(&self, row: ChannelRow) -> Result<(), StoreError> {
        self.change(|tables| tables.add_channel(row)).await
    }

    async fn update_channel(&self, row: ChannelRow) -> Result<(), StoreError> {
        self.change(|tables| tables.update_channel(row)).await
    }

    async fn channel(&self, id: ChannelId) -> Result<Option<ChannelRow>, StoreError> {
        let work = |tables: &Tables, age| Ok(tables.channels.get(&id).and_then(|row| row.aged(age)).cloned());
        self.look(Kind::Row, work).await
    }

    async fn channel_by_name(&self, tenant: TenantId, name: &str) -> Result<Option<ChannelRow>, StoreError> {
        self.look(Kind::Never, |tables, _| Ok(tables.channels_of(tenant).find(|row| row.name == name).cloned())).await
    }

    async fn channels(&self, tenant: TenantId) -> Result<Vec<ChannelRow>, StoreError> {
        let mut rows: Vec<_> =
            self.look(Kind::Never, |tables, _| Ok(tables.channels_of(tenant).cloned().collect())).await?;
        rows.sort_by(|a: &ChannelRow, b| a.name.cmp(&b.name));
        Ok(rows)
    }

    async fn revocations(&self) -> Result<Vec<Revocation>, StoreError> {
        self.look(Kind::Never, |tables, _| Ok(tables.revocations.values().map(|row| *row.now()).collect())).await
    }
}

impl Tables {
    /// Those that are not deleted.
    fn channels_of(&self, tenant: TenantId) -> impl Iterator<Item = &ChannelRow> {
        self.channels.values().map(Versions::now).filter(move |row| row.tenant == tenant && !row.deleted)
    }

    fn add_api_key(&mut self, row: ApiKeyRow) -> Result<(), StoreError> {
        if self.api_keys.contains_key(&row.prefix) {
            return Err(StoreError::Conflict(format!("the key prefix `{}` is taken", row.prefix)));
        }
        self.api_keys.insert(row.prefix.clone(), row);
        Ok(())
    }

    fn add_channel(&mut self, row: ChannelRow) -> Result<(), StoreError> {
        if self.channels.contains_key(&row.id) || self.is_taken(&row) {
            return Err(StoreError::Conflict(format!("the channel name `{}` is taken", row.name)));
        }
        let turn = self.next_turn();
        self.channels.insert(row.id, Versions::new(turn, row.version.into(), row));
        Ok(())
    }

    fn update_channel(&mut self, row: ChannelRow) -> Result<(), StoreError> {
        let (turn, taken) = (self.next_turn(), self.is_taken(&row));
        let stored = self.channels.get_mut(&row.id).filter(|stored| {
            stored.now().tenant == row.tenant && stored.now().version.checked_add(1) == Some(row.version) && !taken
        });
        let stored = stored.ok_or_else(|| StoreError::Conflict("changed meanwhile, or the name is taken".into()))?;
        stored.put(turn, row.version.into(), row);
        Ok(())
    }

    /// Whether another channel that is not deleted bears its name.
    fn is_taken(&self, row: &ChannelRow) -> bool {
        !row.deleted && self.channels_of(row.tenant).any(|other| other.id != row.id && other.name == row.name)
    }
}
