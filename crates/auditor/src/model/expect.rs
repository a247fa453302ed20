//! When work is expected.

use super::clock::ceil_to_second;
use domain::monitor::Policy;
use domain::schedule::Schedule;
use domain::time::UnixMs;

/// At most so long before its slot does a success count for it (rule 9).
const EARLY_MAX_MS: i64 = 60_000;

/// The slot strictly after `at`, as a whole second; `None`: there is none.
pub fn slot_after(policy: &Policy, at: i64) -> Option<i64> {
    policy.schedule.next(UnixMs(at)).map(|next| ceil_to_second(next.0))
}

/// The slot that work which ended at `at` leaves open: the next one, unless it was done for that one already.
pub fn slot_left_by(policy: &Policy, at: i64) -> Option<i64> {
    let first = policy.schedule.next(UnixMs(at))?.0;
    if is_period(policy) {
        return Some(ceil_to_second(first));
    }
    let second = policy.schedule.next(UnixMs(first)).map(|next| next.0);
    // The last slot of a schedule has no interval after it; a minute is early enough then.
    let early = match (policy.early_secs, second) {
        (Some(secs), _) => i64::from(secs) * 1_000,
        (None, Some(second)) => EARLY_MAX_MS.min((second - first) / 10),
        (None, None) => EARLY_MAX_MS,
    };
    let slot = if first - at <= early { second } else { Some(first) };
    slot.map(ceil_to_second)
}

/// How long before `slot` a success counts for it.
pub fn early(policy: &Policy, slot: i64) -> i64 {
    match (policy.early_secs, &policy.schedule) {
        (Some(secs), _) => i64::from(secs) * 1_000,
        (None, Schedule::Period { seconds }) => EARLY_MAX_MS.min(i64::from(*seconds) * 1_000 / 10),
        (None, schedule) => schedule.next(UnixMs(slot)).map_or(0, |next| EARLY_MAX_MS.min((next.0 - slot) / 10)),
    }
}

/// The time from `slot` to the next one.
pub fn interval(policy: &Policy, slot: i64) -> Option<i64> {
    policy.schedule.next(UnixMs(slot)).map(|next| next.0 - slot)
}

pub fn is_period(policy: &Policy) -> bool {
    matches!(policy.schedule, Schedule::Period { .. })
}
