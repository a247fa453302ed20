//! A log in a directory, with a clock that the test moves.
#![allow(dead_code, reason = "each test binary uses its part")]

use domain::ids::{ShardCount, ShardId};
use domain::time::{Clock, UnixMs};
use eventlog::embedded::{EmbeddedLog, EmbeddedLogOptions};
use eventlog::{EventLog, RawRecord};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

pub const START: UnixMs = UnixMs(1_800_000_000_000);

pub struct ManualClock {
    now_ms: AtomicI64,
    broken: AtomicBool,
}

impl Default for ManualClock {
    fn default() -> Self {
        Self { now_ms: AtomicI64::new(START.0), broken: AtomicBool::new(false) }
    }
}

impl ManualClock {
    pub fn advance_ms(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Panics whoever asks for the time.
    pub fn break_down(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMs {
        assert!(!self.broken.load(Ordering::SeqCst), "the clock is broken, as the test wants it");
        UnixMs(self.now_ms.load(Ordering::SeqCst))
    }
}

/// What the tests vary.
pub struct Options {
    pub shards: u16,
    pub retain_bytes: u64,
    pub retain_ms: u64,
    pub queue_records: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { shards: 4, retain_bytes: u64::MAX, retain_ms: u64::MAX, queue_records: 100_000 }
    }
}

pub fn open(directory: &Path, clock: &Arc<ManualClock>, options: Options) -> Arc<EmbeddedLog> {
    let Options { shards, retain_bytes, retain_ms, queue_records } = options;
    let (directory, shards) = (directory.to_owned(), ShardCount::new(shards).unwrap());
    EmbeddedLog::open(EmbeddedLogOptions { directory, shards, retain_bytes, retain_ms, queue_records }, clock.clone())
        .unwrap()
}

/// Everything that a shard holds.
pub async fn read_all(log: &EmbeddedLog, shard: ShardId) -> Vec<RawRecord> {
    let bounds = log.bounds(shard).await.unwrap();
    let mut reader = log.reader(shard, bounds.first).await.unwrap();
    let mut records = Vec::new();
    while (records.len() as u64) < bounds.next - bounds.first {
        records.extend(within(reader.next(1_000)).await.unwrap());
    }
    records
}

/// Fails rather than hangs.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("an answer within a minute")
}

/// Asks until it holds.
pub async fn eventually<F: Future<Output = bool>>(mut holds: impl FnMut() -> F) {
    within(async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}
