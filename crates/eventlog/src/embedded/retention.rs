//! What the log may forget: rows that are too old, or too many, and that no snapshot needs any more.
//!
//! Runs in the committer's thread between commits, a bounded step at a time. It takes whole rows from the old
//! end, never one that reaches above what was released, never the newest of a shard. The file does not
//! shrink; later rows use the pages again.

use super::tail::Tail;
use super::writer::{RowInfo, Writer};
use crate::metric;
use domain::ids::ShardId;
use domain::time::{Clock, UnixMs};
use std::time::{Duration, Instant};

/// How often to look when the last look found nothing more to do.
const EVERY: Duration = Duration::from_secs(1);
/// A step removes at most this much, a few milliseconds' work.
const STEP_ROWS: usize = 256;
const STEP_BYTES: u64 = 2 << 20;

pub(super) struct Retention {
    retain_bytes: u64,
    retain_ms: u64,
    next_look: Instant,
}

impl Retention {
    pub fn new(retain_bytes: u64, retain_ms: u64) -> Self {
        Self { retain_bytes, retain_ms, next_look: Instant::now() }
    }

    /// How long the committer may sleep.
    pub fn until_due(&self) -> Duration {
        self.next_look.saturating_duration_since(Instant::now())
    }

    /// One step. The next is due at once if this one found something to remove, else in a while.
    pub fn step(&mut self, writer: &mut Writer, tails: &[Tail], clock: &dyn Clock) -> rusqlite::Result<()> {
        // Set first: whatever goes wrong, the next look is later.
        self.next_look = Instant::now() + EVERY;
        if self.remove_some(writer, tails, clock.now())? {
            self.next_look = Instant::now();
        }
        Ok(())
    }

    /// True when it removed something: there may be more.
    fn remove_some(&self, writer: &mut Writer, tails: &[Tail], now: UnixMs) -> rusqlite::Result<bool> {
        let live_bytes = writer.live_bytes()?;
        metric::set_live_bytes(live_bytes);
        let excess_bytes = live_bytes.saturating_sub(self.retain_bytes);
        let oldest_kept = UnixMs(now.0.saturating_sub(i64::try_from(self.retain_ms).unwrap_or(i64::MAX)));
        let cuts = plan(candidates(writer, tails)?, excess_bytes, oldest_kept);
        for (shard, below) in &cuts {
            tails.get(usize::from(shard.0)).into_iter().for_each(|tail| tail.retire(*below));
        }
        if !cuts.is_empty() {
            writer.remove(&cuts)?;
        }
        Ok(!cuts.is_empty())
    }
}

/// The oldest rows of each shard that may go.
fn candidates(writer: &Writer, tails: &[Tail]) -> rusqlite::Result<Vec<RowInfo>> {
    let limit = (STEP_ROWS / tails.len().max(1)).max(1) as u32;
    let mut rows = Vec::new();
    for (index, tail) in tails.iter().enumerate() {
        let (bounds, released) = (tail.head().bounds, tail.released());
        if released > bounds.first {
            let oldest = writer.oldest(ShardId(index as u16), limit)?;
            rows.extend(oldest.into_iter().take_while(|row| row.end <= released && row.end < bounds.next));
        }
    }
    Ok(rows)
}

/// Which rows go: per shard, the offset below which all do. `rows` is in order within each shard.
fn plan(mut rows: Vec<RowInfo>, excess_bytes: u64, oldest_kept: UnixMs) -> Vec<(ShardId, u64)> {
    age_like_predecessors(&mut rows);
    rows.sort_by_key(|row| row.append);
    let (mut cuts, mut removed_bytes) = (Vec::<(ShardId, u64)>::new(), 0);
    for row in rows.iter().take(STEP_ROWS) {
        let goes = row.append < oldest_kept || removed_bytes < excess_bytes;
        if !goes || removed_bytes >= STEP_BYTES {
            break;
        }
        removed_bytes += row.bytes;
        match cuts.iter_mut().find(|(shard, _)| *shard == row.shard) {
            Some((_, below)) => *below = row.end,
            None => cuts.push((row.shard, row.end)),
        }
    }
    cuts
}

/// Append times may step back; a row counts as no older than those before it in its shard, so that an order
/// by age is an order by offset too.
fn age_like_predecessors(rows: &mut [RowInfo]) {
    let mut previous: Option<RowInfo> = None;
    for row in rows {
        if let Some(previous) = previous.filter(|previous| previous.shard == row.shard) {
            row.append = row.append.max(previous.append);
        }
        previous = Some(*row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(shard: u16, end: u64, append: i64, bytes: u64) -> RowInfo {
        RowInfo { shard: ShardId(shard), end, append: UnixMs(append), bytes }
    }

    #[test]
    fn old_rows_go_whatever_the_size() {
        let rows = vec![row(0, 1, 10, 5), row(0, 2, 20, 5), row(0, 3, 30, 5), row(1, 7, 15, 5)];
        assert_eq!(plan(rows.clone(), 0, UnixMs(21)), [(ShardId(0), 2), (ShardId(1), 7)]);
        assert_eq!(plan(rows, 0, UnixMs(0)), []);
    }

    #[test]
    fn too_many_bytes_go_oldest_first_over_all_shards() {
        let rows = vec![row(0, 1, 10, 5), row(0, 2, 40, 5), row(1, 7, 20, 5), row(1, 9, 30, 5)];
        assert_eq!(plan(rows.clone(), 11, UnixMs(0)), [(ShardId(0), 1), (ShardId(1), 9)]);
        assert_eq!(plan(rows, 1, UnixMs(0)), [(ShardId(0), 1)]);
    }

    #[test]
    fn a_clock_that_stepped_back_takes_no_row_before_an_earlier_one() {
        let rows = vec![row(0, 1, 50, 5), row(0, 2, 10, 5), row(0, 3, 60, 5)];
        assert_eq!(plan(rows.clone(), 0, UnixMs(20)), []);
        assert_eq!(plan(rows, 1, UnixMs(20)), [(ShardId(0), 1)]);
    }

    #[test]
    fn a_step_is_bounded() {
        let many: Vec<_> = (0..1000).map(|at| row(0, at, 1, 1)).collect();
        assert_eq!(plan(many, u64::MAX, UnixMs(9)), [(ShardId(0), STEP_ROWS as u64 - 1)]);
        let large: Vec<_> = (0..100).map(|at| row(0, at, 1, STEP_BYTES / 2)).collect();
        assert_eq!(plan(large, u64::MAX, UnixMs(9)), [(ShardId(0), 1)]);
    }
}
