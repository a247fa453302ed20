//! The log of the simulator: in memory, without threads, and with faults that come from a seed.
//!
//! All clients (an ingest node, an evaluator) share the records of one [`SimLog`]; each has faults of its own
//! ([`SimClient`]). Without faults an append lands and is answered before `append` returns. Nothing here knows the
//! time but by the clock it was given and by tokio's, which tests pause.

// Two test targets share this folder; the simulator itself does not use all of it.
#![allow(dead_code)]

mod admit;
mod client;
pub mod dice;
mod drive;
mod faults;
mod lane;
mod reader;
mod shard;

use async_trait::async_trait;
pub use client::SimClient;
use domain::ids::{ShardCount, ShardId};
use domain::time::Clock;
use eventlog::{AppendTicket, Bounds, EventLog, RawRecord, ReadError, ShardReader};
pub use faults::AppendFaults;
use parking_lot::Mutex;
use shard::Shard;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// As a cluster's topic: three days.
const RETAIN_MS: i64 = 72 * 3_600_000;

/// The log as one that is never cut off from it sees it. Also where the nemesis and the checker get at it.
pub struct SimLog {
    core: Arc<Core>,
    direct: Arc<SimClient>,
}

/// What all clients share.
struct Core {
    count: ShardCount,
    clock: Arc<dyn Clock>,
    seed: u64,
    shards: Vec<Shard>,
    retain_ms: AtomicI64,
    clients: Mutex<BTreeMap<String, Arc<SimClient>>>,
}

impl SimLog {
    /// An empty log. Append times are the clock's, moved by [`set_clock_offset`](Self::set_clock_offset).
    pub fn new(shards: ShardCount, clock: Arc<dyn Clock>, seed: u64) -> Arc<Self> {
        Self::over(Arc::new(Core {
            count: shards,
            clock,
            seed,
            shards: shards.all().map(|_| Shard::default()).collect(),
            retain_ms: AtomicI64::new(RETAIN_MS),
            clients: Mutex::default(),
        }))
    }

    fn over(core: Arc<Core>) -> Arc<Self> {
        Arc::new(Self { direct: SimClient::new(core.clone(), "", 0), core })
    }

    /// The same records again, for whoever closed this log.
    pub fn reopen(&self) -> Arc<Self> {
        Self::over(self.core.clone())
    }

    /// The log as `name` sees it: the same client as long as that is open, and afterwards a new one with the faults
    /// and the cut of the one before, which are the place's and not the process's.
    pub fn client(&self, name: &str) -> Arc<SimClient> {
        let mut clients = self.core.clients.lock();
        let client = match clients.get(name) {
            None => SimClient::new(self.core.clone(), name, 0),
            Some(last) if last.is_closed() => last.next_life(),
            Some(open) => return open.clone(),
        };
        clients.insert(name.to_owned(), client.clone());
        client
    }

    /// Moves the clock of one shard against everybody's: back, or a year ahead.
    pub fn set_clock_offset(&self, shard: ShardId, ms: i64) {
        if let Some(place) = self.core.shard(shard) {
            place.set_clock_offset(ms);
        }
    }

    /// How old a released record must be, by its shard's clock, to go.
    pub fn set_retain_ms(&self, ms: i64) {
        self.core.retain_ms.store(ms, Ordering::Relaxed);
    }

    /// Everything that was ever appended to a shard, also what retention took.
    pub fn records(&self, shard: ShardId) -> Vec<RawRecord> {
        self.records_from(shard, 0)
    }

    /// As [`records`](Self::records), from an offset on.
    pub fn records_from(&self, shard: ShardId, from: u64) -> Vec<RawRecord> {
        self.core.shard(shard).map(|place| place.ever(from)).unwrap_or_default()
    }
}

impl Core {
    fn shard(&self, shard: ShardId) -> Option<&Shard> {
        self.shards.get(usize::from(shard.0))
    }

    /// For questions about a shard that is not there.
    fn shard_or_refusal(&self, shard: ShardId) -> Result<&Shard, ReadError> {
        self.shard(shard).ok_or_else(|| ReadError::Broken(format!("there is no shard {shard}")))
    }

    /// Makes whoever waits for records look again.
    fn ring_all(&self) {
        self.shards.iter().for_each(Shard::ring);
    }

    fn bounds(&self, place: &Shard) -> Bounds {
        place.bounds(self.clock.now(), self.retain_ms.load(Ordering::Relaxed))
    }
}

#[async_trait]
impl EventLog for SimLog {
    fn shards(&self) -> ShardCount {
        self.core.count
    }

    fn append(&self, shard: ShardId, payload: Vec<u8>) -> AppendTicket {
        self.direct.append(shard, payload)
    }

    async fn reader(&self, shard: ShardId, from: u64) -> Result<Box<dyn ShardReader>, ReadError> {
        self.direct.reader(shard, from).await
    }

    async fn bounds(&self, shard: ShardId) -> Result<Bounds, ReadError> {
        self.direct.bounds(shard).await
    }

    async fn release(&self, shard: ShardId, below: u64) {
        self.direct.release(shard, below).await;
    }

    async fn close(&self) {
        self.direct.close().await;
    }
}
