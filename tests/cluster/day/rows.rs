//! What was judged and told, as it is stored: to be compared byte for byte.

use super::grounds::Grounds;
use super::script::CHANNELS;
use domain::delivery::Delivery;
use domain::ids::{ChannelId, MonitorId};
use domain::transition::{Reason, Transition, TransitionKind};
use std::collections::BTreeMap;
use std::path::Path;
use store::TenantReads;
use store::cell::Cell;

/// Rows of a page.
const PAGE: u32 = 500;

/// A table and a key, and the cell there.
pub type Cells = BTreeMap<(&'static str, Vec<u8>), Vec<u8>>;

/// Transitions and deliveries, read back through the store.
pub struct Rows {
    /// By the words of their kind and reason.
    verdicts: BTreeMap<String, usize>,
    deliveries: BTreeMap<&'static str, usize>,
    cells: BTreeMap<String, Vec<u8>>,
    /// Where a ping stands that brought a job down.
    failure: Option<(MonitorId, u64)>,
}

impl Rows {
    pub async fn read(store: &dyn TenantReads, monitors: &[MonitorId]) -> Self {
        let (verdicts, deliveries, cells) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut rows = Self { verdicts, deliveries, cells, failure: None };
        for monitor in monitors {
            rows.read_transitions(store, *monitor).await;
        }
        for channel in CHANNELS.into_iter().chain([ChannelId::LOG]) {
            rows.read_deliveries(store, channel).await;
        }
        rows
    }

    async fn read_transitions(&mut self, store: &dyn TenantReads, monitor: MonitorId) {
        let mut after = None;
        loop {
            let page = store.transitions(monitor, PAGE, after.as_deref()).await.expect("transitions");
            for row in page.rows {
                *self.verdicts.entry(format!("{} ({})", row.kind.word(), row.reason.word())).or_default() += 1;
                if (row.kind, row.reason) == (TransitionKind::Down, Reason::Failed) {
                    self.failure = Some((monitor, row.offset));
                }
                let place = self.cells.len();
                // The place in the list is part of the key: the order must be the same too.
                self.cells.insert(format!("{monitor} {place:06} {}", row.id), row.to_cell());
            }
            after = page.next;
            if after.is_none() {
                return;
            }
        }
    }

    async fn read_deliveries(&mut self, store: &dyn TenantReads, channel: ChannelId) {
        let mut after = None;
        loop {
            let page = store.deliveries(channel, PAGE, after.as_deref()).await.expect("deliveries");
            for row in page.rows {
                *self.deliveries.entry(row.state.word()).or_default() += 1;
                self.cells.insert(format!("{channel} {}", row.id), row.to_cell());
            }
            after = page.next;
            if after.is_none() {
                return;
            }
        }
    }

    /// A day on which nothing happened would be the same everywhere.
    pub fn assert_tell_of_much(&self) {
        for reason in ["(missed)", "(failed)", "(timed_out)", "(recovered)", "(overlap)", "(paused)"] {
            assert!(self.verdicts.keys().any(|verdict| verdict.ends_with(reason)), "no {reason}: {:?}", self.verdicts);
        }
        for state in ["delivered", "failed"] {
            assert!(self.deliveries.contains_key(state), "no {state}: {:?}", self.deliveries);
        }
    }

    /// A ping that brought a job down.
    pub fn failure(&self) -> (MonitorId, u64) {
        self.failure.expect("some job failed")
    }

    pub fn is_equal(&self, other: &Self) -> bool {
        self.cells == other.cells
    }

    pub fn assert_equal(&self, other: &Self) {
        for (key, cell) in &self.cells {
            let found = other.cells.get(key).unwrap_or_else(|| panic!("{key} is missing on one machine"));
            assert!(cell == found, "{key} differs:\n{}\n{}", told(cell), told(found));
        }
        let more = other.cells.keys().find(|key| !self.cells.contains_key(*key));
        assert_eq!(more, None, "on one machine only");
    }
}

/// A cell in words.
fn told(cell: &[u8]) -> String {
    match (Transition::from_cell(cell), Delivery::from_cell(cell)) {
        (_, Ok(row)) => format!("{row:?}"),
        (Ok(row), _) => format!("{row:?}"),
        (Err(error), _) => error.to_string(),
    }
}

impl std::fmt::Display for Rows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "verdicts {:?}, deliveries {:?}", self.verdicts, self.deliveries)
    }
}

/// The cells of both tables as Cassandra has them.
pub async fn cells_of_cassandra(grounds: &Grounds) -> Cells {
    let mut cells = Cells::new();
    for (name, table) in [("transition", "transition_by_id"), ("delivery", "delivery")] {
        let query = format!("SELECT id, cell FROM {}.{table}", grounds.lease.keyspace());
        let found = grounds.real.query_blobs(query).await;
        cells.extend(found.into_iter().map(|(id, cell)| ((name, id), cell)));
    }
    cells
}

/// The cells of both tables as SQLite has them.
pub fn cells_of_sqlite(directory: &Path) -> Cells {
    let connection = rusqlite::Connection::open(directory.join("store.sqlite")).expect("the store's file");
    let mut cells = Cells::new();
    for table in ["transition", "delivery"] {
        let mut query = connection.prepare(&format!("select id, cell from \"{table}\"")).expect("a table");
        let rows = query.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).expect("rows");
        cells.extend(rows.map(|row| row.expect("a row")).map(|(id, cell)| ((table, id), cell)));
    }
    cells
}

pub fn assert_same_cells(stored: &Cells, kept: &Cells) {
    assert!(stored.len() > 100, "{} cells", stored.len());
    assert_eq!(stored.keys().collect::<Vec<_>>(), kept.keys().collect::<Vec<_>>());
    for (key, cell) in stored {
        assert_eq!(cell, &kept[key], "{key:?}");
    }
}
