//! Whether the log takes records of a shard, as far as is known.
//!
//! A log that has stopped acknowledging would hold every request for the whole append timeout, and clients that
//! retry would pile up behind it. So a record that waited in vain while nothing of its shard was acknowledged
//! shuts the shard's valve: from then on pings are refused at once, but for one a second that finds out whether
//! the log is back. Confessions pass as well. The first acknowledgement opens the valve.
//!
//! A log that is only slow, or full, shuts nothing: there every place that becomes free is worth taking. Times
//! are milliseconds of a clock that nobody sets.

use domain::ids::{ShardCount, ShardId};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// How often a ping may try a log that is away.
const PROBE_EVERY_MS: u64 = 1_000;
/// How much later an acknowledgement must be to be noted: an atomic store per ping is not free.
const GRAIN_MS: u64 = 50;

/// The last records were acknowledged, or none was asked for.
const GOOD: u8 = 0;
/// A record failed and none was acknowledged since.
const DOUBTED: u8 = 1;
/// And it had waited for the whole append timeout.
const SHUT: u8 = 2;

/// The valves of all shards.
pub(crate) struct Valves(Box<[Valve]>);

#[derive(Default)]
struct Valve {
    state: AtomicU8,
    acked_ms: AtomicU64,
    /// When the next ping may pass a shut valve.
    probe_ms: AtomicU64,
}

impl Valves {
    pub(crate) fn new(shards: ShardCount) -> Self {
        Self(shards.all().map(|_| Valve::default()).collect())
    }

    /// Whether a ping may be given to the log.
    pub(crate) fn admits(&self, shard: ShardId, now_ms: u64) -> bool {
        let Some(valve) = self.get(shard).filter(|valve| valve.state.load(Ordering::Relaxed) == SHUT) else {
            return true;
        };
        let due = valve.probe_ms.load(Ordering::Relaxed);
        let next = now_ms + PROBE_EVERY_MS;
        now_ms >= due && valve.probe_ms.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// The log acknowledged a record.
    pub(crate) fn acknowledged(&self, shard: ShardId, now_ms: u64) {
        let Some(valve) = self.get(shard) else { return };
        if now_ms > valve.acked_ms.load(Ordering::Relaxed) + GRAIN_MS {
            valve.acked_ms.store(now_ms, Ordering::Relaxed);
        }
        if valve.state.load(Ordering::Relaxed) != GOOD {
            valve.state.store(GOOD, Ordering::Relaxed);
        }
    }

    /// The log failed a record, or kept it waiting for longer than its client would wait.
    pub(crate) fn failed(&self, shard: ShardId) {
        if let Some(valve) = self.get(shard) {
            let _ = valve.state.compare_exchange(GOOD, DOUBTED, Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// A record given to the log at `since_ms` waited for the whole append timeout.
    pub(crate) fn timed_out(&self, shard: ShardId, since_ms: u64, now_ms: u64) {
        let Some(valve) = self.get(shard) else { return };
        if valve.acked_ms.load(Ordering::Relaxed) > since_ms {
            return self.failed(shard);
        }
        if valve.state.swap(SHUT, Ordering::Relaxed) != SHUT {
            valve.probe_ms.store(now_ms + PROBE_EVERY_MS, Ordering::Relaxed);
        }
    }

    /// Whether the last that is known of the log is that it failed a record of this shard.
    pub(crate) fn is_away(&self, shard: ShardId) -> bool {
        self.get(shard).is_some_and(|valve| valve.state.load(Ordering::Relaxed) != GOOD)
    }

    fn get(&self, shard: ShardId) -> Option<&Valve> {
        self.0.get(usize::from(shard.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: ShardId = ShardId(1);

    fn valves() -> Valves {
        Valves::new(ShardCount::new(4).unwrap())
    }

    #[test]
    fn a_record_that_waited_in_vain_shuts_its_shard_but_for_one_ping_a_second() {
        let valves = valves();
        assert!(valves.admits(S, 0) && !valves.is_away(S));
        valves.timed_out(S, 0, 5_000);
        assert!(valves.is_away(S) && !valves.is_away(ShardId(0)) && valves.admits(ShardId(0), 5_000));
        // Others that waited beside it do not put the next attempt off.
        valves.timed_out(S, 900, 5_900);
        let passed: Vec<u64> = (5_000..8_500).step_by(10).filter(|now| valves.admits(S, *now)).collect();
        assert_eq!(passed, [6_000, 7_000, 8_000]);
    }

    #[test]
    fn the_first_acknowledgement_opens_it() {
        let valves = valves();
        valves.timed_out(S, 0, 5_000);
        valves.acknowledged(S, 5_010);
        assert!(!valves.is_away(S) && (0..100).all(|_| valves.admits(S, 5_020)));
    }

    #[test]
    fn one_record_that_gets_lost_among_others_shuts_nothing() {
        let valves = valves();
        valves.acknowledged(S, 3_000);
        valves.timed_out(S, 2_000, 7_000);
        assert!(valves.is_away(S) && valves.admits(S, 7_000) && valves.admits(S, 7_000));
        valves.acknowledged(S, 7_001);
        assert!(!valves.is_away(S));
    }

    #[test]
    fn a_failure_without_a_wait_shuts_nothing_and_opens_nothing() {
        let valves = valves();
        valves.failed(S);
        assert!(valves.is_away(S) && valves.admits(S, 10) && valves.admits(S, 10));
        valves.timed_out(S, 10, 5_010);
        valves.failed(S);
        assert!(!valves.admits(S, 5_020));
    }
}
