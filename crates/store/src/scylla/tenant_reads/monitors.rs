//! Monitors by slug: 32 partitions, merged. Tags are looked at row by row: a tenant's monitors are read anyway to be
//! listed, and a list of tags beside them could not be kept without reading before each write. So a page of a
//! rare tag may be short, or empty, and have a next one.

use crate::cell::Cell;
use crate::page::{List, MAX_BYTES, clamp, foreign_token, keep};
use crate::scylla::db::Db;
use crate::scylla::keys;
use crate::scylla::lane::{Lane, fill_all, least};
use crate::{MonitorFilter, Page, StoreError, StoredMonitor};
use domain::engine::effects::{MonitorRow, StatusRow};
use domain::ids::TenantId;
use scylla::value::CqlValue::{BigInt, SmallInt, Text};
use std::collections::BTreeSet;

/// The most rows looked at for one page.
const LOOKED_AT: usize = 5_000;
/// Slug, configuration, status. One without a configuration is not there yet.
type Raw = (String, Option<Vec<u8>>, Option<Vec<u8>>);

/// A monitor with the timestamps of its two cells.
pub(super) struct Dated {
    pub stored: StoredMonitor,
    pub config_us: i64,
    pub status_us: Option<i64>,
}

pub(super) async fn one(db: &Db, tenant: TenantId, slug: &str) -> Result<Option<StoredMonitor>, StoreError> {
    Ok(dated(db, tenant, slug).await?.map(|dated| dated.stored))
}

pub(super) async fn dated(db: &Db, tenant: TenantId, slug: &str) -> Result<Option<Dated>, StoreError> {
    type Cells = (Option<Vec<u8>>, Option<i64>, Option<Vec<u8>>, Option<i64>);
    let key = (keys::tenant(tenant), keys::bucket(slug), slug);
    let found = db.one::<Cells>(&db.statements.monitor, key).await?;
    let Some((Some(config), Some(config_us), status, status_us)) = found else { return Ok(None) };
    let status = status.map(|cell| StatusRow::from_stored(&cell)).transpose()?;
    Ok(Some(Dated { stored: StoredMonitor { row: MonitorRow::from_stored(&config)?, status }, config_us, status_us }))
}

pub(super) async fn page(
    db: &Db,
    tenant: TenantId,
    filter: &MonitorFilter,
    limit: u32,
    after: Option<&str>,
) -> Result<Page<StoredMonitor>, StoreError> {
    let tags: BTreeSet<&str> = filter.tags.iter().map(String::as_str).collect();
    let list = tags.iter().fold(List::new(b'm', u64::from(tenant.0)), |list, tag| list.narrowed(tag));
    let after = after.map_or(Ok(String::new()), |token| text(list.key(token)?))?;
    let limit = clamp(limit);
    let mut lanes = lanes(db, tenant, &after, limit);
    let (mut rows, mut looked_at, mut bytes, mut last) = (Vec::new(), 0, 0, after);
    loop {
        fill_all(db, lanes.iter_mut()).await?;
        let Some(lane) = least(&mut lanes, |(slug, ..): &Raw| slug.clone()) else {
            return Ok(Page { rows, next: None });
        };
        if rows.len() == limit || bytes >= MAX_BYTES || looked_at == LOOKED_AT {
            return Ok(Page { rows, next: Some(list.token(last.as_bytes())) });
        }
        let Some((slug, config, status)) = lane.rows.pop_front() else { continue };
        (last, looked_at) = (slug, looked_at + 1);
        let Some(config) = config else { continue };
        let size = config.len() + status.as_ref().map_or(0, Vec::len);
        if let Some(stored) = listed(&config, status.as_deref(), &tags) {
            bytes += size;
            rows.push(stored);
        }
    }
}

/// Each reads a little more than its share of a page.
fn lanes(db: &Db, tenant: TenantId, after: &str, limit: usize) -> Vec<Lane<Raw>> {
    let page_rows = 2 * limit as i32 / i32::from(keys::BUCKETS) + 4;
    let lane = |bucket| {
        let values = vec![BigInt(keys::tenant(tenant)), SmallInt(bucket), Text(after.to_owned())];
        Lane::new(&db.statements.monitors, values, page_rows)
    };
    (0..keys::BUCKETS).map(lane).collect()
}

/// A monitor that is not deleted and has all the tags. A damaged one is left out, and counted.
fn listed(config: &[u8], status: Option<&[u8]>, tags: &BTreeSet<&str>) -> Option<StoredMonitor> {
    let row = keep(MonitorRow::TABLE, MonitorRow::from_cell(config))?;
    let own = &row.config.identity.tags;
    if row.deleted || !tags.iter().all(|tag| own.iter().any(|own| own == tag)) {
        return None;
    }
    let status = match status {
        Some(cell) => Some(keep(StatusRow::TABLE, StatusRow::from_cell(cell))?),
        None => None,
    };
    Some(StoredMonitor { row, status })
}

fn text(key: Vec<u8>) -> Result<String, StoreError> {
    String::from_utf8(key).map_err(|_| foreign_token())
}
