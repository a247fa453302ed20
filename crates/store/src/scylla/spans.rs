//! Which days and months of a monitor or channel have rows. Without this a list would have to guess where the
//! newest rows are, and ask for every day of a year to find the one ping of a yearly job.
//!
//! A row is written once for each place and process: what was written is remembered, as far as room allows.

use parking_lot::Mutex;
use std::collections::HashSet;

/// Days of a monitor in `history`.
pub(super) const HISTORY_DAY: i8 = 1;
/// Months of a monitor in `transition`.
pub(super) const TRANSITION_MONTH: i8 = 2;
/// Months of a channel in `channel_delivery`.
pub(super) const DELIVERY_MONTH: i8 = 3;

/// Places remembered, in each of two generations: about 25 bytes each, 100 MB at the very most.
const REMEMBERED: usize = 2_000_000;

/// Kind, id, day or month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Span(pub i8, pub i64, pub i32);

/// Places that are known to be written.
#[derive(Default)]
pub(super) struct KnownSpans(Mutex<Generations>);

/// When the young are too many they become the old, and those before them are forgotten: forgetting costs a
/// row that is written again.
#[derive(Default)]
struct Generations {
    young: HashSet<Span>,
    old: HashSet<Span>,
}

impl KnownSpans {
    /// Those that must be written.
    pub(super) fn unknown(&self, mut spans: Vec<Span>) -> Vec<Span> {
        let known = self.0.lock();
        spans.retain(|span| !known.young.contains(span) && !known.old.contains(span));
        spans
    }

    /// They are written.
    pub(super) fn learn(&self, spans: &[Span]) {
        let mut known = self.0.lock();
        known.young.extend(spans);
        if known.young.len() >= REMEMBERED {
            known.old = std::mem::take(&mut known.young);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learned_is_known_until_much_else_was() {
        let known = KnownSpans::default();
        let span = |id: usize| Span(HISTORY_DAY, id as i64, 7);
        assert_eq!(known.unknown(vec![span(1), span(2)]), [span(1), span(2)]);
        known.learn(&[span(1)]);
        assert_eq!(known.unknown(vec![span(1), span(2)]), [span(2)]);
        known.learn(&(2..=REMEMBERED).map(span).collect::<Vec<_>>());
        assert_eq!(known.unknown(vec![span(1)]), [], "a generation later");
        known.learn(&(0..REMEMBERED).map(|id| span(id + REMEMBERED * 2)).collect::<Vec<_>>());
        assert_eq!(known.unknown(vec![span(1)]), [span(1)]);
    }
}
