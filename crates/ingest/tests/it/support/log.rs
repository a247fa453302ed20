//! A log in memory that acknowledges, holds back or fails, as the test says, by a clock that the test may set.

use async_trait::async_trait;
use domain::ids::{ShardCount, ShardId};
use domain::record::{Body, Envelope};
use domain::time::{Clock, UnixMs};
use eventlog::ticket::{BatchOutcome, ShardStart};
use eventlog::{AppendError, AppendTicket, Appended, Bounds, EventLog, ReadError, ShardReader};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// What becomes of the next appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Ack,
    /// No word until [`MemoryLog::release_held`].
    Hold,
    Fail(AppendError),
    /// Payloads longer than this are refused.
    AtMost(usize),
}

pub struct MemoryLog {
    shards: ShardCount,
    clock: Arc<dyn Clock>,
    clock_ahead_ms: AtomicI64,
    modes: Mutex<Vec<Mode>>,
    records: Mutex<Vec<(ShardId, Vec<u8>)>>,
    held: Mutex<Vec<(Arc<BatchOutcome>, ShardId, u64)>>,
}

impl MemoryLog {
    /// Takes its time from `clock`.
    pub fn new(shards: ShardCount, clock: Arc<dyn Clock>) -> Arc<Self> {
        let modes = Mutex::new(shards.all().map(|_| Mode::Ack).collect());
        let clock_ahead_ms = AtomicI64::new(0);
        Arc::new(Self { shards, clock, clock_ahead_ms, modes, records: Mutex::default(), held: Mutex::default() })
    }

    /// How far the log's clock is ahead of the one it was given.
    pub fn set_clock_ahead(&self, ms: i64) {
        self.clock_ahead_ms.store(ms, Ordering::Relaxed);
    }

    /// For all shards.
    pub fn set(&self, mode: Mode) {
        self.modes.lock().fill(mode);
    }

    pub fn set_shard(&self, shard: ShardId, mode: Mode) {
        self.modes.lock()[usize::from(shard.0)] = mode;
    }

    pub fn release_held(&self) {
        let append = self.now();
        for (outcome, shard, first_offset) in self.held.lock().drain(..) {
            outcome.resolve(Ok(vec![ShardStart { shard, first_offset, append }]));
        }
    }

    fn now(&self) -> UnixMs {
        self.clock.now().plus_ms(self.clock_ahead_ms.load(Ordering::Relaxed))
    }

    pub fn held(&self) -> usize {
        self.held.lock().len()
    }

    pub fn clear(&self) {
        self.records.lock().clear();
    }

    /// The sizes of the records, in bytes.
    pub fn sizes(&self) -> Vec<usize> {
        self.records.lock().iter().map(|(_, payload)| payload.len()).collect()
    }

    pub fn records(&self) -> Vec<(ShardId, Envelope, Body)> {
        let decode = |(shard, payload): &(ShardId, Vec<u8>)| {
            let (envelope, body) = wire::convert::log::decode_record(payload).unwrap();
            (*shard, envelope, body)
        };
        self.records.lock().iter().map(decode).collect()
    }

    pub fn bodies(&self) -> Vec<Body> {
        self.records().into_iter().map(|(_, _, body)| body).collect()
    }

    fn write(&self, shard: ShardId, payload: Vec<u8>) -> u64 {
        let mut records = self.records.lock();
        let offset = records.iter().filter(|(other, _)| *other == shard).count() as u64;
        records.push((shard, payload));
        offset
    }
}

#[async_trait]
impl EventLog for MemoryLog {
    fn shards(&self) -> ShardCount {
        self.shards
    }

    fn append(&self, shard: ShardId, payload: Vec<u8>) -> AppendTicket {
        let mode = self.modes.lock()[usize::from(shard.0)];
        match mode {
            Mode::Fail(error) => AppendTicket::ready(Err(error)),
            Mode::AtMost(most) if payload.len() > most => AppendTicket::ready(Err(AppendError::TooLarge)),
            Mode::Ack | Mode::AtMost(_) => {
                AppendTicket::ready(Ok(Appended { offset: self.write(shard, payload), append: self.now() }))
            }
            Mode::Hold => {
                let outcome = Arc::new(BatchOutcome::default());
                let offset = self.write(shard, payload);
                self.held.lock().push((outcome.clone(), shard, offset));
                AppendTicket::waiting(outcome, shard, 0)
            }
        }
    }

    async fn reader(&self, _: ShardId, _: u64) -> Result<Box<dyn ShardReader>, ReadError> {
        Err(ReadError::Broken("ingest has no business reading".into()))
    }

    async fn bounds(&self, shard: ShardId) -> Result<Bounds, ReadError> {
        let next = self.records.lock().iter().filter(|(other, _)| *other == shard).count() as u64;
        Ok(Bounds { first: 0, next })
    }

    async fn release(&self, _: ShardId, _: u64) {}

    async fn close(&self) {
        self.set(Mode::Fail(AppendError::Closed));
    }
}
