//! When a producer is given up. librdkafka can lose its last broker for good, after a freeze, without calling that an
//! error: then no report succeeds any more, and only a new producer helps.

use std::time::{Duration, Instant};

/// The wait between two replacements doubles up to this many times the first.
const MOST: u32 = 8;

/// Watches one log's producers, one after the other.
pub(super) struct StallWatch {
    patience: Duration,
    /// Since when something was sent and nothing acknowledged.
    unanswered_since: Option<Instant>,
    /// Replacements since the last success.
    replaced: u32,
}

impl StallWatch {
    /// `patience`: how long no report may succeed while records wait.
    pub fn new(patience: Duration) -> Self {
        Self { patience, unanswered_since: None, replaced: 0 }
    }

    pub fn note_success(&mut self) {
        self.unanswered_since = None;
        self.replaced = 0;
    }

    /// A new producer is in place.
    pub fn note_replaced(&mut self) {
        self.unanswered_since = None;
        self.replaced += 1;
    }

    /// True when it is time for a new producer. `waiting`: records are with the present one. That they failed
    /// meanwhile is no success: the time runs on.
    pub fn is_stalled(&mut self, waiting: bool, now: Instant) -> bool {
        if !waiting {
            return false;
        }
        let since = *self.unanswered_since.get_or_insert(now);
        now.saturating_duration_since(since) >= self.patience * (1 << self.replaced.min(31)).min(MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn silence_without_records_is_no_stall() {
        let (mut watch, start) = (StallWatch::new(PATIENCE), Instant::now());
        assert!(!watch.is_stalled(false, start));
        assert!(!watch.is_stalled(true, start + at(3_600)), "the time begins with the first record");
        assert!(!watch.is_stalled(true, start + at(3_609)));
        assert!(watch.is_stalled(true, start + at(3_610)));
    }

    #[test]
    fn a_success_begins_anew() {
        let (mut watch, start) = (StallWatch::new(PATIENCE), Instant::now());
        assert!(!watch.is_stalled(true, start));
        watch.note_success();
        assert!(!watch.is_stalled(true, start + at(10)));
        assert!(!watch.is_stalled(true, start + at(19)));
        assert!(watch.is_stalled(true, start + at(20)));
    }

    #[test]
    fn records_that_failed_do_not_stop_the_time() {
        let (mut watch, start) = (StallWatch::new(PATIENCE), Instant::now());
        assert!(!watch.is_stalled(true, start));
        assert!(!watch.is_stalled(false, start + at(6)));
        assert!(watch.is_stalled(true, start + at(11)));
    }

    #[test]
    fn replacing_again_takes_longer_each_time_up_to_a_limit() {
        let (mut watch, mut now) = (StallWatch::new(PATIENCE), Instant::now());
        for seconds in [10, 20, 40, 80, 80, 80] {
            assert!(!watch.is_stalled(true, now));
            assert!(!watch.is_stalled(true, now + at(seconds - 1)), "{seconds}");
            assert!(watch.is_stalled(true, now + at(seconds)), "{seconds}");
            watch.note_replaced();
            now += at(seconds);
        }
    }
}
