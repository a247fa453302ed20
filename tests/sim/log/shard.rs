//! The records of one shard.

use bytes::Bytes;
use domain::ids::ShardId;
use domain::time::UnixMs;
use eventlog::{Appended, Bounds, RawRecord, ReadError};
use parking_lot::Mutex;
use tokio::sync::Notify;

#[derive(Default)]
pub(super) struct Shard {
    kept: Mutex<Kept>,
    /// Rings when a record has landed, and when a client is cut off, frozen, closed or let go on.
    pub news: Notify,
}

#[derive(Default)]
struct Kept {
    /// Everything, from offset 0 on: a checker wants also what retention took.
    records: Vec<RawRecord>,
    first: u64,
    released: u64,
    clock_offset_ms: i64,
}

impl Shard {
    pub(super) fn ring(&self) {
        self.news.notify_waiters();
    }

    pub(super) fn set_clock_offset(&self, ms: i64) {
        self.kept.lock().clock_offset_ms = ms;
    }

    pub(super) fn land(&self, now: UnixMs, payload: Bytes) -> Appended {
        let mut kept = self.kept.lock();
        let appended = Appended { offset: kept.records.len() as u64, append: now.plus_ms(kept.clock_offset_ms) };
        kept.records.push(RawRecord { offset: appended.offset, append: appended.append, payload });
        drop(kept);
        self.ring();
        appended
    }

    /// Retention looks when somebody asks: until then nobody can tell.
    pub(super) fn bounds(&self, now: UnixMs, retain_ms: i64) -> Bounds {
        let mut kept = self.kept.lock();
        kept.retain(now, retain_ms);
        Bounds { first: kept.first, next: kept.records.len() as u64 }
    }

    pub(super) fn release(&self, below: u64) {
        let mut kept = self.kept.lock();
        kept.released = kept.released.max(below.min(kept.records.len() as u64));
    }

    /// At most `limit` records from `from` on; none when there are none yet.
    pub(super) fn read(&self, shard: ShardId, from: u64, limit: usize) -> Result<Vec<RawRecord>, ReadError> {
        let kept = self.kept.lock();
        let (first, next) = (kept.first, kept.records.len() as u64);
        if from < first || from > next {
            return Err(ReadError::OutOfRange { shard, wanted: from, first, next });
        }
        let there = kept.records.get(from as usize..).unwrap_or_default();
        Ok(there.iter().take(limit.max(1)).cloned().collect())
    }

    pub(super) fn ever(&self, from: u64) -> Vec<RawRecord> {
        let kept = self.kept.lock();
        kept.records.get(from as usize..).map(<[_]>::to_vec).unwrap_or_default()
    }
}

impl Kept {
    /// In order, up to the first that is young or still needed: there are no holes.
    fn retain(&mut self, now: UnixMs, retain_ms: i64) {
        let before = now.plus_ms(self.clock_offset_ms).plus_ms(retain_ms.saturating_neg());
        let is_old = |record: &RawRecord| record.append < before;
        while self.first < self.released && self.records.get(self.first as usize).is_some_and(is_old) {
            self.first += 1;
        }
    }
}
