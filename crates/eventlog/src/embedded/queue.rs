//! Where appends wait for their commit: one lane per shard.
//!
//! A lane is the order of its shard. Lanes by thread instead would contend even less, but a caller that moves
//! between threads (as tokio tasks do) would see its records overtake each other. An append holds a lane's
//! lock for as long as it takes to copy the record, some tens of nanoseconds.

use super::frame::FrameBuilder;
use crate::ticket::BatchOutcome;
use crate::{AppendError, AppendTicket};
use domain::ids::{ShardCount, ShardId};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;
use std::time::Duration;

/// A row takes no more records once it is this large, so that no row is much larger than one record may be.
const ROW_BYTES: usize = 1 << 20;
/// All records that wait for their commit, in bytes.
const QUEUE_BYTES: usize = 64 << 20;

pub(super) struct Queue {
    lanes: Box<[Mutex<Lane>]>,
    limit_records: usize,
    /// Records appended and not yet committed, with their bytes.
    records: AtomicUsize,
    bytes: AtomicUsize,
    closing: AtomicBool,
    /// The committer found nothing and waits to be told of the next record.
    sleeping: AtomicBool,
    committer: OnceLock<Thread>,
}

struct Lane {
    closed: bool,
    /// In order; only the last takes records.
    frames: Vec<FrameBuilder>,
    count: u32,
    /// How large the last batch was: what to reserve for the next.
    usual_bytes: usize,
    outcome: Arc<BatchOutcome>,
}

/// What one commit takes.
pub(super) struct Batch {
    pub lanes: Vec<(ShardId, Vec<FrameBuilder>)>,
    pub outcome: Arc<BatchOutcome>,
    pub records: usize,
    pub bytes: usize,
}

impl Queue {
    pub fn new(shards: ShardCount, limit_records: usize) -> Self {
        let outcome = Arc::new(BatchOutcome::default());
        Self {
            lanes: shards.all().map(|_| Mutex::new(Lane::new(outcome.clone()))).collect(),
            limit_records: limit_records.max(1),
            records: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            sleeping: AtomicBool::new(false),
            committer: OnceLock::new(),
        }
    }

    /// Queues a record behind those its shard has. Never waits for the disk.
    pub fn push(&self, shard: ShardId, payload: &[u8]) -> Result<AppendTicket, AppendError> {
        let lane = self.lanes.get(usize::from(shard.0)).ok_or(AppendError::Broken)?;
        self.reserve(payload.len())?;
        let place = {
            let mut lane = lane.lock();
            if lane.closed { None } else { Some(lane.push(payload)) }
        };
        let Some((place, outcome)) = place else {
            self.unreserve(1, payload.len());
            return Err(AppendError::Closed);
        };
        self.wake_committer();
        Ok(AppendTicket::waiting(outcome, shard, place))
    }

    fn reserve(&self, bytes: usize) -> Result<(), AppendError> {
        let records = self.records.fetch_add(1, Ordering::Relaxed);
        let queued = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        // A record that alone is over the limit still fits an empty queue.
        let full = records >= self.limit_records || (queued > 0 && queued + bytes > QUEUE_BYTES);
        if full {
            self.unreserve(1, bytes);
            return Err(AppendError::Busy);
        }
        Ok(())
    }

    /// Makes room for as many records and bytes.
    pub fn unreserve(&self, records: usize, bytes: usize) {
        self.records.fetch_sub(records, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Everything queued, in each shard's order; `None` when there is nothing.
    ///
    /// The lanes are emptied one after the other, each getting the next batch's outcome: a record is in this
    /// batch exactly if its ticket waits for this batch's outcome. Only the committer may call this.
    pub fn take(&self) -> Option<Batch> {
        let next = Arc::new(BatchOutcome::default());
        let mut batch = Batch { lanes: Vec::new(), outcome: next.clone(), records: 0, bytes: 0 };
        for (index, lane) in self.lanes.iter().enumerate() {
            let (taken, outcome) = lane.lock().take(next.clone());
            batch.outcome = outcome;
            if let Some((frames, count)) = taken {
                batch.records += count as usize;
                batch.lanes.push((ShardId(index as u16), frames));
            }
        }
        batch.bytes = batch.lanes.iter().flat_map(|(_, frames)| frames).map(FrameBuilder::payload_bytes).sum();
        (batch.records > 0).then_some(batch)
    }

    /// Takes no more records.
    pub fn close(&self) {
        self.lanes.iter().for_each(|lane| lane.lock().closed = true);
        self.closing.store(true, Ordering::Release);
        self.committer.get().into_iter().for_each(Thread::unpark);
    }

    /// Whether nothing can come any more; what is queued may still have to be taken.
    pub fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub fn backlog_bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The calling thread is the committer from now on.
    pub fn serve_here(&self) {
        let _ = self.committer.set(std::thread::current());
    }

    /// Waits for a record, for `close`, or for `limit`, and takes what is there.
    ///
    /// The flag goes up before the lanes are looked at under their locks, and an append looks at the flag
    /// after it held its lane's lock: one of the two sees the other.
    pub fn wait_and_take(&self, limit: Duration) -> Option<Batch> {
        self.sleeping.store(true, Ordering::Release);
        let found = self.take();
        if found.is_none() && !self.is_closing() {
            std::thread::park_timeout(limit);
        }
        self.sleeping.store(false, Ordering::Release);
        found.or_else(|| self.take())
    }

    fn wake_committer(&self) {
        if self.sleeping.load(Ordering::Acquire) && self.sleeping.swap(false, Ordering::AcqRel) {
            self.committer.get().into_iter().for_each(Thread::unpark);
        }
    }
}

impl Lane {
    fn new(outcome: Arc<BatchOutcome>) -> Self {
        Self { closed: false, frames: Vec::new(), count: 0, usual_bytes: 0, outcome }
    }

    fn push(&mut self, payload: &[u8]) -> (u32, Arc<BatchOutcome>) {
        let usual_bytes = self.usual_bytes;
        match self.frames.last_mut().filter(|frame| frame.len() < ROW_BYTES) {
            Some(frame) => frame.push(payload),
            None => {
                let mut frame = FrameBuilder::with_capacity(usual_bytes);
                frame.push(payload);
                self.frames.push(frame);
            }
        }
        self.count += 1;
        (self.count - 1, self.outcome.clone())
    }

    fn take(&mut self, next: Arc<BatchOutcome>) -> (Option<(Vec<FrameBuilder>, u32)>, Arc<BatchOutcome>) {
        let outcome = std::mem::replace(&mut self.outcome, next);
        if self.count == 0 {
            return (None, outcome);
        }
        let frames = std::mem::take(&mut self.frames);
        self.usual_bytes = frames.iter().map(FrameBuilder::len).sum::<usize>().min(ROW_BYTES);
        (Some((frames, std::mem::take(&mut self.count))), outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(limit_records: usize) -> Queue {
        Queue::new(ShardCount::new(2).unwrap(), limit_records)
    }

    #[test]
    fn a_full_queue_is_busy_until_there_is_room() {
        let queue = queue(2);
        assert!(queue.push(ShardId(0), b"a").is_ok());
        assert!(queue.push(ShardId(1), b"b").is_ok());
        assert_eq!(queue.push(ShardId(0), b"c").err(), Some(AppendError::Busy));
        let batch = queue.take().unwrap();
        assert_eq!((batch.records, batch.bytes), (2, 2));
        assert_eq!(queue.push(ShardId(0), b"c").err(), Some(AppendError::Busy), "taken is not yet committed");
        queue.unreserve(batch.records, batch.bytes);
        assert!(queue.push(ShardId(0), b"c").is_ok());
    }

    #[test]
    fn bytes_are_bounded_too() {
        let queue = queue(1_000);
        let large = vec![0; 1 << 20];
        let taken = (0..1_000).take_while(|_| queue.push(ShardId(0), &large).is_ok()).count();
        assert_eq!(taken, QUEUE_BYTES >> 20);
        let batch = queue.take().unwrap();
        assert!(batch.lanes[0].1.iter().all(|frame| frame.len() <= ROW_BYTES + large.len()), "rows stay small");
        queue.unreserve(batch.records, batch.bytes);
        assert_eq!(queue.backlog_bytes(), 0);
    }

    #[test]
    fn closing_refuses_and_leaves_what_is_queued() {
        let queue = queue(10);
        assert!(queue.push(ShardId(1), b"a").is_ok());
        queue.close();
        assert_eq!(queue.push(ShardId(1), b"b").err(), Some(AppendError::Closed));
        let batch = queue.wait_and_take(Duration::from_secs(60)).unwrap();
        assert_eq!((batch.records, batch.bytes), (1, 1));
        assert!(queue.wait_and_take(Duration::from_secs(60)).is_none());
    }

    #[test]
    fn a_shard_that_does_not_exist_is_refused() {
        assert_eq!(queue(1).push(ShardId(2), b"").err(), Some(AppendError::Broken));
    }
}
