//! A ping: its own monitor's deadlines close first, then it counts.

use super::effects::{Effect, Heard, Note};
use super::table::Flags;
use super::verdict::{Cause, Failure};
use super::{Engine, Extras};
use crate::command::{Answer, Refusal, RefusalCode, Status};
use crate::field_error::FieldError;
use crate::ids::MonitorId;
use crate::monitor::{MonitorConfig, Overlap};
use crate::ping::{Ping, PingKind, PingSummary};
use crate::planted;
use crate::record::Record;
use crate::transition::Reason;

impl Engine {
    pub(super) fn on_ping(&mut self, record: &Record, ping: &Ping, effects: &mut Vec<Effect>) {
        let Some(slot) = self.slot_of_ping(ping, effects) else { return };
        planted!("ping-before-deadline", self.look_at(slot, record, effects), ());
        let (lateness, cut) = self.clock.lateness_ms(record.append, record.envelope.received);
        if cut {
            effects.push(Effect::Note(Note::LatenessCut));
        }
        let at_ms = self.clock.now().0 - planted!("forget-lateness", lateness, 0);
        let hot = &mut self.table.hot[slot as usize];
        hot.pings = hot.pings.saturating_add(1);
        hot.origin = record.envelope.origin;
        let ignored = self.ignore_reason(slot, ping);
        let duration_ms = if ignored.is_empty() { self.count(slot, record, ping, at_ms, effects) } else { None };
        self.table.mark(slot);
        effects.push(Effect::Heard(Heard {
            monitor: ping.monitor,
            ping: PingSummary {
                kind: ping.kind,
                at_ms,
                number: self.table.hot[slot as usize].pings,
                duration_ms: duration_ms.or(ping.duration_ms),
                metrics: ping.metrics.clone(),
                run: ping.run,
            },
            ignored,
        }));
    }

    /// The monitor a ping is for. With `create=1` an unknown one is made.
    fn slot_of_ping(&mut self, ping: &Ping, effects: &mut Vec<Effect>) -> Option<u32> {
        let known = self.table.slot(ping.monitor).filter(|slot| !self.is_deleted(*slot));
        if let (Some(config), None) = (&ping.create, known) {
            return self.create_for_ping(ping.monitor, config, effects);
        }
        let alive = known.filter(|slot| {
            let generation = self.table.hot[*slot as usize].generation;
            ping.generation.is_none_or(|shown| shown == generation)
        });
        match alive {
            None => effects.push(Effect::Note(Note::UnknownMonitor { monitor: ping.monitor })),
            Some(_) if ping.create.is_some() => effects.push(Effect::Answer { command: None, answer: Answer::Found }),
            Some(_) => {}
        }
        alive
    }

    fn create_for_ping(&mut self, id: MonitorId, config: &MonitorConfig, effects: &mut Vec<Effect>) -> Option<u32> {
        match self.create(id, config, effects) {
            Ok(slot) => {
                effects.push(Effect::Answer { command: None, answer: Answer::Created });
                Some(slot)
            }
            Err(refusal) => {
                effects.push(Effect::Answer { command: None, answer: Answer::Refused(refusal) });
                None
            }
        }
    }

    /// Makes a monitor, anew where one was deleted. Everything is checked here too: the log may hold what
    /// no door would let in.
    pub(super) fn create(
        &mut self,
        id: MonitorId,
        config: &MonitorConfig,
        effects: &mut Vec<Effect>,
    ) -> Result<u32, Refusal> {
        let refuse = |code, error| Err(Refusal { code, error });
        if let Err(error) = config.check(self.clock.now()) {
            return refuse(RefusalCode::InvalidArgument, error);
        }
        let now = self.clock.now().0;
        let slot = match self.table.slot(id) {
            None => self.table.insert(id, &config.identity, now, config.policy.clone()),
            Some(slot) => {
                let (identity, _) = self.table.identity(slot);
                if !self.is_deleted(slot)
                    || (identity.tenant, &identity.slug) != (config.identity.tenant, &config.identity.slug)
                {
                    return refuse(RefusalCode::AlreadyExists, FieldError::new("slug", "is taken"));
                }
                self.revive(slot, config)?;
                slot
            }
        };
        self.start_waiting_for_first(slot);
        self.push_monitor_row(slot, effects);
        self.push_status(slot, effects);
        Ok(slot)
    }

    /// Why a ping is stored but changes nothing; empty when it counts.
    fn ignore_reason(&self, slot: u32, ping: &Ping) -> &'static str {
        let policy = self.table.policy(slot);
        let link_preview = |method: &str| matches!(method, "GET" | "HEAD");
        if policy.post_only && ping.details.as_ref().is_some_and(|d| link_preview(&d.method)) {
            return "method";
        }
        if policy.manual_resume && self.table.hot[slot as usize].status == Status::Paused {
            return "paused";
        }
        if ping.kind.finishes() && self.repeats_last(slot, ping) {
            return planted!("repeat-counts", "repeated", "");
        }
        ""
    }

    /// Counts a ping; gives the duration of the run it ended.
    fn count(&mut self, slot: u32, record: &Record, ping: &Ping, at_ms: i64, effects: &mut Vec<Effect>) -> Option<u64> {
        match ping.kind {
            PingKind::Log => None,
            PingKind::Start if self.is_overtaken(slot, ping) => None,
            PingKind::Start => {
                self.remember_last(slot, ping, at_ms, None);
                self.on_start(slot, record, ping, at_ms, effects);
                if planted!("arm-on-start", false, true) {
                    self.expect_after(slot, at_ms);
                }
                self.rewake(slot);
                None
            }
            _ => self.on_finish(slot, record, ping, at_ms, effects),
        }
    }

    /// Whether a finish with a run id was the last thing heard already: a client that got no answer sends it
    /// again, and it has one effect.
    fn repeats_last(&self, slot: u32, ping: &Ping) -> bool {
        let same_kind = self.table.hot[slot as usize].last().is_some_and(|(_, kind, _)| kind == ping.kind);
        same_kind && ping.run.is_some() && self.extras.get(&slot).is_some_and(|extras| extras.run == ping.run)
    }

    /// Whether a start comes after the finish of its own run: a client that does not wait for the answer to
    /// its start can be overtaken by itself.
    fn is_overtaken(&self, slot: u32, ping: &Ping) -> bool {
        let finished = self.table.hot[slot as usize].last().is_some_and(|(_, kind, _)| kind.finishes());
        finished && ping.run.is_some() && self.extras.get(&slot).is_some_and(|extras| extras.run == ping.run)
    }

    fn on_start(&mut self, slot: u32, record: &Record, ping: &Ping, at_ms: i64, effects: &mut Vec<Effect>) {
        let others = self.runs_of(slot).iter().filter(|open| ping.run.is_none() || open.run != ping.run).count();
        self.open_run(slot, ping.run, at_ms, effects);
        if others == 0 {
            return;
        }
        let detail = format!("a run started while {others} {} open", if others == 1 { "was" } else { "were" });
        let cause = Cause::of_record(record);
        match self.table.policy(slot).overlap {
            Overlap::Allow => {}
            Overlap::Warn => self.warn(slot, record, Reason::Overlap, cause, at_ms, detail, effects),
            Overlap::Fail => {
                let failure = Failure { detail, ..Failure::of(Reason::Overlap, cause, at_ms) };
                self.fail(slot, record, failure, effects);
            }
        }
    }

    fn on_finish(
        &mut self,
        slot: u32,
        record: &Record,
        ping: &Ping,
        at_ms: i64,
        effects: &mut Vec<Effect>,
    ) -> Option<u64> {
        let closed =
            if self.table.hot[slot as usize].flags.has(Flags::RUNS) { self.close_run(slot, ping.run) } else { None };
        let measured = closed.map(|run| at_ms.saturating_sub(run.start_ms).max(0) as u64);
        let duration = ping.duration_ms.or(measured);
        self.remember_last(slot, ping, at_ms, duration);
        self.expect_after(slot, planted!("arm-from-append", at_ms, record.append.0));
        let cause = Cause::of_record(record);
        if ping.kind.fails() {
            let detail = ping.kind.exit_code().map(|code| format!("exit status {code}")).unwrap_or_default();
            let failure = Failure { detail, ..Failure::of(Reason::Failed, cause, at_ms) };
            self.fail(slot, record, failure, effects);
        } else if let Some(detail) = self.failed_assertion(slot, ping, duration) {
            let failure = Failure { detail, ..Failure::of(Reason::AssertionFailed, cause, at_ms) };
            self.fail(slot, record, failure, effects);
        } else {
            self.succeed(slot, record, at_ms, effects);
            self.check_min_runtime(slot, record, duration, at_ms, effects);
        }
        self.rewake(slot);
        duration
    }

    fn failed_assertion(&self, slot: u32, ping: &Ping, duration_ms: Option<u64>) -> Option<String> {
        let policy = self.table.policy(slot);
        if policy.assertions.is_empty() {
            return None;
        }
        let value = |name: &str| match (ping.metrics.iter().rev().find(|m| m.name == name), name) {
            (Some(metric), _) => Some(metric.value),
            (None, "duration") => duration_ms.map(|ms| ms as f64 / 1000.0),
            (None, _) => None,
        };
        let failed = policy.assertions.iter().filter(|a| !a.holds(value)).map(|a| a.explain(value));
        let words: Vec<String> = failed.collect();
        (!words.is_empty()).then(|| words.join("; "))
    }

    fn check_min_runtime(
        &mut self,
        slot: u32,
        record: &Record,
        duration: Option<u64>,
        at_ms: i64,
        effects: &mut Vec<Effect>,
    ) {
        let least = self.table.policy(slot).min_runtime_secs.map(|secs| u64::from(secs) * 1000);
        if let (Some(least), Some(took)) = (least, duration)
            && took < least
        {
            let detail = format!("the run took {} s, at least {} s were expected", took as f64 / 1000.0, least / 1000);
            self.warn(slot, record, Reason::TooFast, Cause::of_record(record), at_ms, detail, effects);
        }
    }

    fn remember_last(&mut self, slot: u32, ping: &Ping, at_ms: i64, duration_ms: Option<u64>) {
        let hot = &mut self.table.hot[slot as usize];
        hot.set_last(at_ms, ping.kind, duration_ms);
        let has_extras = !ping.metrics.is_empty() || ping.run.is_some();
        if has_extras {
            self.extras.insert(slot, Extras { metrics: ping.metrics.clone(), run: ping.run });
        } else if hot.flags.has(Flags::EXTRAS) {
            self.extras.remove(&slot);
        }
        hot.flags.set(Flags::EXTRAS, has_extras);
    }

    /// Whether a slot is only the memory of a deleted monitor.
    pub(super) fn is_deleted(&self, slot: u32) -> bool {
        self.table.hot[slot as usize].flags.has(Flags::DELETED)
    }
}
