//! From slots on the wall clock to instants: the one place that knows what a clock change does to a schedule.

use std::borrow::Cow;

use super::pieces::{Piece, Pieces};
use super::slots::{DayRule, Slots};
use super::zone::Zone;
use crate::time::UnixMs;

/// A gap of this length or more is a day that did not exist; as in Debian's cron nothing is made up for it.
const LOST_DAY_SECS: i64 = 3 * 3_600;

/// What happens to slots that the wall clock skips or shows twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClockRule {
    /// Runs whenever the wall clock shows a slot: twice in a repeated hour, not at all in a skipped one.
    RealTime,
    /// Runs in the first pass of a repeated stretch; skipped slots run once, at the first instant after the gap.
    OnceMadeUp,
    /// Runs in the first pass of a repeated stretch; skipped slots are lost.
    OnceSkipped,
}

/// The first instant strictly after `after` and before `until`, Unix seconds, at which a slot comes up in
/// `zone`. None as well when `after` or the run lies outside the years -9999 to 9999.
pub(super) fn next_instant<D: DayRule>(
    slots: &Slots<D>,
    zone: &Zone,
    rule: ClockRule,
    after: UnixMs,
    until: i64,
) -> Option<UnixMs> {
    super::within_range(after.0)?;
    let from = after.secs_floor() + 1;
    let pieces = match Pieces::table_covers(from, until) {
        true => Cow::Borrowed(zone.pieces()),
        false => Cow::Owned(Pieces::around(zone.tz(), from, until)),
    };
    // The piece of the second before `from`: a gap may end exactly at `from`.
    let at = pieces.index_at(from - 1);
    let walk = Walk { slots, pieces: pieces.as_slice(), from, until };
    let found = match rule {
        ClockRule::RealTime => walk.real_time(at),
        ClockRule::OnceMadeUp => walk.once(at, true),
        ClockRule::OnceSkipped => walk.once(at, false),
    };
    super::within_range(found?.checked_mul(1_000)?)
}

/// A search over the instants `from..until`, Unix seconds.
struct Walk<'a, D> {
    slots: &'a Slots<D>,
    pieces: &'a [Piece],
    from: i64,
    until: i64,
}

impl<D: DayRule> Walk<'_, D> {
    /// Every piece by itself, so that both passes of a repeated hour are seen.
    fn real_time(&self, first: usize) -> Option<i64> {
        for index in self.indices(first) {
            let (start, end, offset) = self.bounds(index);
            if let Some(local) = self.slots.first(start + offset, end + offset) {
                return Some(local - offset);
            }
        }
        None
    }

    /// Wall clock times that no earlier piece has shown, and gaps between pieces.
    fn once(&self, first: usize, make_up: bool) -> Option<i64> {
        // The wall clock has shown everything before `shown`.
        let mut shown = self.shown_before(first);
        for index in self.indices(first) {
            if index > first && make_up && self.swallowed_a_slot(index, shown) {
                return Some(self.pieces[index].start);
            }
            let (start, end, offset) = self.bounds(index);
            if let Some(local) = self.slots.first(shown.max(start + offset), end + offset) {
                return Some(local - offset);
            }
            shown = shown.max(end + offset);
        }
        None
    }

    /// Whether a gap short of a lost day lies before piece `index`, with a slot in it that was not shown.
    fn swallowed_a_slot(&self, index: usize, shown: i64) -> bool {
        let piece = self.pieces[index];
        let stopped = piece.start + self.pieces[index - 1].offset;
        let resumed = piece.start + piece.offset;
        resumed - stopped < LOST_DAY_SECS && self.slots.first(stopped.max(shown), resumed).is_some()
    }

    /// The latest wall clock time, exclusive, that pieces before `index` have shown.
    fn shown_before(&self, index: usize) -> i64 {
        // Offsets differ by 26 hours at most, so what ended days before does not reach into this piece.
        let reach = self.pieces[index].start.saturating_sub(3 * 86_400);
        let ends = self.pieces[..=index].windows(2).rev();
        let near = ends.take_while(|pair| pair[1].start > reach);
        near.map(|pair| pair[1].start + pair[0].offset).max().unwrap_or(i64::MIN)
    }

    /// The pieces from `first` on that begin before the search ends.
    fn indices(&self, first: usize) -> impl Iterator<Item = usize> {
        (first..self.pieces.len()).take_while(|index| self.pieces[*index].start < self.until)
    }

    /// First second, end (exclusive) and offset of a piece, cut to the search.
    fn bounds(&self, index: usize) -> (i64, i64, i64) {
        let Piece { start, offset } = self.pieces[index];
        let end = self.pieces.get(index + 1).map_or(self.until, |next| next.start);
        (start.max(self.from), end.min(self.until), offset)
    }
}
