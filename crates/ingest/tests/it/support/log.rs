//! A log in memory that acknowledges, holds back or fails, as the test says.

use async_trait::async_trait;
use domain::ids::{ShardCount, ShardId};
use domain::record::{Body, Envelope};
use domain::time::UnixMs;
use eventlog::ticket::{BatchOutcome, ShardStart};
use eventlog::{AppendError, AppendTicket, Appended, Bounds, EventLog, ReadError, ShardReader};
use parking_lot::Mutex;
use std::sync::Arc;

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
    mode: Mutex<Mode>,
    records: Mutex<Vec<(ShardId, Vec<u8>)>>,
    held: Mutex<Vec<(Arc<BatchOutcome>, ShardId, u64)>>,
}

impl MemoryLog {
    pub fn new(shards: ShardCount) -> Arc<Self> {
        let mode = Mutex::new(Mode::Ack);
        Arc::new(Self { shards, mode, records: Mutex::default(), held: Mutex::default() })
    }

    pub fn set(&self, mode: Mode) {
        *self.mode.lock() = mode;
    }

    pub fn release_held(&self) {
        for (outcome, shard, first_offset) in self.held.lock().drain(..) {
            outcome.resolve(Ok(vec![ShardStart { shard, first_offset, append: UnixMs(0) }]));
        }
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
        match *self.mode.lock() {
            Mode::Fail(error) => AppendTicket::ready(Err(error)),
            Mode::AtMost(most) if payload.len() > most => AppendTicket::ready(Err(AppendError::TooLarge)),
            Mode::Ack | Mode::AtMost(_) => {
                AppendTicket::ready(Ok(Appended { offset: self.write(shard, payload), append: UnixMs(0) }))
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
