//! Monitors by slug, by tag, and by open incident.

use crate::cell::Cell;
use crate::embedded::connection::broken;
use crate::embedded::page::{Item, List, clamp, fill, foreign_token};
use crate::{MonitorFilter, Page, StoreError, StoredMonitor};
use domain::engine::effects::{MonitorRow, StatusRow};
use domain::ids::TenantId;
use domain::monitor::MAX_TAGS;
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params, params_from_iter};
use std::collections::BTreeSet;
use wire::convert::DecodeError;

pub(super) const ONE: &str = "select m.cell, s.cell from monitor m left join status s using (tenant, slug)
    where m.tenant = ?1 and m.slug = ?2";
pub(super) const ALL: &str = "select m.cell, s.cell, m.slug from monitor m left join status s using (tenant, slug)
    where m.tenant = ?1 and m.slug > ?2 and m.deleted = 0 order by m.slug limit ?3";
/// The first tag leads, through its index; each other one is a look-up beside it. Deleted monitors have none.
pub(super) const TAGGED: &str = "select m.cell, s.cell, m.slug
    from monitor_tag t cross join monitor m using (tenant, slug) left join status s using (tenant, slug)
    where t.tenant = ?1 and t.slug > ?2 and t.tag = ?4";
pub(super) const OPEN: &str = "select m.cell, s.cell, m.slug, s.incident_opened_ms
    from status s cross join monitor m using (tenant, slug)
    where s.tenant = ?1 and s.incident_opened_ms is not null and (s.incident_opened_ms, s.slug) > (?2, ?3)
      and m.deleted = 0
    order by s.incident_opened_ms, s.slug limit ?4";

pub(super) fn one(connection: &Connection, tenant: TenantId, slug: &str) -> Result<Option<StoredMonitor>, StoreError> {
    let read = |row: &Row<'_>| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Option<Vec<u8>>>(1)?));
    let cells = || connection.prepare_cached(ONE)?.query_row(params![tenant.0, slug], read).optional();
    let Some((monitor, status)) = cells().map_err(broken)? else { return Ok(None) };
    let status = status.map(|cell| StatusRow::from_stored(&cell)).transpose()?;
    Ok(Some(StoredMonitor { row: MonitorRow::from_stored(&monitor)?, status }))
}

/// A page of a tenant's monitors, by slug.
pub(super) struct Question {
    tenant: TenantId,
    tags: BTreeSet<String>,
    limit: usize,
    list: List,
    after: String,
}

impl Question {
    pub(super) fn new(
        t: TenantId,
        filter: &MonitorFilter,
        limit: u32,
        after: Option<&str>,
    ) -> Result<Self, StoreError> {
        let tags: BTreeSet<_> = filter.tags.iter().cloned().collect();
        let list = tags.iter().fold(List::new(b'm', u64::from(t.0)), |list, tag| list.narrowed(tag));
        let after = after.map_or(Ok(String::new()), |token| text(&list.key(token)?))?;
        Ok(Self { tenant: t, tags, limit: clamp(limit), list, after })
    }

    pub(super) fn answer(&self, connection: &Connection) -> Result<Page<StoredMonitor>, StoreError> {
        if self.tags.len() > MAX_TAGS {
            // No monitor has that many.
            return Ok(Page { rows: Vec::new(), next: None });
        }
        let wanted = self.limit as i64 + 1;
        let first: [&dyn ToSql; 3] = [&self.tenant.0, &self.after, &wanted];
        let values = first.into_iter().chain(self.tags.iter().map(|tag| tag as &dyn ToSql));
        let mut statement = connection.prepare_cached(&by_tags(self.tags.len())).map_err(broken)?;
        let rows = statement.query(params_from_iter(values)).map_err(broken)?;
        fill(&self.list, MonitorRow::TABLE, self.limit, rows, |row| item(row, slug(row)?.into()))
    }
}

/// One text per number of tags, of which there are few, so that the statements stay prepared.
pub(super) fn by_tags(tags: usize) -> String {
    let Some(others) = tags.checked_sub(1) else { return ALL.to_owned() };
    let also = (0..others).map(|n| {
        format!(" and exists (select 1 from monitor_tag where tenant = ?1 and slug = t.slug and tag = ?{})", n + 5)
    });
    format!("{TAGGED}{} order by t.slug limit ?3", also.collect::<String>())
}

/// A page of a tenant's monitors with an open incident, oldest first.
pub(super) struct Incidents {
    tenant: TenantId,
    limit: usize,
    list: List,
    after: (i64, String),
}

impl Incidents {
    pub(super) fn new(tenant: TenantId, limit: u32, after: Option<&str>) -> Result<Self, StoreError> {
        let list = List::new(b'i', u64::from(tenant.0));
        let after = after.map_or(Ok((i64::MIN, String::new())), |token| opened_and_slug(&list.key(token)?))?;
        Ok(Self { tenant, limit: clamp(limit), list, after })
    }

    pub(super) fn answer(&self, connection: &Connection) -> Result<Page<StoredMonitor>, StoreError> {
        let mut statement = connection.prepare_cached(OPEN).map_err(broken)?;
        let values = params![self.tenant.0, self.after.0, self.after.1, self.limit as i64 + 1];
        let rows = statement.query(values).map_err(broken)?;
        fill(&self.list, MonitorRow::TABLE, self.limit, rows, |row| {
            let opened_ms: i64 = row.get(3)?;
            item(row, [&opened_ms.to_be_bytes(), slug(row)?.as_bytes()].concat())
        })
    }
}

fn slug<'r>(row: &'r Row<'_>) -> rusqlite::Result<&'r str> {
    Ok(row.get_ref(2)?.as_str()?)
}

fn item(row: &Row<'_>, key: Vec<u8>) -> rusqlite::Result<Item<StoredMonitor>> {
    let (monitor, status) = (row.get_ref(0)?.as_blob()?, row.get_ref(1)?.as_blob_or_null()?);
    let bytes = monitor.len() + status.map_or(0, <[u8]>::len);
    Ok(Item { key, bytes, row: decode(monitor, status) })
}

fn decode(monitor: &[u8], status: Option<&[u8]>) -> Result<StoredMonitor, DecodeError> {
    let row = MonitorRow::from_cell(monitor)?;
    Ok(StoredMonitor { row, status: status.map(StatusRow::from_cell).transpose()? })
}

fn text(key: &[u8]) -> Result<String, StoreError> {
    String::from_utf8(key.to_vec()).map_err(|_| foreign_token())
}

fn opened_and_slug(key: &[u8]) -> Result<(i64, String), StoreError> {
    let (opened, slug) = key.split_first_chunk().ok_or_else(foreign_token)?;
    Ok((i64::from_be_bytes(*opened), text(slug)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_tag_filter_names_each_tag_once() {
        let sql = by_tags(3);
        assert_eq!((sql.matches("?4").count(), sql.matches("?5").count(), sql.matches("?6").count()), (1, 1, 1));
        assert!(!sql.contains("?7") && by_tags(0) == ALL);
    }
}
