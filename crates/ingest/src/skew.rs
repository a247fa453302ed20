//! How far this machine's clock and the log's lie apart (rule 2 of time counts on a bound).
//!
//! An acknowledged record tells: it was received at a time by our clock, appended at a time by the log's, and
//! the latter was at least nothing and at most the whole wait later. So our clock is ahead of the log's by
//! something in `[received - append, received - append + waited]`. A log that is slow widens the interval and
//! proves nothing against the clock.
//!
//! The clocks are too far apart when for ten seconds no record agreed with them lying within the bound, and
//! records of several of those seconds were proof against it. A record that was on its way while somebody set
//! the one clock of a machine says something wrong once, and the next record disagrees. With several brokers,
//! one that agrees with us is enough: it is then the other's clock that is wrong.

use domain::time::UnixMs;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// For so long no record may have agreed.
const WINDOW_MS: u64 = 10_000;
const WINDOW_SECONDS: u64 = WINDOW_MS / 1_000;
/// In so many different seconds of the window there must be proof.
const ENOUGH_SECONDS: usize = 5;
/// How much later a record that agrees must be to be noted: an atomic store per ping is not free.
const GRAIN_MS: u64 = 50;
/// What is lost by reading three clocks in whole milliseconds.
const ROUNDING_MS: i64 = 1;

/// What was seen of the two clocks. The times of its arguments are milliseconds of a clock that nobody sets.
pub(crate) struct Skew {
    /// Zero: nothing is compared.
    bound_ms: i64,
    /// When a record that agreed was last given to the log, and the least difference it allowed for.
    agreed_ms: AtomicU64,
    agreed_by_ms: AtomicI64,
    /// The proofs against the bound, by the second in which the record was given to the log.
    apart: Mutex<[Apart; WINDOW_SECONDS as usize]>,
}

/// What the records of one second prove.
#[derive(Clone, Copy, Default)]
struct Apart {
    second: u64,
    /// The least of their differences, signed. Zero: there is no such record.
    by_ms: i64,
}

impl Skew {
    pub(crate) fn new(bound: Duration) -> Self {
        let bound_ms = i64::try_from(bound.as_millis()).unwrap_or(i64::MAX);
        Self { bound_ms, agreed_ms: AtomicU64::new(0), agreed_by_ms: AtomicI64::new(0), apart: Mutex::default() }
    }

    /// A record received at `received` and given to the log at `since_ms` has the append time `append`, and its
    /// acknowledgement took `waited`.
    pub(crate) fn observe(&self, since_ms: u64, received: UnixMs, append: UnixMs, waited: Duration) {
        if self.bound_ms == 0 {
            return;
        }
        let waited_ms = i64::try_from(waited.as_millis()).unwrap_or(i64::MAX);
        let least = received.since(append).saturating_sub(ROUNDING_MS);
        let most = received.since(append).saturating_add(waited_ms).saturating_add(ROUNDING_MS);
        // The value of the interval that lies nearest to no difference at all.
        let by_ms = 0_i64.clamp(least, most);
        if by_ms.abs() > self.bound_ms {
            self.note_apart(since_ms / 1_000, by_ms);
        } else if least >= -self.bound_ms && most <= self.bound_ms {
            self.note_agreed(since_ms, by_ms);
        }
    }

    /// By how many milliseconds at least this machine's clock is ahead of the log's (negative: behind), if that
    /// is more than the bound.
    pub(crate) fn excess(&self, now_ms: u64) -> Option<i64> {
        if self.agrees(now_ms) {
            return None;
        }
        let apart = self.apart_within(now_ms);
        (apart.len() >= ENOUGH_SECONDS).then(|| least(apart)).flatten()
    }

    /// The best that is known of the difference, in milliseconds; positive: this machine's clock is ahead.
    pub(crate) fn estimate(&self, now_ms: u64) -> i64 {
        let agreed = self.agreed_by_ms.load(Ordering::Relaxed);
        if self.agrees(now_ms) { agreed } else { least(self.apart_within(now_ms)).unwrap_or(agreed) }
    }

    fn agrees(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.agreed_ms.load(Ordering::Relaxed)) <= WINDOW_MS
    }

    fn note_agreed(&self, since_ms: u64, by_ms: i64) {
        if since_ms > self.agreed_ms.load(Ordering::Relaxed) + GRAIN_MS {
            self.agreed_by_ms.store(by_ms, Ordering::Relaxed);
            self.agreed_ms.store(since_ms, Ordering::Relaxed);
        }
    }

    fn note_apart(&self, second: u64, by_ms: i64) {
        let mut apart = self.apart.lock();
        let Some(noted) = apart.get_mut((second % WINDOW_SECONDS) as usize) else { return };
        if noted.second != second || noted.by_ms == 0 || by_ms.abs() < noted.by_ms.abs() {
            *noted = Apart { second, by_ms };
        }
    }

    fn apart_within(&self, now_ms: u64) -> Vec<i64> {
        let oldest = (now_ms / 1_000 + 1).saturating_sub(WINDOW_SECONDS);
        let apart = *self.apart.lock();
        apart.iter().filter(|noted| noted.by_ms != 0 && noted.second >= oldest).map(|noted| noted.by_ms).collect()
    }
}

fn least(differences: Vec<i64>) -> Option<i64> {
    differences.into_iter().min_by_key(|by_ms| by_ms.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_800_000_000_000;
    const HOUR: i64 = 3_600_000;

    /// Two clocks: a record every 200 ms, from `from_ms` to `to_ms`, that takes `latency_ms` to be appended and
    /// as long again to be acknowledged, by a clock of ours that is `ahead_ms` ahead.
    fn run(skew: &Skew, from_ms: u64, to_ms: u64, latency_ms: i64, ahead_ms: i64) {
        for now in (from_ms..to_ms).step_by(200) {
            let received = UnixMs(START + now as i64 + ahead_ms);
            let append = UnixMs(START + now as i64 + latency_ms);
            skew.observe(now, received, append, Duration::from_millis(2 * latency_ms as u64));
        }
    }

    fn skew() -> Skew {
        Skew::new(Duration::from_secs(1))
    }

    #[test]
    fn clocks_that_agree_are_never_apart() {
        for (latency, ahead) in [(0, 0), (5, 0), (5, 990), (5, -980), (400, 0)] {
            let skew = skew();
            run(&skew, 0, 60_000, latency, ahead);
            assert_eq!(skew.excess(60_000), None, "{latency} {ahead}");
        }
    }

    #[test]
    fn a_slow_log_is_no_proof_against_the_clock() {
        for ahead in [0, 900, -900] {
            let skew = skew();
            run(&skew, 0, 60_000, 4_000, ahead);
            assert_eq!((skew.excess(60_000), skew.estimate(60_000)), (None, 0), "{ahead}");
        }
    }

    #[test]
    fn a_clock_that_runs_ahead_or_behind_is_named_after_ten_seconds_with_its_difference() {
        for ahead in [1_500, -1_500, HOUR, -HOUR] {
            let skew = skew();
            run(&skew, 0, 30_000, 3, 0);
            run(&skew, 30_000, 39_800, 3, ahead);
            assert_eq!(skew.excess(39_800), None, "{ahead}");
            run(&skew, 39_800, 41_000, 3, ahead);
            let excess = skew.excess(41_000).unwrap_or_default();
            // At least so much is proved: what the acknowledgement took stays open.
            assert!(excess.signum() == ahead.signum() && (0..10).contains(&(ahead.abs() - excess.abs())), "{excess}");
            assert_eq!(skew.estimate(41_000), excess);
        }
    }

    #[test]
    fn the_first_record_that_agrees_ends_it() {
        let skew = skew();
        run(&skew, 0, 40_000, 3, HOUR);
        assert!(skew.excess(40_000).is_some());
        run(&skew, 40_000, 40_100, 3, 2);
        assert_eq!(skew.excess(40_100), None);
    }

    #[test]
    fn it_is_not_known_for_ever_without_records() {
        let skew = skew();
        run(&skew, 0, 40_000, 3, HOUR);
        assert!(skew.excess(44_000).is_some());
        assert_eq!(skew.excess(46_000), None);
    }

    #[test]
    fn a_machine_s_one_clock_may_be_set_while_records_are_on_their_way() {
        for step in [HOUR, -HOUR, 2_000, -2_000] {
            let skew = skew();
            run(&skew, 0, 30_000, 3, 0);
            // All that was given to the log in the last three seconds is acknowledged after the step.
            for since in (27_000..30_000).step_by(10) {
                let received = UnixMs(START + since as i64);
                let append = UnixMs(START + 30_000 + step);
                skew.observe(since, received, append, Duration::from_millis(30_000 - since));
                assert_eq!(skew.excess(30_000), None, "{step}");
            }
            // From then on both times come from the clock that was set.
            run(&skew, 30_000, 80_000, 3, 0);
            assert_eq!(skew.excess(80_000), None, "{step}");
        }
    }

    #[test]
    fn not_even_when_the_log_stood_still_before() {
        let skew = skew();
        run(&skew, 0, 10_000, 3, 0);
        for since in (37_000..40_000).step_by(10) {
            let received = UnixMs(START + since as i64);
            skew.observe(since, received, UnixMs(START + HOUR), Duration::from_millis(40_000 - since));
        }
        assert_eq!(skew.excess(40_000), None);
    }

    #[test]
    fn one_broker_that_agrees_is_enough() {
        let skew = skew();
        for second in (0..60_000).step_by(1_000) {
            run(&skew, second, second + 600, 3, HOUR);
            run(&skew, second + 600, second + 1_000, 3, 0);
        }
        assert_eq!(skew.excess(60_000), None);
        assert!(skew.estimate(60_000).abs() <= 7);
    }

    #[test]
    fn without_a_bound_nothing_is_compared() {
        let skew = Skew::new(Duration::ZERO);
        run(&skew, 0, 60_000, 3, HOUR);
        assert_eq!((skew.excess(60_000), skew.estimate(60_000)), (None, 0));
    }
}
