//! Tenants, keys, channels and revoked tokens. Names and versions are checked on the writer thread, in the
//! transaction that writes: nobody comes between.

use super::EmbeddedStore;
use super::connection::broken;
use super::page::keep;
use crate::cell::Cell;
use crate::row::{ApiKeyRow, ChannelRow, Revocation, TenantRow};
use crate::{Directory, StoreError};
use async_trait::async_trait;
use domain::ids::{ChannelId, MonitorId, TenantId};
use rusqlite::{Connection, OptionalExtension, Params, params};

const TENANT: &str = "select cell from tenant where id = ?1";
const PUT_TENANT: &str = "insert into tenant (id, cell) values (?1, ?2) on conflict do update set cell = excluded.cell";
const API_KEY: &str = "select cell from api_key where prefix = ?1";
const API_KEYS: &str = "select cell from api_key where tenant = ?1 order by prefix";
const ADD_API_KEY: &str = "insert into api_key (prefix, tenant, cell) values (?1, ?2, ?3) on conflict do nothing";
const CHANGE_API_KEY: &str = "update api_key set cell = ?2 where prefix = ?1";
const CHANNEL: &str = "select cell from channel where id = ?1";
const CHANNEL_BY_NAME: &str = "select cell from channel where tenant = ?1 and name = ?2 and deleted = 0";
const CHANNELS: &str = "select cell from channel where tenant = ?1 and deleted = 0 order by name";
const ADD_CHANNEL: &str = "insert into channel (id, tenant, name, version, deleted, cell)
    values (?1, ?2, ?3, ?4, ?5, ?6) on conflict do nothing";
/// `or ignore`: a name that is taken changes no row, like a version that has moved on.
const UPDATE_CHANNEL: &str = "update or ignore channel set name = ?3, version = ?4, deleted = ?5, cell = ?6
    where id = ?1 and tenant = ?2 and version = ?4 - 1";
const REVOCATIONS: &str = "select monitor, least_generation from revocation order by monitor";

#[async_trait]
impl Directory for EmbeddedStore {
    async fn tenant(&self, id: TenantId) -> Result<Option<TenantRow>, StoreError> {
        self.readers.run(move |connection| one(connection, TENANT, [id.0])).await
    }

    async fn put_tenant(&self, row: TenantRow) -> Result<(), StoreError> {
        self.writer
            .run(1, move |connection| change(connection, PUT_TENANT, params![row.id.0, row.to_cell()]).map(drop))
            .await
    }

    async fn add_api_key(&self, row: ApiKeyRow) -> Result<(), StoreError> {
        self.writer.run(1, move |connection| add_api_key(connection, &row)).await
    }

    async fn api_key(&self, prefix: &str) -> Result<Option<ApiKeyRow>, StoreError> {
        let prefix = prefix.to_owned();
        self.readers.run(move |connection| one(connection, API_KEY, [prefix])).await
    }

    async fn api_keys(&self, tenant: TenantId) -> Result<Vec<ApiKeyRow>, StoreError> {
        self.readers.run(move |connection| all(connection, API_KEYS, [tenant.0])).await
    }

    async fn revoke_api_key(&self, tenant: TenantId, prefix: &str) -> Result<bool, StoreError> {
        let prefix = prefix.to_owned();
        self.writer.run(1, move |connection| revoke_api_key(connection, tenant, &prefix)).await
    }

    async fn add_channel(&self, row: ChannelRow) -> Result<(), StoreError> {
        self.writer.run(1, move |connection| add_channel(connection, &row)).await
    }

    async fn update_channel(&self, row: ChannelRow) -> Result<(), StoreError> {
        self.writer.run(1, move |connection| update_channel(connection, &row)).await
    }

    async fn channel(&self, id: ChannelId) -> Result<Option<ChannelRow>, StoreError> {
        self.readers.run(move |connection| one(connection, CHANNEL, [id.0 as i64])).await
    }

    async fn channel_by_name(&self, tenant: TenantId, name: &str) -> Result<Option<ChannelRow>, StoreError> {
        let name = name.to_owned();
        self.readers.run(move |connection| one(connection, CHANNEL_BY_NAME, params![tenant.0, name])).await
    }

    async fn channels(&self, tenant: TenantId) -> Result<Vec<ChannelRow>, StoreError> {
        self.readers.run(move |connection| all(connection, CHANNELS, [tenant.0])).await
    }

    async fn revocations(&self) -> Result<Vec<Revocation>, StoreError> {
        self.readers.run(|connection| revocations(connection).map_err(broken)).await
    }
}

fn add_api_key(connection: &Connection, row: &ApiKeyRow) -> Result<(), StoreError> {
    match change(connection, ADD_API_KEY, params![row.prefix, row.tenant.0, row.to_cell()])? {
        0 => Err(StoreError::Conflict(format!("the key prefix `{}` is taken", row.prefix))),
        _ => Ok(()),
    }
}

fn revoke_api_key(connection: &Connection, tenant: TenantId, prefix: &str) -> Result<bool, StoreError> {
    let found: Option<ApiKeyRow> = one(connection, API_KEY, [prefix])?;
    let Some(row) = found.filter(|row| row.tenant == tenant) else { return Ok(false) };
    let revoked = ApiKeyRow { revoked: true, ..row };
    change(connection, CHANGE_API_KEY, params![prefix, revoked.to_cell()]).map(|rows| rows > 0)
}

fn add_channel(connection: &Connection, row: &ChannelRow) -> Result<(), StoreError> {
    match change(connection, ADD_CHANNEL, channel_values(row, &row.to_cell()))? {
        0 => Err(StoreError::Conflict(format!("the channel name `{}` is taken", row.name.escape_debug()))),
        _ => Ok(()),
    }
}

fn update_channel(connection: &Connection, row: &ChannelRow) -> Result<(), StoreError> {
    match change(connection, UPDATE_CHANNEL, channel_values(row, &row.to_cell()))? {
        0 => Err(StoreError::Conflict("the channel was changed meanwhile, or its new name is taken".into())),
        _ => Ok(()),
    }
}

fn channel_values<'r>(row: &'r ChannelRow, cell: &'r [u8]) -> impl Params + 'r {
    (row.id.0 as i64, row.tenant.0, row.name.as_str(), row.version, row.deleted, cell)
}

fn change(connection: &Connection, sql: &str, values: impl Params) -> Result<usize, StoreError> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute(values)).map_err(broken)
}

fn one<T: Cell>(connection: &Connection, sql: &str, values: impl Params) -> Result<Option<T>, StoreError> {
    let cell = connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row(values, |row| row.get::<_, Vec<u8>>(0)).optional());
    cell.map_err(broken)?.map(|cell| T::from_stored(&cell)).transpose()
}

/// Without the damaged ones, which are counted and logged.
fn all<T: Cell>(connection: &Connection, sql: &str, values: impl Params) -> Result<Vec<T>, StoreError> {
    let cells = || -> rusqlite::Result<Vec<Vec<u8>>> {
        connection.prepare_cached(sql)?.query_map(values, |row| row.get(0))?.collect()
    };
    let cells = cells().map_err(broken)?;
    Ok(cells.iter().filter_map(|cell| keep(T::TABLE, T::from_cell(cell))).collect())
}

fn revocations(connection: &Connection) -> rusqlite::Result<Vec<Revocation>> {
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Revocation { monitor: MonitorId(row.get::<_, i64>(0)? as u64), least_generation: row.get(1)? })
    };
    connection.prepare_cached(REVOCATIONS)?.query_map((), read)?.collect()
}
