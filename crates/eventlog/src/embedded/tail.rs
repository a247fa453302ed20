//! What readers see of a shard without asking SQLite: its bounds, and its newest rows.

use super::frame::Frame;
use crate::Bounds;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::watch;

/// The newest rows of all shards together, in bytes of memory.
const TAIL_BYTES: usize = 16 << 20;

/// One shard, as the committer publishes it.
pub(super) struct Tail {
    head: watch::Sender<Head>,
    newest: Mutex<Newest>,
    limit_bytes: usize,
    /// Records below are needed by nobody (`EventLog::release`).
    released: AtomicU64,
}

/// Where a shard begins and ends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub bounds: Bounds,
    /// Nothing will follow.
    pub closed: bool,
}

/// Rows without holes between them, the last of which ends where the shard ends.
#[derive(Default)]
struct Newest {
    frames: VecDeque<Frame>,
    bytes: usize,
}

impl Tail {
    pub fn new(bounds: Bounds, shards: u16) -> Self {
        Self {
            head: watch::Sender::new(Head { bounds, closed: false }),
            newest: Mutex::default(),
            limit_bytes: TAIL_BYTES / usize::from(shards.max(1)),
            released: AtomicU64::new(0),
        }
    }

    pub fn head(&self) -> Head {
        *self.head.borrow()
    }

    /// Tells of each change of the head.
    pub fn watch(&self) -> watch::Receiver<Head> {
        self.head.subscribe()
    }

    /// A row that has just become durable.
    pub fn publish(&self, frame: Frame) {
        let next = frame.end();
        self.newest.lock().push(frame, self.limit_bytes);
        self.head.send_modify(|head| head.bounds.next = next);
    }

    /// Rows below `first` are about to be removed. Said before they go, so that no reader takes a hole that
    /// retention made for damage.
    pub fn retire(&self, first: u64) {
        self.head.send_modify(|head| head.bounds.first = head.bounds.first.max(first));
    }

    pub fn close(&self) {
        self.head.send_modify(|head| head.closed = true);
    }

    pub fn release(&self, below: u64) {
        self.released.fetch_max(below, Ordering::Relaxed);
    }

    pub fn released(&self) -> u64 {
        self.released.load(Ordering::Relaxed)
    }

    /// The rows from the one with `offset` on, enough for `limit` records; empty when it is no longer here.
    pub fn frames_from(&self, offset: u64, limit: usize) -> VecDeque<Frame> {
        self.newest.lock().frames_from(offset, limit)
    }
}

impl Newest {
    /// One row larger than the limit is not kept at all: its reader finds it in the file. So does the reader of a
    /// row that stands before this one unannounced, because its commit failed and yet reached the disk.
    fn push(&mut self, frame: Frame, limit_bytes: usize) {
        if self.frames.back().is_some_and(|last| last.end() != frame.first_offset) {
            *self = Self::default();
        }
        self.bytes += frame.memory();
        self.frames.push_back(frame);
        while self.bytes > limit_bytes {
            let Some(oldest) = self.frames.pop_front() else { break };
            self.bytes -= oldest.memory();
        }
    }

    fn frames_from(&self, offset: u64, limit: usize) -> VecDeque<Frame> {
        let at = self.frames.partition_point(|frame| frame.end() <= offset);
        let begins = self.frames.get(at).is_some_and(|frame| frame.first_offset <= offset);
        if !begins {
            return VecDeque::new();
        }
        let wanted = offset.saturating_add(limit as u64);
        self.frames.range(at..).take_while(|frame| frame.first_offset < wanted).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::frame::FrameBuilder;
    use domain::ids::ShardId;
    use domain::time::UnixMs;

    fn frame(first_offset: u64, count: usize, bytes: usize) -> Frame {
        let mut builder = FrameBuilder::with_capacity(0);
        (0..count).for_each(|_| builder.push(&vec![0; bytes]));
        builder.seal(ShardId(0), first_offset, UnixMs(0))
    }

    fn tail() -> Tail {
        let tail = Tail::new(Bounds { first: 0, next: 10 }, 16);
        [frame(10, 5, 10), frame(15, 1, 10), frame(16, 4, 10)].into_iter().for_each(|f| tail.publish(f));
        tail
    }

    fn starts(tail: &Tail, offset: u64, limit: usize) -> Vec<u64> {
        tail.frames_from(offset, limit).iter().map(|frame| frame.first_offset).collect()
    }

    #[test]
    fn gives_as_many_rows_as_the_limit_needs() {
        let tail = tail();
        assert_eq!(starts(&tail, 12, 100), [10, 15, 16]);
        assert_eq!(starts(&tail, 12, 3), [10]);
        assert_eq!(starts(&tail, 12, 4), [10, 15]);
        assert_eq!(starts(&tail, 19, 1), [16]);
        assert_eq!(starts(&tail, 9, 100), [] as [u64; 0]);
        assert_eq!(starts(&tail, 20, 100), [] as [u64; 0]);
        assert_eq!(tail.head().bounds, Bounds { first: 0, next: 20 });
    }

    #[test]
    fn no_hole_is_read_across() {
        let tail = tail();
        tail.publish(frame(25, 2, 10));
        assert_eq!(starts(&tail, 19, 100), [] as [u64; 0]);
        assert_eq!(starts(&tail, 22, 100), [] as [u64; 0]);
        assert_eq!(starts(&tail, 25, 100), [25]);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let tail = tail();
        for at in 0..40 {
            tail.publish(frame(20 + at, 1, 100_000));
        }
        assert!(tail.newest.lock().bytes <= TAIL_BYTES / 16);
        assert_eq!(starts(&tail, 59, 10), [59]);
        assert_eq!(starts(&tail, 12, 10), [] as [u64; 0]);
        tail.publish(frame(60, 1, 2 << 20));
        assert_eq!(tail.newest.lock().bytes, 0);
        tail.publish(frame(61, 1, 1));
        assert_eq!(starts(&tail, 61, 10), [61]);
    }
}
