//! Edits. A deadline that passed before an edit is judged by what was in force then: the monitor is looked
//! at first, and the edit counts from its own place in the log.

use super::Engine;
use super::commands::Outcome;
use super::effects::Effect;
use super::table::Flags;
use super::verdict::Cause;
use crate::command::{Action, Answer, Command, Refusal, RefusalCode, Status};
use crate::field_error::FieldError;
use crate::ids::TransitionId;
use crate::monitor::MonitorConfig;
use crate::planted;
use crate::record::{Body, Record};
use crate::schedule::Schedule;
use crate::token::MAX_GENERATION;
use crate::transition::{Reason, TransitionKind};

impl Engine {
    pub(super) fn on_command(&mut self, record: &Record, command: &Command, effects: &mut Vec<Effect>) {
        let outcome = match self.commands.outcome(command.id) {
            Some(known) => known.clone(),
            None => {
                let outcome = self.carry_out(record, command, effects);
                self.commands.remember(command.id, outcome.clone(), self.clock.now().0);
                outcome
            }
        };
        let answer = match outcome {
            Ok(()) => Answer::Done(self.view(command.monitor).map(Box::new)),
            Err(refusal) => Answer::Refused(refusal),
        };
        effects.push(Effect::Answer { command: Some(command.id), answer });
    }

    /// What a shard says to records that came after its monitors had moved: commands are refused, pings are for the
    /// other side.
    pub(super) fn decline(&self, record: &Record, effects: &mut Vec<Effect>) {
        if let Body::Command(command) = &record.body {
            let refusal = refusal(RefusalCode::FailedPrecondition, "monitor", "this installation has moved to another");
            effects.push(Effect::Answer { command: Some(command.id), answer: Answer::Refused(refusal) });
        }
    }

    fn carry_out(&mut self, record: &Record, command: &Command, effects: &mut Vec<Effect>) -> Outcome {
        if let Action::Create(config) = &command.action {
            if config.identity.tenant != command.tenant {
                return refuse(RefusalCode::InvalidArgument, "tenant", "is not the caller's");
            }
            return self.create(command.monitor, config, effects).map(|_| ());
        }
        let slot = self.owned_slot(command)?;
        planted!("edit-before-deadline", self.look_at(slot, record, effects), ());
        match &command.action {
            Action::Create(_) => Ok(()),
            Action::Update { config, version } => self.update(slot, config, *version, effects),
            Action::Pause { until_ms } => self.pause(slot, record, command, *until_ms, effects),
            Action::Resume => self.resume_by_command(slot, record, command, effects),
            Action::Delete => self.delete(slot, record, command, effects),
            Action::RotateToken => self.rotate(slot, effects),
            Action::Acknowledge { incident } => self.acknowledge(slot, *incident, effects),
        }
    }

    fn owned_slot(&self, command: &Command) -> Result<u32, Refusal> {
        let slot = self.table.slot(command.monitor).filter(|slot| !self.is_deleted(*slot));
        let owned = slot.filter(|slot| self.table.tenant(*slot) == command.tenant);
        owned.ok_or_else(|| refusal(RefusalCode::NotFound, "slug", "no such monitor"))
    }

    fn update(&mut self, slot: u32, config: &MonitorConfig, version: u32, effects: &mut Vec<Effect>) -> Outcome {
        let (identity, created_ms) = self.table.identity(slot);
        if planted!("any-version-will-do", self.table.hot[slot as usize].version != version, false) {
            return refuse(RefusalCode::Aborted, "version", "is not the current one");
        }
        if (identity.tenant, &identity.slug) != (config.identity.tenant, &config.identity.slug) {
            return refuse(RefusalCode::InvalidArgument, "slug", "never changes");
        }
        if let Err(error) = config.check(self.clock.now()) {
            return Err(Refusal { code: RefusalCode::InvalidArgument, error });
        }
        let old = self.table.policy(slot).clone();
        self.table.reconfigure(slot, &config.identity, created_ms, config.policy.clone());
        self.table.hot[slot as usize].version += 1;
        if old.schedule != config.policy.schedule {
            self.reschedule(slot, &old.schedule);
        }
        if old.first_ping_within_secs != config.policy.first_ping_within_secs
            && !self.table.hot[slot as usize].has_pinged()
        {
            self.start_waiting_for_first(slot);
        }
        if (old.max_runtime_secs, old.grace_secs) != (config.policy.max_runtime_secs, config.policy.grace_secs) {
            self.limit_runs_anew(slot);
        }
        self.rewake(slot);
        self.push_monitor_row(slot, effects);
        self.push_status(slot, effects);
        Ok(())
    }

    /// A new schedule counts from the last finish. Where that would make the monitor overdue already, it
    /// counts from now: an edit alone raises no alert.
    fn reschedule(&mut self, slot: u32, old: &Schedule) {
        let hot = self.table.hot[slot as usize];
        if hot.flags.has(Flags::FIRST) || !hot.has_pinged() {
            return;
        }
        let anchor = match old {
            Schedule::Period { seconds } if hot.expected != 0 => (i64::from(hot.expected) - i64::from(*seconds)) * 1000,
            _ => hot.last().map_or(self.clock.now().0, |(at, _, _)| at),
        };
        self.expect_after(slot, anchor);
        if self.table.hot[slot as usize].expected != 0 && self.deadline_ms(slot) <= self.clock.now().0 {
            self.expect_after(slot, self.clock.now().0);
        }
    }

    fn limit_runs_anew(&mut self, slot: u32) {
        let limit = self.run_limit_ms(slot);
        for run in self.runs.get_mut(&slot).into_iter().flatten() {
            run.deadline_ms = limit.map_or(i64::MAX, |ms| run.start_ms + ms);
        }
    }

    fn pause(
        &mut self,
        slot: u32,
        record: &Record,
        command: &Command,
        until_ms: Option<i64>,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        if until_ms.is_some_and(|until| until <= self.clock.now().0) {
            return refuse(RefusalCode::InvalidArgument, "pause_for", "must end in the future");
        }
        let was_paused = self.table.hot[slot as usize].status == Status::Paused;
        if !was_paused {
            let cause = Cause::Command(command.id);
            let mut transition =
                self.transition(slot, record, TransitionKind::Silent, Reason::Paused, cause, self.clock.now().0);
            transition.to = Status::Paused;
            self.clear_runs(slot);
            self.incidents.remove(&slot);
            self.expect(slot, 0);
            self.set_status(slot, Status::Paused);
            let (id, now) = (self.table.id(slot), self.clock.now().0);
            planted!("paused-is-still-told", self.deliveries.silence(id, "the monitor was paused", now, effects), ());
            self.conclude(slot, transition, effects);
        }
        match until_ms {
            Some(until) => self.paused_until.insert(slot, until),
            None => self.paused_until.remove(&slot),
        };
        self.rewake(slot);
        self.push_status(slot, effects);
        Ok(())
    }

    fn resume_by_command(
        &mut self,
        slot: u32,
        record: &Record,
        command: &Command,
        effects: &mut Vec<Effect>,
    ) -> Outcome {
        if self.table.hot[slot as usize].status != Status::Paused {
            return refuse(RefusalCode::FailedPrecondition, "status", "the monitor is not paused");
        }
        self.resume(slot, record, Cause::Command(command.id), self.clock.now().0, effects);
        Ok(())
    }

    fn delete(&mut self, slot: u32, record: &Record, command: &Command, effects: &mut Vec<Effect>) -> Outcome {
        let cause = Cause::Command(command.id);
        let transition =
            self.transition(slot, record, TransitionKind::Silent, Reason::Deleted, cause, self.clock.now().0);
        self.deliveries.silence(self.table.id(slot), "the monitor was deleted", self.clock.now().0, effects);
        self.conclude(slot, transition, effects);
        self.forget(slot);
        self.table.hot[slot as usize].flags.set(Flags::DELETED, true);
        self.rewake(slot);
        self.push_monitor_row(slot, effects);
        self.push_revocation(slot, effects);
        Ok(())
    }

    /// Nothing of a monitor is left but its identity and its token generation.
    fn forget(&mut self, slot: u32) {
        self.clear_runs(slot);
        self.incidents.remove(&slot);
        self.extras.remove(&slot);
        self.paused_until.remove(&slot);
        self.expect(slot, 0);
        self.set_status(slot, Status::New);
        let hot = &mut self.table.hot[slot as usize];
        hot.clear_last();
        hot.flags.set(Flags::EXTRAS, false);
        hot.pings = 0;
    }

    /// A deleted slug is made anew, with the next token generation: the old URL stays dead.
    pub(super) fn revive(&mut self, slot: u32, config: &MonitorConfig) -> Outcome {
        let next = self.next_generation(slot)?;
        let now = self.clock.now().0;
        self.table.reconfigure(slot, &config.identity, now, config.policy.clone());
        let hot = &mut self.table.hot[slot as usize];
        hot.generation = next;
        hot.version += 1;
        hot.flags.set(Flags::DELETED, false);
        Ok(())
    }

    fn rotate(&mut self, slot: u32, effects: &mut Vec<Effect>) -> Outcome {
        let next = self.next_generation(slot)?;
        let hot = &mut self.table.hot[slot as usize];
        hot.generation = next;
        hot.version += 1;
        self.table.mark(slot);
        self.push_monitor_row(slot, effects);
        self.push_revocation(slot, effects);
        Ok(())
    }

    fn next_generation(&self, slot: u32) -> Result<u8, Refusal> {
        let generation = self.table.hot[slot as usize].generation;
        let exhausted =
            || refusal(RefusalCode::ResourceExhausted, "slug", "all token generations of this slug are used up");
        Some(generation + 1).filter(|next| *next <= MAX_GENERATION).ok_or_else(exhausted)
    }

    pub(super) fn push_revocation(&self, slot: u32, effects: &mut Vec<Effect>) {
        let generation = self.table.hot[slot as usize].generation;
        let least_generation = if self.is_deleted(slot) { generation + 1 } else { generation };
        let (tenant, monitor) = (self.table.tenant(slot), self.table.id(slot));
        effects.push(Effect::Revoke { tenant, monitor, least_generation });
    }

    fn acknowledge(&mut self, slot: u32, id: TransitionId, effects: &mut Vec<Effect>) -> Outcome {
        let Some(incident) = self.incidents.get_mut(&slot).filter(|incident| incident.id == id) else {
            return refuse(RefusalCode::NotFound, "id", "no such open incident");
        };
        incident.acknowledged = true;
        self.deliveries.drop_reminders(
            self.table.id(slot),
            "the incident was acknowledged",
            self.clock.now().0,
            effects,
        );
        self.rewake(slot);
        self.push_status(slot, effects);
        Ok(())
    }
}

fn refusal(code: RefusalCode, field: &str, message: &str) -> Refusal {
    Refusal { code, error: FieldError::new(field, message) }
}

fn refuse(code: RefusalCode, field: &str, message: &str) -> Outcome {
    Err(refusal(code, field, message))
}
