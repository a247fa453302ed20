//! Pings of a monitor, newest first. A row holds several, and rows may overlap: a replay after a crash groups
//! the same pings otherwise. Rows come by their newest ping, so once one begins below a ping, all that is
//! stored of that ping has been seen; it is listed as its newest write has it.

use crate::cell::Cell;
use crate::embedded::connection::broken;
use crate::embedded::pack::{Unpacked, unpack};
use crate::embedded::page::{List, MAX_BYTES, clamp, keep, two_numbers};
use crate::{Page, StoreError};
use domain::engine::effects::HistoryRow;
use domain::ids::MonitorId;
use rusqlite::{Connection, Row, params};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// Read row by row, until the page is full.
pub(super) const PAGE: &str = "select cell, log_offset, hlt from history
    where monitor = ?1 and log_offset <= ?2 order by log_offset desc";

pub(super) struct Question {
    monitor: MonitorId,
    limit: usize,
    list: List,
    /// The last ping given.
    before: i64,
    /// The first row that may hold an older one.
    from: i64,
}

impl Question {
    pub(super) fn new(monitor: MonitorId, limit: u32, after: Option<&str>) -> Result<Self, StoreError> {
        let list = List::new(b'h', monitor.0);
        let (before, from) = after.map_or(Ok((i64::MAX, i64::MAX)), |token| two_numbers(&list.key(token)?))?;
        Ok(Self { monitor, limit: clamp(limit), list, before, from })
    }

    pub(super) fn answer(&self, connection: &Connection) -> Result<Page<HistoryRow>, StoreError> {
        let mut statement = connection.prepare_cached(PAGE).map_err(broken)?;
        let mut rows = statement.query(params![self.monitor.0 as i64, self.from]).map_err(broken)?;
        let mut merge = Merge { limit: self.limit, before: self.before, ..Merge::default() };
        while let Some(row) = rows.next().map_err(broken)? {
            let newest = row.get(1).map_err(broken)?;
            merge.give_above(newest);
            if merge.is_full() || (newest < self.from && merge.is_stuck()) {
                return Ok(merge.page(&self.list, Some(newest)));
            }
            merge.add(row, newest).map_err(broken)?;
        }
        merge.give_above(i64::MIN);
        Ok(merge.page(&self.list, None))
    }
}

/// Pings on their way from rows to a page.
#[derive(Default)]
struct Merge {
    limit: usize,
    /// The last ping given: what follows is older.
    before: i64,
    /// By offset; rows that are still to come may hold them too.
    waiting: BTreeMap<i64, Waiting>,
    given: Vec<HistoryRow>,
    bytes: usize,
    damaged: usize,
}

struct Waiting {
    /// Of the row this was read from.
    hlt: i64,
    /// The first row that holds the ping.
    from: i64,
    bytes: usize,
    row: HistoryRow,
}

impl Merge {
    fn is_full(&self) -> bool {
        self.given.len() >= self.limit || self.bytes >= MAX_BYTES
    }

    /// Whether damaged rows alone have taken as long as a page.
    fn is_stuck(&self) -> bool {
        self.waiting.is_empty() && self.given.len() + self.damaged >= self.limit
    }

    /// Gives the pings above an offset: no row from there on holds them.
    fn give_above(&mut self, offset: i64) {
        while !self.is_full() {
            let Some(ping) = self.waiting.last_entry().filter(|ping| *ping.key() > offset) else { return };
            let (offset, ping) = ping.remove_entry();
            self.before = offset;
            self.bytes += ping.bytes;
            self.given.push(ping.row);
        }
    }

    fn add(&mut self, row: &Row<'_>, from: i64) -> rusqlite::Result<()> {
        let hlt = row.get(2)?;
        let pings = keep(HistoryRow::TABLE, unpack(row.get_ref(0)?.as_blob()?, self.before));
        self.damaged += usize::from(pings.is_none());
        pings.into_iter().flatten().for_each(|ping| self.wait(ping, hlt, from));
        Ok(())
    }

    fn wait(&mut self, Unpacked { offset, bytes, row }: Unpacked, hlt: i64, from: i64) {
        let Some(row) = keep(HistoryRow::TABLE, row) else { return };
        match self.waiting.entry(offset) {
            Entry::Vacant(place) => drop(place.insert(Waiting { hlt, from, bytes, row })),
            Entry::Occupied(mut place) if place.get().hlt <= hlt => {
                let from = place.get().from;
                place.insert(Waiting { hlt, from, bytes, row });
            }
            Entry::Occupied(_) => {}
        }
    }

    /// The page, and where the next begins: at the first row that holds any of the pings still waiting, or else
    /// at the `next` row.
    fn page(self, list: &List, next: Option<i64>) -> Page<HistoryRow> {
        let from = self.waiting.values().map(|ping| ping.from).chain(next).max();
        let token = from.map(|from| list.token(&[self.before.to_be_bytes(), from.to_be_bytes()].concat()));
        Page { rows: self.given, next: token }
    }
}
