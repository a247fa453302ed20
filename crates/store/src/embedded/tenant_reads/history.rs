//! Pings of a monitor, newest first.

use crate::cell::Cell;
use crate::embedded::connection::broken;
use crate::embedded::page::{Item, List, clamp, fill, foreign_token};
use crate::{Page, StoreError};
use domain::engine::effects::HistoryRow;
use domain::ids::MonitorId;
use rusqlite::{Connection, params};

pub(super) const PAGE: &str = "select cell, log_offset from history
    where monitor = ?1 and log_offset < ?2 order by log_offset desc limit ?3";

pub(super) struct Question {
    monitor: MonitorId,
    limit: usize,
    list: List,
    before: i64,
}

impl Question {
    pub(super) fn new(monitor: MonitorId, limit: u32, after: Option<&str>) -> Result<Self, StoreError> {
        let list = List::new(b'h', monitor.0);
        let before = after.map_or(Ok(i64::MAX), |token| number(&list.key(token)?))?;
        Ok(Self { monitor, limit: clamp(limit), list, before })
    }

    pub(super) fn answer(&self, connection: &Connection) -> Result<Page<HistoryRow>, StoreError> {
        let mut statement = connection.prepare_cached(PAGE).map_err(broken)?;
        let values = params![self.monitor.0 as i64, self.before, self.limit as i64 + 1];
        let rows = statement.query(values).map_err(broken)?;
        fill(&self.list, HistoryRow::TABLE, self.limit, rows, |row| {
            Item::of_cell(row, row.get::<_, i64>(1)?.to_be_bytes().to_vec())
        })
    }
}

/// The only number of a key.
pub(super) fn number(key: &[u8]) -> Result<i64, StoreError> {
    key.try_into().map(i64::from_be_bytes).map_err(|_| foreign_token())
}
