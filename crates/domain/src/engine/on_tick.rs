//! Silence: deadlines that have passed close, in the order in which they passed.

use super::effects::{Effect, Note};
use super::evidence::{Hearing, Window};
use super::expect::{early_ms, interval_ms};
use super::runs::OpenRun;
use super::table::Flags;
use super::verdict::{Cause, Failure, Unobserved};
use super::{Engine, SilentWindow};
use crate::command::Status;
use crate::monitor::OnBlind;
use crate::planted;
use crate::record::Record;
use crate::time::UnixMs;
use crate::transition::Reason;

/// The longest a deadline that met a blind window waits after it, in milliseconds.
const PROOF_MAX_MS: i64 = 3_600_000;

impl Engine {
    pub(super) fn on_tick(&mut self, record: &Record, effects: &mut Vec<Effect>) {
        self.look_at_all(record, effects);
        self.offer_due(effects);
    }

    /// Looks at every monitor whose timer has passed.
    pub(super) fn look_at_all(&mut self, record: &Record, effects: &mut Vec<Effect>) {
        let now = self.clock.second();
        let mut due = std::mem::take(&mut self.due);
        self.table.timers.collect_due(now, &mut due);
        for slot in due.drain(..) {
            self.look_at(slot, record, effects);
        }
        self.due = due;
        self.table.timers.settle(now);
    }

    /// Closes what is due about one monitor. Cheap when nothing is.
    pub(super) fn look_at(&mut self, slot: u32, record: &Record, effects: &mut Vec<Effect>) {
        if self.table.timers.get(slot) > self.clock.second() {
            return;
        }
        let closed = self.clock.now().0 - planted!("drop-w", self.clock.w_ms(), 0);
        while self.close_first(slot, closed, record, effects) {}
        self.remind(slot, record, effects);
        self.end_pause(slot, record, effects);
        self.rewake(slot);
    }

    /// Closes the earliest deadline at or before `closed`, if there is one. Each step moves or removes one
    /// deadline, and a monitor that is down has none, so this ends.
    fn close_first(&mut self, slot: u32, closed: i64, record: &Record, effects: &mut Vec<Effect>) -> bool {
        let silence =
            self.silence_due_ms(slot).filter(|at| planted!("deadline-before", *at <= closed, *at < closed - 500));
        let until = silence.unwrap_or(closed);
        if let Some(run) = self.take_overdue_run(slot, until) {
            self.time_out(slot, run, record, effects);
            return true;
        }
        match silence {
            Some(at_ms) => {
                self.judge_silence(slot, at_ms, record, effects);
                true
            }
            None => false,
        }
    }

    /// Rule 5: a deadline whose window was heard is missed; one that met a blind window waits for proof.
    fn judge_silence(&mut self, slot: u32, at_ms: i64, record: &Record, effects: &mut Vec<Effect>) {
        let (window, wait_ms, surely) = self.silent_window(slot);
        let held = self.held.contains_key(&slot);
        let until = if held { at_ms } else { window.deadline_ms };
        let origin = self.table.hot[slot as usize].origin;
        match self.evidence.hearing(origin, window.from_ms, until) {
            Hearing::Heard => self.miss(slot, window, window.deadline_ms, record, effects),
            Hearing::Silent { .. } => self.wait_for_evidence(slot),
            Hearing::Blind(blind) if !(held && blind.to + wait_ms <= at_ms) => {
                self.hold(slot, blind.to + planted!("held-too-long", wait_ms, 2 * wait_ms))
            }
            Hearing::Blind(_) if surely || self.table.policy(slot).on_blind == OnBlind::Down => {
                self.miss(slot, window, at_ms, record, effects);
            }
            Hearing::Blind(blind) => self.leave_unobserved(slot, window, blind, record, effects),
        }
    }

    /// The window in which the work was expected, how long to wait after a blind window that it met, and
    /// whether a healthy monitor would surely have pinged by then.
    fn silent_window(&self, slot: u32) -> (SilentWindow, i64, bool) {
        let hot = &self.table.hot[slot as usize];
        let policy = self.table.policy(slot);
        let deadline_ms = self.deadline_ms(slot);
        let expected_ms = i64::from(hot.expected) * 1000;
        let (from_ms, period) = match hot.flags.has(Flags::FIRST) {
            true => {
                let within = i64::from(policy.first_ping_within_secs.unwrap_or(0)) * 1000;
                (deadline_ms - within, Some(within))
            }
            false => (expected_ms - early_ms(policy, hot.expected), interval_ms(policy, hot.expected)),
        };
        let proof = period.map(|period| period + i64::from(policy.grace_secs) * 1000).filter(|ms| *ms <= PROOF_MAX_MS);
        (SilentWindow { from_ms, deadline_ms }, proof.unwrap_or(PROOF_MAX_MS), proof.is_some())
    }

    fn wait_for_evidence(&mut self, slot: u32) {
        self.waiting.insert(slot);
        self.table.hot[slot as usize].flags.set(Flags::HELD, true);
    }

    fn hold(&mut self, slot: u32, until_ms: i64) {
        self.held.insert(slot, until_ms);
        self.table.hot[slot as usize].flags.set(Flags::HELD, true);
    }

    fn miss(&mut self, slot: u32, window: SilentWindow, at_ms: i64, record: &Record, effects: &mut Vec<Effect>) {
        let hot = &self.table.hot[slot as usize];
        let (expected, is_first) = (hot.expected, hot.flags.has(Flags::FIRST));
        let failure = Failure {
            silent: Some(window),
            expected_ms: (!is_first).then_some(i64::from(expected) * 1000),
            deadline_ms: Some(window.deadline_ms),
            ..Failure::of(Reason::Missed, Cause::Deadline(window.deadline_ms), at_ms)
        };
        self.fail(slot, record, failure, effects);
        let after = planted!("miss-skips-a-slot", i64::from(expected) * 1000, at_ms);
        self.expect_strictly_after(slot, if at_ms > window.deadline_ms { at_ms } else { after });
    }

    fn leave_unobserved(
        &mut self,
        slot: u32,
        window: SilentWindow,
        blind: Window,
        record: &Record,
        effects: &mut Vec<Effect>,
    ) {
        let expected_ms = i64::from(self.table.hot[slot as usize].expected) * 1000;
        let cause = Cause::Deadline(window.deadline_ms);
        let notice = Unobserved { expected_ms: Some(expected_ms), ..Unobserved::of(cause, window.deadline_ms, blind) };
        self.unobserve(slot, record, notice, effects);
        self.expect_strictly_after(slot, expected_ms.max(blind.to));
    }

    /// A run has taken too long, unless its end may have fallen into a blind window: then it gets the time
    /// after the window in which a job that retries would have been heard, and is `unobserved` after that.
    fn time_out(&mut self, slot: u32, run: OpenRun, record: &Record, effects: &mut Vec<Effect>) {
        let hot = &self.table.hot[slot as usize];
        // A run that began while the monitor was paused may open an incident: its job is at work.
        if planted!("down-again", hot.status == Status::Down, false) {
            return;
        }
        // At least a second: a deadline that is put off must lie ahead, whatever W is.
        let proof_ms = self.run_limit_ms(slot).unwrap_or(0).clamp(1_000, PROOF_MAX_MS);
        match self.evidence.hearing(hot.origin, run.start_ms, run.deadline_ms) {
            Hearing::Heard => self.fail_run(slot, run, record, effects),
            Hearing::Silent { .. } => self.reopen_run(slot, run, self.clock.now().0 + proof_ms),
            Hearing::Blind(blind) if blind.to + proof_ms > run.deadline_ms => {
                self.reopen_run(slot, run, blind.to + proof_ms);
            }
            Hearing::Blind(_) if self.table.policy(slot).on_blind == OnBlind::Down => {
                self.fail_run(slot, run, record, effects);
            }
            Hearing::Blind(blind) => {
                let notice = Unobserved {
                    run_started_ms: Some(run.start_ms),
                    ..Unobserved::of(run_cause(run), run.deadline_ms, blind)
                };
                self.unobserve(slot, record, notice, effects);
                self.expect_after_run(slot, run);
            }
        }
    }

    fn fail_run(&mut self, slot: u32, run: OpenRun, record: &Record, effects: &mut Vec<Effect>) {
        let failure = Failure {
            deadline_ms: Some(run.deadline_ms),
            run_started_ms: Some(run.start_ms),
            ..Failure::of(Reason::TimedOut, run_cause(run), run.deadline_ms)
        };
        self.fail(slot, record, failure, effects);
        self.expect_after_run(slot, run);
    }

    /// A run that began for the slot now expected has used that slot up.
    fn expect_after_run(&mut self, slot: u32, run: OpenRun) {
        let expected = self.table.hot[slot as usize].expected;
        let from_ms = i64::from(expected) * 1000 - early_ms(self.table.policy(slot), expected);
        if expected != 0 && run.start_ms >= from_ms {
            self.expect_after(slot, run.deadline_ms);
        }
    }

    /// Rule 4: an ingest says that it did not take pings for a while. What is due is judged first, so that
    /// a log without ticks comes to the same verdicts; then a `missed` that this explains is taken back.
    pub(super) fn on_deaf(&mut self, record: &Record, from: UnixMs, to: UnixMs, effects: &mut Vec<Effect>) {
        self.look_at_all(record, effects);
        let window = Window { from: from.0, to: to.0.min(self.clock.now().0) };
        planted!("deaf-is-no-evidence", self.evidence.deaf(record.envelope.origin, window), ());
        if window.from >= window.to {
            return;
        }
        effects.push(Effect::Note(Note::Blind { from_ms: window.from, to_ms: window.to }));
        let explained = self.incidents.iter().filter(|(slot, incident)| {
            let same_origin = self.table.hot[**slot as usize].origin == record.envelope.origin;
            same_origin && incident.silent.is_some_and(|s| s.from_ms < window.to && s.deadline_ms > window.from)
        });
        let explained: Vec<u32> = explained.map(|(slot, _)| *slot).collect();
        for slot in planted!("never-retract", explained, Vec::new()) {
            self.retract(slot, window, record, effects);
        }
    }

    fn retract(&mut self, slot: u32, blind: Window, record: &Record, effects: &mut Vec<Effect>) {
        let (_, wait_ms, surely) = self.silent_window(slot);
        let proved = surely && blind.to + wait_ms + self.clock.w_ms() <= self.clock.now().0;
        if proved || self.table.policy(slot).on_blind == OnBlind::Down {
            return;
        }
        self.take_back_miss(slot, blind, record, effects);
        self.expect_strictly_after(slot, self.clock.now().0.max(blind.to));
        self.rewake(slot);
    }

    /// Rule 8: T was wrong and is set back. The stretch was blind; everything armed starts from its end.
    pub(super) fn set_clock_back(&mut self, from: UnixMs, effects: &mut Vec<Effect>) {
        let now = self.clock.now();
        self.evidence.set_back(now);
        self.producers.set_back(now.0);
        self.deliveries.set_back(now.0);
        effects.push(Effect::Note(Note::ClockSetBack { from_ms: now.0, to_ms: from.0 }));
        for slot in 0..planted!("set-back-arms-nothing", self.table.len(), 0) {
            self.restart_from(slot, now.0);
        }
    }

    fn restart_from(&mut self, slot: u32, now_ms: i64) {
        let limit = self.run_limit_ms(slot);
        if let Some(runs) = self.runs.get_mut(&slot) {
            for run in runs.iter_mut() {
                run.start_ms = run.start_ms.min(now_ms);
                run.deadline_ms = limit.map_or(i64::MAX, |ms| now_ms + ms);
            }
        }
        if let Some(incident) = self.incidents.get_mut(&slot) {
            incident.opened_ms = incident.opened_ms.min(now_ms);
            incident.reminded = 0;
        }
        let hot = &mut self.table.hot[slot as usize];
        if let Some((at, kind, duration)) = hot.last()
            && at > now_ms
        {
            hot.set_last(now_ms, kind, duration);
        }
        if hot.flags.has(Flags::FIRST) {
            self.start_waiting_for_first(slot);
        } else if hot.expected != 0 {
            self.expect_strictly_after(slot, now_ms);
        }
        self.rewake(slot);
    }
}

fn run_cause(run: OpenRun) -> Cause {
    Cause::Run { start_ms: run.start_ms, run: run.run }
}
