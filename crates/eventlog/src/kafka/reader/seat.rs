//! One reader's place at a consumer: what the next record must be, and what to do when it is another.

use super::queue::Queue;
use crate::RawRecord;
use domain::ids::ShardId;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A reader that is behind and gets nothing for so long is assigned anew.
const STUCK_AFTER: Duration = Duration::from_secs(10);
/// One that gets nothing for so long may be behind.
const QUIET_AFTER: Duration = Duration::from_secs(5);

pub(super) struct Seat {
    pub id: u64,
    pub shard: ShardId,
    pub queue: Arc<Queue>,
    /// The offset of the next record to queue.
    pub expected: u64,
    pub paused: bool,
    /// Records of this turn.
    pub fresh: Vec<RawRecord>,
    /// Where a hole was seen before, after which the partition was assigned anew.
    jumped_at: Option<u64>,
    /// What comes until the partition is assigned anew lies behind the hole.
    asking: bool,
    /// When a record came last.
    fed: Instant,
    /// When a record came, or there was none to come, or the partition was assigned.
    moved: Instant,
    /// How often it was assigned anew since a record came.
    nudges: u32,
}

/// What to do with a record.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Take,
    /// Of an assignment before.
    Ignore,
    /// Records are missing in between: perhaps they come when asked for again.
    AskAgain,
    /// They do not.
    Hole,
}

impl Seat {
    pub fn new(id: u64, shard: ShardId, from: u64, queue: Arc<Queue>) -> Self {
        let (fresh, now) = (Vec::new(), Instant::now());
        let (paused, jumped_at, asking, nudges) = (false, None, false, 0);
        Self { id, shard, queue, expected: from, paused, fresh, jumped_at, asking, fed: now, moved: now, nudges }
    }

    /// Offsets have no holes: nobody writes transactions, whose markers would take some, and nothing is compacted.
    pub fn judge(&mut self, offset: u64) -> Verdict {
        if offset < self.expected || self.asking {
            return Verdict::Ignore;
        }
        if offset == self.expected {
            return Verdict::Take;
        }
        self.asking = true;
        match self.jumped_at.replace(self.expected) {
            Some(before) if before == self.expected => Verdict::Hole,
            _ => Verdict::AskAgain,
        }
    }

    /// The consumer was told to begin at `expected`.
    pub fn note_assigned(&mut self) {
        self.asking = false;
    }

    pub fn take(&mut self, record: RawRecord) {
        self.expected = record.offset + 1;
        self.fresh.push(record);
    }

    /// Records came.
    pub fn note_fed(&mut self, now: Instant) {
        self.fed = now;
        self.note_well(now);
    }

    fn note_well(&mut self, now: Instant) {
        self.moved = now;
        self.nudges = 0;
    }

    /// Nothing came for a while: the log's end is to be asked for.
    pub fn is_quiet(&self, now: Instant) -> bool {
        !self.paused && now.saturating_duration_since(self.fed) >= QUIET_AFTER
    }

    /// How often it was found stuck in a row, this time included, when it is. `end`: what was last heard of the log.
    pub fn is_stuck(&mut self, end: u64, now: Instant) -> Option<u32> {
        let behind = !self.paused && self.expected < end;
        if !behind {
            self.note_well(now);
        }
        if now.saturating_duration_since(self.moved) < STUCK_AFTER {
            return None;
        }
        self.moved = now;
        self.nudges += 1;
        Some(self.nudges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use domain::time::UnixMs;

    fn seat() -> Seat {
        Seat::new(1, ShardId(0), 10, Arc::default())
    }

    fn record(offset: u64) -> RawRecord {
        RawRecord { offset, append: UnixMs(1), payload: Bytes::new() }
    }

    #[test]
    fn records_come_one_behind_the_other() {
        let mut seat = seat();
        assert_eq!(seat.judge(9), Verdict::Ignore);
        assert_eq!(seat.judge(10), Verdict::Take);
        seat.take(record(10));
        assert_eq!(seat.judge(10), Verdict::Ignore);
        assert_eq!(seat.judge(11), Verdict::Take);
    }

    #[test]
    fn a_hole_is_believed_when_it_is_seen_twice() {
        let mut seat = seat();
        assert_eq!(seat.judge(12), Verdict::AskAgain);
        assert_eq!(seat.judge(13), Verdict::Ignore, "it lies behind the hole");
        seat.note_assigned();
        assert_eq!(seat.judge(12), Verdict::Hole);
        let mut seat = self::seat();
        assert_eq!(seat.judge(12), Verdict::AskAgain);
        seat.note_assigned();
        assert_eq!(seat.judge(10), Verdict::Take);
        seat.take(record(10));
        assert_eq!(seat.judge(12), Verdict::AskAgain, "another hole");
    }

    #[test]
    fn who_is_behind_and_gets_nothing_is_stuck() {
        let mut seat = seat();
        let start = seat.moved;
        assert_eq!(seat.is_stuck(10, start + STUCK_AFTER * 3), None, "it is at the end");
        assert_eq!(seat.is_stuck(11, start + STUCK_AFTER * 3), None, "the time begins when it falls behind");
        assert_eq!(seat.is_stuck(11, start + STUCK_AFTER * 4), Some(1));
        assert_eq!(seat.is_stuck(11, start + STUCK_AFTER * 5), Some(2));
        seat.note_fed(start + STUCK_AFTER * 5);
        assert!(!seat.is_quiet(start + STUCK_AFTER * 5) && seat.is_quiet(start + STUCK_AFTER * 6));
        assert_eq!(seat.is_stuck(99, start + STUCK_AFTER * 6), Some(1));
        seat.paused = true;
        assert_eq!(seat.is_stuck(99, start + STUCK_AFTER * 9), None, "its reader is slow");
    }
}
