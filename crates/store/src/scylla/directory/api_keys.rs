//! API keys: a row in the tenant's partition, and one by the prefix that says whose it is. The latter comes
//! first and makes a prefix unique; alone it is no key.

use super::entry::{Place, TENANT, UNVERSIONED, tenant_scope};
use crate::StoreError;
use crate::cell::Cell;
use crate::row::ApiKeyRow;
use crate::scylla::db::Db;
use crate::scylla::lwt::Outcome;
use domain::ids::TenantId;

pub(super) const API_KEY: &str = "api_key";

fn owner_of(prefix: &str) -> Place {
    Place::new(format!("api_key:{prefix}"), TENANT, "")
}

fn place_of(tenant: TenantId, prefix: &str) -> Place {
    Place::new(tenant_scope(tenant), API_KEY, prefix)
}

pub(super) async fn add(db: &Db, row: &ApiKeyRow) -> Result<(), StoreError> {
    let taken = || format!("the key prefix `{}` is taken", row.prefix);
    let (owner, tenant) = (owner_of(&row.prefix), row.tenant.0.to_be_bytes());
    let added = db.compare_and_set(&[owner.add(db, UNVERSIONED, tenant.to_vec())]).await?;
    // Ours without a key is what an attempt that was cut off left behind.
    if added != Outcome::Applied && db.cell(&owner).await?.as_deref() != Some(&tenant[..]) {
        return Err(StoreError::Conflict(taken()));
    }
    let (place, cell) = (place_of(row.tenant, &row.prefix), row.to_cell());
    db.change(&[place.add(db, UNVERSIONED, cell.clone())], (&place, &cell), taken).await
}

pub(super) async fn by_prefix(db: &Db, prefix: &str) -> Result<Option<ApiKeyRow>, StoreError> {
    let Some(tenant) = db.cell(&owner_of(prefix)).await? else { return Ok(None) };
    db.entry(&place_of(tenant_of(&tenant)?, prefix)).await
}

pub(super) async fn revoke(db: &Db, tenant: TenantId, prefix: &str) -> Result<bool, StoreError> {
    let place = place_of(tenant, prefix);
    let Some(row) = db.entry::<ApiKeyRow>(&place).await? else { return Ok(false) };
    let revoked = ApiKeyRow { revoked: true, ..row };
    // Nothing else of a key ever changes, so there is nobody to race.
    db.set_entry(&place, revoked.to_cell()).await.map(|()| true)
}

/// The tenant in a cell that says whose something is.
pub(super) fn tenant_of(cell: &[u8]) -> Result<TenantId, StoreError> {
    let id = cell.try_into().map(u32::from_be_bytes);
    id.map(TenantId).map_err(|_| StoreError::Damaged { table: "directory", problem: "not a tenant's id".into() })
}
