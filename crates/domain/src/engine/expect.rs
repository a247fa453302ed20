//! Arithmetic of expectation: which slot is next, when its silence becomes a verdict, when to look.

use super::Engine;
use super::table::Flags;
use super::timers::NEVER;
use crate::command::Status;
use crate::monitor::Policy;
use crate::planted;
use crate::schedule::Schedule;
use crate::time::UnixMs;

/// The longest default of `early`, in milliseconds.
const EARLY_MAX_MS: i64 = 60_000;

impl Engine {
    /// The end of the silence that is forgiven, in milliseconds. Only for a slot with an expected time.
    /// With `max_runtime` set, a run that began in time carries its slot to the run's own deadline.
    pub(super) fn deadline_ms(&self, slot: u32) -> i64 {
        let hot = &self.table.hot[slot as usize];
        let policy = self.table.policy(slot);
        let expected_ms = i64::from(hot.expected) * 1000;
        if hot.flags.has(Flags::FIRST) {
            return expected_ms;
        }
        let grace_secs = planted!("grace-of-a-minute", policy.grace_secs, policy.grace_secs.min(60));
        let deadline = expected_ms + i64::from(grace_secs) * 1000;
        if policy.max_runtime_secs.is_none() || !hot.flags.has(Flags::RUNS) {
            return deadline;
        }
        let from = expected_ms - early_ms(policy, hot.expected);
        let carrying = self.runs_of(slot).iter().filter(|run| (from..=deadline).contains(&run.start_ms));
        carrying.map(|run| run.deadline_ms).fold(deadline, i64::max)
    }

    /// Whether silence is a verdict in its present state.
    pub(super) fn is_armed(&self, slot: u32) -> bool {
        let hot = &self.table.hot[slot as usize];
        hot.expected != 0 && matches!(hot.status, Status::New | Status::Up | Status::Unknown)
    }

    /// When the silence of a monitor is judged next: at its deadline, or where that met a blind window, when
    /// enough time has passed after it.
    pub(super) fn silence_due_ms(&self, slot: u32) -> Option<i64> {
        if !self.is_armed(slot) {
            return None;
        }
        if !self.table.hot[slot as usize].flags.has(Flags::HELD) {
            return Some(self.deadline_ms(slot));
        }
        let judged = self.held.get(&slot).copied();
        (!self.waiting.contains(&slot)).then(|| judged.unwrap_or_else(|| self.deadline_ms(slot)))
    }

    /// Sets the timer of a slot to the first second at which anything about it may be due.
    pub(super) fn rewake(&mut self, slot: u32) {
        let wake = self.wake_of(slot);
        self.table.timers.set(slot, wake);
        self.table.mark(slot);
    }

    fn wake_of(&self, slot: u32) -> u32 {
        let hot = &self.table.hot[slot as usize];
        let mut wake = i64::MAX;
        if let Some(at) = self.silence_due_ms(slot) {
            wake = at.saturating_add(planted!("drop-w", self.clock.w_ms(), 0));
        }
        if hot.flags.has(Flags::RUNS) {
            let first = self.runs_of(slot).iter().map(|run| run.deadline_ms).min();
            wake = first.map_or(wake, |at| wake.min(at.saturating_add(self.clock.w_ms())));
        }
        if hot.status == Status::Down {
            wake = self.next_reminder_ms(slot).map_or(wake, |at| wake.min(at));
        }
        if hot.status == Status::Paused {
            wake = self.paused_until.get(&slot).map_or(wake, |at| wake.min(*at));
        }
        u32::try_from(UnixMs(wake).secs_ceil()).unwrap_or(NEVER)
    }

    pub(super) fn next_reminder_ms(&self, slot: u32) -> Option<i64> {
        let every = i64::from(self.table.policy(slot).remind_every_secs?) * 1000;
        let incident = self.incidents.get(&slot).filter(|incident| !incident.acknowledged)?;
        Some(incident.opened_ms.saturating_add(every.saturating_mul(i64::from(incident.reminded) + 1)))
    }

    /// Expects the next run after a finish at `at_ms`: one that came up to `early` before its slot counts
    /// for that slot (rule 9).
    pub(super) fn expect_after(&mut self, slot: u32, at_ms: i64) {
        let next = next_expected(self.table.policy(slot), at_ms);
        self.expect(slot, next);
    }

    /// Expects the first slot strictly after `at_ms`, without the early rule.
    pub(super) fn expect_strictly_after(&mut self, slot: u32, at_ms: i64) {
        let next = self.table.policy(slot).schedule.next(UnixMs(at_ms)).map_or(0, second_of);
        self.expect(slot, next);
    }

    pub(super) fn expect(&mut self, slot: u32, second: u32) {
        let hot = &mut self.table.hot[slot as usize];
        hot.expected = second;
        hot.flags.set(Flags::FIRST, false);
        if hot.flags.has(Flags::HELD) {
            hot.flags.set(Flags::HELD, false);
            self.held.remove(&slot);
            self.waiting.remove(&slot);
        }
    }
}

/// The next expected second after a finish at `at_ms`; 0: never.
fn next_expected(policy: &Policy, at_ms: i64) -> u32 {
    let Some(first) = policy.schedule.next(UnixMs(at_ms)) else { return 0 };
    if matches!(policy.schedule, Schedule::Period { .. }) {
        return second_of(first);
    }
    let ahead = first.0 - at_ms;
    let most = policy.early_secs.map_or(EARLY_MAX_MS, |secs| i64::from(secs) * 1000);
    if ahead > planted!("early-counts-for-nothing", most, 0) {
        return second_of(first);
    }
    match policy.schedule.next(first) {
        Some(second) if ahead <= early_between(policy, first.0, second.0) => second_of(second),
        // The last slot there will ever be, and it is done.
        None => 0,
        _ => second_of(first),
    }
}

/// How long before the slot at `expected` (seconds) a success counts for it, in milliseconds.
pub(super) fn early_ms(policy: &Policy, expected: u32) -> i64 {
    let slot = i64::from(expected) * 1000;
    match (policy.early_secs, &policy.schedule) {
        (Some(secs), _) => i64::from(secs) * 1000,
        (None, Schedule::Period { seconds }) => EARLY_MAX_MS.min(i64::from(*seconds) * 100),
        (None, schedule) => schedule.next(UnixMs(slot)).map_or(0, |next| early_between(policy, slot, next.0)),
    }
}

fn early_between(policy: &Policy, slot: i64, next: i64) -> i64 {
    policy.early_secs.map_or_else(|| EARLY_MAX_MS.min((next - slot) / 10), |secs| i64::from(secs) * 1000)
}

/// The time from the slot at `expected` to the one after it; `None`: there is none.
pub(super) fn interval_ms(policy: &Policy, expected: u32) -> Option<i64> {
    let slot = UnixMs::from_secs(i64::from(expected));
    policy.schedule.next(slot).map(|next| next.since(slot))
}

/// Expected times are whole seconds, rounded up: never earlier than what they stand for.
pub(super) fn second_of(at: UnixMs) -> u32 {
    u32::try_from(at.secs_ceil()).unwrap_or(0)
}
