//! The store of the simulator: in memory, without threads, and with faults that come from a seed.
//!
//! All clients share the rows of one [`SimStore`]; each has faults of its own ([`SimStoreClient`]). As in the
//! embedded store, a row's later write stands, by hybrid log time, and of two writes of one time the one that came
//! last. Beside the rows stands what only a checker wants: every state of every delivery, what expired, and whether
//! two writes of one row and time differed.

// Two test targets share this folder; the simulator itself does not use all of it.
#![allow(dead_code)]

mod audit;
mod client;
mod directory;
mod faults;
mod lists;
mod shard_tables;
mod snapshot;
mod tables;
mod tenant_reads;
mod token;
mod versions;
mod write;

use super::log::dice::dice;
pub use audit::DeliveryWrite;
pub use client::SimStoreClient;
use domain::delivery::Delivery;
use domain::engine::effects::{HistoryRow, MonitorRow, StatusRow};
use domain::ids::{DeliveryId, MonitorId, ShardId};
use domain::transition::Transition;
pub use faults::StoreFaults;
use parking_lot::Mutex;
use rand::rngs::StdRng;
use std::collections::BTreeMap;
use std::sync::Arc;
use tables::Tables;

/// The rows, and what a checker asks of them. It is no [`Store`](::store::Store) itself: a [`client`](Self::client)
/// is, and one without faults costs nothing.
pub struct SimStore {
    seed: u64,
    tables: Arc<Mutex<Tables>>,
    clients: Mutex<BTreeMap<String, Arc<SimStoreClient>>>,
    /// Where snapshots are corrupted.
    dice: Mutex<StdRng>,
}

impl SimStore {
    pub fn new(seed: u64) -> Arc<Self> {
        let dice = Mutex::new(dice(seed, "snapshot", 0));
        Arc::new(Self { seed, tables: Arc::default(), clients: Mutex::default(), dice })
    }

    /// The store as `name` sees it; the same client whenever asked.
    pub fn client(&self, name: &str) -> Arc<SimStoreClient> {
        let new = || Arc::new(SimStoreClient::new(self.tables.clone(), name, self.seed));
        self.clients.lock().entry(name.to_owned()).or_insert_with(new).clone()
    }

    /// Flips bits of one byte of the shard's manifest or of one of its chunks. Says which; `None`: there is none.
    pub fn corrupt_snapshot(&self, shard: ShardId) -> Option<String> {
        self.tables.lock().corrupt_snapshot(shard, &mut self.dice.lock())
    }

    /// All transitions ever stored, in the order in which they first were, as they were last; also expired ones.
    pub fn transitions(&self) -> Vec<Transition> {
        self.tables.lock().all_transitions()
    }

    /// All deliveries ever stored, as they are; also expired ones.
    pub fn deliveries(&self) -> Vec<Delivery> {
        self.tables.lock().all_deliveries()
    }

    /// Every write of every delivery, in the order in which they came.
    pub fn delivery_writes(&self) -> BTreeMap<DeliveryId, Vec<DeliveryWrite>> {
        self.tables.lock().audit.deliveries.clone()
    }

    /// All monitors, also deleted ones, by tenant and slug.
    pub fn monitors(&self) -> Vec<MonitorRow> {
        self.tables.lock().all_monitors()
    }

    /// All statuses, by tenant and slug.
    pub fn statuses(&self) -> Vec<StatusRow> {
        self.tables.lock().all_statuses()
    }

    /// The pings of a monitor that have not expired, oldest first.
    pub fn history(&self, monitor: MonitorId) -> Vec<HistoryRow> {
        self.tables.lock().history_of(monitor)
    }

    /// Rows of a shard, its snapshots among them, that were written twice under the same time with different content:
    /// against invariant I6. Each line begins with the table's name.
    ///
    /// Two tables may be named for good reasons. `history`: how many pings a row stands for depends on how an owner
    /// cuts its steps. `snapshot_manifest`: it names the chunks of the snapshots that its writer knew.
    pub fn conflicting_writes(&self) -> Vec<String> {
        self.tables.lock().audit.conflicts.clone()
    }
}
