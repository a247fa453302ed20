//! Transitions: of a monitor, newest first; of a tenant, in the order they were stored.

use crate::cell::Cell;
use crate::embedded::connection::broken;
use crate::embedded::page::{Item, List, clamp, fill, keep, number, two_numbers};
use crate::{Page, StoreError};
use domain::ids::{MonitorId, TenantId};
use domain::transition::Transition;
use rusqlite::{Connection, params};

/// One record may conclude several transitions of a monitor: among those the last stored comes first.
pub(super) const OF_MONITOR: &str = "select cell, log_offset, seq from transition
    where monitor = ?1 and (log_offset, seq) < (?2, ?3) order by log_offset desc, seq desc limit ?4";
/// One thread stores them, so their numbers become visible in their order and a cursor passes none by.
pub(super) const SINCE: &str = "select cell, seq from transition where tenant = ?1 and seq > ?2 order by seq limit ?3";
pub(super) const NOW: &str = "select coalesce(max(seq), 0) from transition";

pub(super) struct OfMonitor {
    monitor: MonitorId,
    limit: usize,
    list: List,
    before: (i64, i64),
}

impl OfMonitor {
    pub(super) fn new(monitor: MonitorId, limit: u32, after: Option<&str>) -> Result<Self, StoreError> {
        let list = List::new(b't', monitor.0);
        let before = after.map_or(Ok((i64::MAX, i64::MAX)), |token| two_numbers(&list.key(token)?))?;
        Ok(Self { monitor, limit: clamp(limit), list, before })
    }

    pub(super) fn answer(&self, connection: &Connection) -> Result<Page<Transition>, StoreError> {
        let mut statement = connection.prepare_cached(OF_MONITOR).map_err(broken)?;
        let values = params![self.monitor.0 as i64, self.before.0, self.before.1, self.limit as i64 + 1];
        let rows = statement.query(values).map_err(broken)?;
        fill(&self.list, Transition::TABLE, self.limit, rows, |row| {
            let (offset, seq): (i64, i64) = (row.get(1)?, row.get(2)?);
            Item::of_cell(row, [offset.to_be_bytes(), seq.to_be_bytes()].concat())
        })
    }
}

pub(super) struct Since {
    tenant: TenantId,
    limit: usize,
    list: List,
    /// `None`: from now.
    after: Option<i64>,
}

impl Since {
    pub(super) fn new(tenant: TenantId, limit: u32, cursor: Option<&str>) -> Result<Self, StoreError> {
        let list = List::new(b's', u64::from(tenant.0));
        let after = cursor.map(|token| number(&list.key(token)?)).transpose()?;
        Ok(Self { tenant, limit: clamp(limit), list, after })
    }

    pub(super) fn answer(&self, connection: &Connection) -> Result<Page<Transition>, StoreError> {
        match self.after {
            Some(after) => self.page(connection, after),
            None => Ok(Page { rows: Vec::new(), next: Some(self.cursor(now(connection)?)) }),
        }
    }

    /// The cursor passes damaged rows too: they would stop it for ever.
    fn page(&self, connection: &Connection, after: i64) -> Result<Page<Transition>, StoreError> {
        let mut statement = connection.prepare_cached(SINCE).map_err(broken)?;
        let values = params![self.tenant.0, after, self.limit as i64];
        let mut rows = statement.query(values).map_err(broken)?;
        let (mut page, mut last) = (Vec::new(), after);
        while let Some(row) = rows.next().map_err(broken)? {
            last = row.get(1).map_err(broken)?;
            let item = Item::of_cell(row, Vec::new()).map_err(broken)?;
            page.extend(keep(Transition::TABLE, item.row));
        }
        Ok(Page { rows: page, next: Some(self.cursor(last)) })
    }

    fn cursor(&self, seq: i64) -> String {
        self.list.token(&seq.to_be_bytes())
    }
}

fn now(connection: &Connection) -> Result<i64, StoreError> {
    let read = || connection.prepare_cached(NOW)?.query_row((), |row| row.get(0));
    read().map_err(broken)
}
