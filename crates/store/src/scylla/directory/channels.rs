//! Channels: a row and, while the channel is not deleted, a row of its name, both in the tenant's partition and
//! changed together. A row by id says whose a channel is; it comes first, and alone is no channel.

use super::api_keys::tenant_of;
use super::entry::{Change, Place, TENANT, UNVERSIONED, tenant_scope};
use crate::StoreError;
use crate::cell::Cell;
use crate::row::ChannelRow;
use crate::scylla::db::Db;
use crate::scylla::lwt::Outcome;
use domain::ids::{ChannelId, TenantId};

pub(super) const CHANNEL: &str = "channel";
const CHANNEL_NAME: &str = "channel_name";

fn owner_of(id: ChannelId) -> Place {
    Place::new(format!("channel:{:016x}", id.0), TENANT, "")
}

fn place_of(tenant: TenantId, id: ChannelId) -> Place {
    Place::new(tenant_scope(tenant), CHANNEL, format!("{:016x}", id.0))
}

fn name_of(tenant: TenantId, name: &str) -> Place {
    Place::new(tenant_scope(tenant), CHANNEL_NAME, name)
}

/// Versions of the table are signed.
fn version_of(row: &ChannelRow) -> i32 {
    i32::try_from(row.version).unwrap_or(i32::MAX)
}

/// The name a channel occupies.
fn held_name(row: &ChannelRow) -> Option<&str> {
    (!row.deleted).then_some(row.name.as_str())
}

pub(super) async fn add(db: &Db, row: &ChannelRow) -> Result<(), StoreError> {
    let taken = || format!("the channel name `{}` is taken", row.name.escape_debug());
    let (owner, tenant) = (owner_of(row.id), row.tenant.0.to_be_bytes());
    let added = db.compare_and_set(&[owner.add(db, UNVERSIONED, tenant.to_vec())]).await?;
    if added != Outcome::Applied && db.cell(&owner).await?.as_deref() != Some(&tenant[..]) {
        return Err(StoreError::Conflict(taken()));
    }
    let (place, cell) = (place_of(row.tenant, row.id), row.to_cell());
    let mut changes = vec![place.add(db, version_of(row), cell.clone())];
    changes.extend(held_name(row).map(|name| take_name(db, row, name)));
    db.change(&changes, (&place, &cell), taken).await
}

/// From the version before, which also says what name was held: versions of a channel are written once.
pub(super) async fn update(db: &Db, row: &ChannelRow) -> Result<(), StoreError> {
    let (place, cell) = (place_of(row.tenant, row.id), row.to_cell());
    let conflict = || "the channel was changed meanwhile, or its new name is taken".to_owned();
    let before = db.entry::<ChannelRow>(&place).await?;
    let before = before.filter(|before| before.version.checked_add(1) == Some(row.version));
    let before = before.ok_or_else(|| StoreError::Conflict(conflict()))?;
    let mut changes = vec![place.advance(db, version_of(row), cell.clone())];
    let (old, new) = (held_name(&before), held_name(row));
    if old != new {
        changes.extend(new.map(|name| take_name(db, row, name)));
        changes.extend(old.map(|name| name_of(row.tenant, name).remove(db)));
    }
    db.change(&changes, (&place, &cell), conflict).await
}

fn take_name<'d>(db: &'d Db, row: &ChannelRow, name: &str) -> Change<'d> {
    name_of(row.tenant, name).add(db, UNVERSIONED, row.id.0.to_be_bytes().to_vec())
}

pub(super) async fn by_id(db: &Db, id: ChannelId) -> Result<Option<ChannelRow>, StoreError> {
    let Some(tenant) = db.cell(&owner_of(id)).await? else { return Ok(None) };
    db.entry(&place_of(tenant_of(&tenant)?, id)).await
}

pub(super) async fn by_name(db: &Db, tenant: TenantId, name: &str) -> Result<Option<ChannelRow>, StoreError> {
    let Some(id) = db.cell(&name_of(tenant, name)).await? else { return Ok(None) };
    let damaged = || StoreError::Damaged { table: "directory", problem: "not a channel's id".into() };
    let id = id.try_into().map(u64::from_be_bytes).map_err(|_| damaged())?;
    let row = db.entry::<ChannelRow>(&place_of(tenant, ChannelId(id))).await?;
    // It may have been renamed between the two reads.
    Ok(row.filter(|row| held_name(row) == Some(name)))
}
