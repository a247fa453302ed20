//! What was fetched for one reader and not taken yet.

use crate::{RawRecord, ReadError};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::task::{Poll, Waker};

/// Above either of these the partition is paused; below half of both it goes on. What comes in one turn of the fetcher
/// may go beyond.
const FULL_RECORDS: usize = 8_192;
const FULL_BYTES: usize = 2 << 20;
/// What a record takes beside its payload.
const RECORD_BYTES: usize = 64;

#[derive(Default)]
pub(super) struct Queue(Mutex<State>);

#[derive(Default)]
struct State {
    records: VecDeque<RawRecord>,
    bytes: usize,
    /// Whether the fetcher was told to stop, by [`Queue::push`].
    paused: bool,
    /// After the last of `records`.
    end: Option<ReadError>,
    waker: Option<Waker>,
}

/// What a reader takes out at once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub records: Vec<RawRecord>,
    /// The partition was paused and is to go on.
    pub has_room_again: bool,
}

impl Queue {
    /// Appends all of `fresh`. True when the partition is to be paused, which is said once.
    pub fn push(&self, fresh: &mut Vec<RawRecord>) -> bool {
        let mut state = self.0.lock();
        state.bytes += fresh.iter().map(size).sum::<usize>();
        state.records.extend(fresh.drain(..));
        let full = state.records.len() >= FULL_RECORDS || state.bytes >= FULL_BYTES;
        let pause = full && !state.paused;
        state.paused |= full;
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        pause
    }

    /// Nothing comes after what is here.
    pub fn end(&self, error: ReadError) {
        let mut state = self.0.lock();
        state.end.get_or_insert(error);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Up to `limit` records; the end only when there are none left.
    pub fn poll(&self, limit: usize, waker: &Waker) -> Poll<Result<Taken, ReadError>> {
        let mut state = self.0.lock();
        if state.records.is_empty() {
            if let Some(end) = &state.end {
                return Poll::Ready(Err(end.clone()));
            }
            state.waker = Some(waker.clone());
            return Poll::Pending;
        }
        let count = limit.min(state.records.len());
        let records: Vec<_> = state.records.drain(..count).collect();
        state.bytes -= records.iter().map(size).sum::<usize>();
        let has_room_again = state.paused && state.records.len() <= FULL_RECORDS / 2 && state.bytes <= FULL_BYTES / 2;
        state.paused &= !has_room_again;
        Poll::Ready(Ok(Taken { records, has_room_again }))
    }
}

fn size(record: &RawRecord) -> usize {
    record.payload.len() + RECORD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use domain::time::UnixMs;

    fn records(offsets: std::ops::Range<u64>, payload: usize) -> Vec<RawRecord> {
        let payload = Bytes::from(vec![0; payload]);
        offsets.map(|offset| RawRecord { offset, append: UnixMs(1), payload: payload.clone() }).collect()
    }

    fn take(queue: &Queue, limit: usize) -> Taken {
        match queue.poll(limit, Waker::noop()) {
            Poll::Ready(Ok(taken)) => taken,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_full_queue_says_so_once_and_says_once_that_there_is_room() {
        let (queue, full) = (Queue::default(), FULL_RECORDS as u64);
        assert!(!queue.push(&mut records(0..full - 1, 1)));
        assert!(queue.push(&mut records(full - 1..full, 1)));
        assert!(!queue.push(&mut records(full..full + 10, 1)), "it was said already");
        assert!(!take(&queue, FULL_RECORDS / 2).has_room_again);
        assert!(take(&queue, 10).has_room_again);
        assert!(!take(&queue, 10).has_room_again, "it was said already");
    }

    #[test]
    fn bytes_count_as_well() {
        let queue = Queue::default();
        assert!(queue.push(&mut records(0..2, FULL_BYTES / 2)));
        assert!(!take(&queue, 1).has_room_again, "half is still there");
        assert!(take(&queue, 1).has_room_again);
    }

    #[test]
    fn the_end_comes_after_the_records() {
        let queue = Queue::default();
        queue.push(&mut records(3..5, 1));
        queue.end(ReadError::Closed);
        queue.end(ReadError::Broken("later".to_owned()));
        assert_eq!(take(&queue, 9).records, records(3..5, 1));
        for _ in 0..2 {
            assert_eq!(queue.poll(1, Waker::noop()), Poll::Ready(Err(ReadError::Closed)));
        }
    }
}
