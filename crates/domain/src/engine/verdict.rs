//! What the engine concludes: failures, recoveries, warnings, and what nobody could observe. The one place
//! where transitions are made and get their ids.

use super::effects::Effect;
use super::evidence::Window;
use super::table::Flags;
use super::{Engine, Incident, SilentWindow};
use crate::command::Status;
use crate::ids::{ChannelId, CommandId, RunId, TransitionId, derive};
use crate::monitor::OnBlind;
use crate::planted;
use crate::record::Record;
use crate::transition::{IncidentRef, Reason, Transition, TransitionKind};

/// What made a transition true; its id is derived from this.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cause {
    /// A deadline of silence, in milliseconds.
    Deadline(i64),
    Run {
        start_ms: i64,
        run: Option<RunId>,
    },
    /// The record of a ping: its writer's number for it, which is the same in every copy of the log.
    Record {
        producer: u64,
        sequence: u64,
    },
    Command(CommandId),
    /// The n-th reminder of an incident.
    Reminder {
        incident: TransitionId,
        number: u32,
    },
    /// The end of a pause.
    PauseEnd(i64),
}

impl Cause {
    /// The record at hand. One without a writer's number is known by its place.
    pub(super) fn of_record(record: &Record) -> Self {
        match record.envelope.producer {
            0 => Self::Record { producer: 0, sequence: record.offset },
            producer => Self::Record { producer, sequence: record.envelope.sequence },
        }
    }

    fn bytes(self) -> Vec<u8> {
        let tagged = |tag: u8, parts: &[&[u8]]| [&[tag][..], &parts.concat()].concat();
        match self {
            Self::Deadline(at) => tagged(1, &[&at.to_be_bytes()]),
            Self::Run { start_ms, run } => tagged(2, &[&start_ms.to_be_bytes(), &run.unwrap_or_default().0]),
            Self::Record { producer, sequence } => tagged(3, &[&producer.to_be_bytes(), &sequence.to_be_bytes()]),
            Self::Command(id) => tagged(4, &[&id.0]),
            Self::Reminder { incident, number } => tagged(5, &[&incident.0, &number.to_be_bytes()]),
            Self::PauseEnd(at) => tagged(6, &[&at.to_be_bytes()]),
        }
    }
}

/// Bad work, or none.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub reason: Reason,
    pub cause: Cause,
    pub at_ms: i64,
    pub detail: String,
    pub silent: Option<SilentWindow>,
    pub expected_ms: Option<i64>,
    pub deadline_ms: Option<i64>,
    pub run_started_ms: Option<i64>,
}

impl Failure {
    pub(super) fn of(reason: Reason, cause: Cause, at_ms: i64) -> Self {
        let (silent, expected_ms, deadline_ms, run_started_ms) = (None, None, None, None);
        Self { reason, cause, at_ms, detail: String::new(), silent, expected_ms, deadline_ms, run_started_ms }
    }
}

/// A deadline that nobody could have met in a way we would have heard.
#[derive(Clone, Debug)]
pub(super) struct Unobserved {
    pub cause: Cause,
    pub deadline_ms: i64,
    pub blind: Window,
    pub expected_ms: Option<i64>,
    pub run_started_ms: Option<i64>,
}

impl Unobserved {
    pub(super) fn of(cause: Cause, deadline_ms: i64, blind: Window) -> Self {
        Self { cause, deadline_ms, blind, expected_ms: None, run_started_ms: None }
    }
}

impl Engine {
    /// Counts a failure; enough of them in a row open an incident. A monitor that is down already only
    /// starts its count of successes anew.
    pub(super) fn fail(&mut self, slot: u32, record: &Record, failure: Failure, effects: &mut Vec<Effect>) {
        let needed = self.table.policy(slot).failures_before_alert;
        let hot = &mut self.table.hot[slot as usize];
        hot.successes = 0;
        if hot.status == Status::Down {
            return;
        }
        hot.failures = hot.failures.saturating_add(1);
        let (count, opens) = (hot.failures, hot.failures >= needed);
        let (kind, to) =
            if opens { (TransitionKind::Down, Status::Down) } else { (TransitionKind::Silent, hot.status) };
        let mut transition = self.transition(slot, record, kind, failure.reason, failure.cause, failure.at_ms);
        transition.to = to;
        transition.expected_ms = failure.expected_ms;
        transition.deadline_ms = failure.deadline_ms;
        transition.run_started_ms = failure.run_started_ms;
        transition.detail = failure.detail;
        if needed > 1 {
            let counted = format!("failure {count} of {needed} before an alert");
            transition.detail = join(&transition.detail, &counted);
        }
        if opens {
            self.open_incident(slot, &mut transition, failure.silent);
        }
        self.conclude(slot, transition, effects);
    }

    fn open_incident(&mut self, slot: u32, transition: &mut Transition, silent: Option<SilentWindow>) {
        let (id, opened_ms) = (transition.id, transition.occurred_ms);
        transition.incident = Some(IncidentRef { id, opened_ms });
        self.incidents.insert(
            slot,
            Incident { id, opened_ms, acknowledged: false, reminded: 0, reason: transition.reason, silent },
        );
        self.set_status(slot, Status::Down);
    }

    /// Counts a success; enough of them in a row end an incident. Every other status becomes `up` in silence.
    pub(super) fn succeed(&mut self, slot: u32, record: &Record, at_ms: i64, effects: &mut Vec<Effect>) {
        let needed = self.table.policy(slot).successes_before_recovery;
        let hot = &mut self.table.hot[slot as usize];
        hot.failures = planted!("failures-never-forgotten", 0, hot.failures);
        match hot.status {
            Status::Up | Status::Late => {}
            Status::Down => {
                hot.successes = hot.successes.saturating_add(1);
                if planted!("one-success-recovers", hot.successes >= needed, true) {
                    self.recover(slot, record, at_ms, effects);
                }
            }
            Status::New => self.change_silently(slot, record, Reason::FirstPing, at_ms, Status::Up, effects),
            Status::Paused | Status::Unknown => {
                self.change_silently(slot, record, Reason::Recovered, at_ms, Status::Up, effects);
            }
        }
    }

    fn recover(&mut self, slot: u32, record: &Record, at_ms: i64, effects: &mut Vec<Effect>) {
        let cause = Cause::of_record(record);
        let mut transition = self.transition(slot, record, TransitionKind::Up, Reason::Recovered, cause, at_ms);
        transition.to = Status::Up;
        self.incidents.remove(&slot);
        self.set_status(slot, Status::Up);
        self.conclude(slot, transition, effects);
    }

    fn change_silently(
        &mut self,
        slot: u32,
        record: &Record,
        reason: Reason,
        at_ms: i64,
        to: Status,
        effects: &mut Vec<Effect>,
    ) {
        let mut transition =
            self.transition(slot, record, TransitionKind::Silent, reason, Cause::of_record(record), at_ms);
        transition.to = to;
        self.set_status(slot, to);
        self.conclude(slot, transition, effects);
    }

    /// A notice that changes no status.
    #[allow(clippy::too_many_arguments, reason = "each is a different fact of the notice")]
    pub(super) fn warn(
        &mut self,
        slot: u32,
        record: &Record,
        reason: Reason,
        cause: Cause,
        at_ms: i64,
        detail: String,
        effects: &mut Vec<Effect>,
    ) {
        let mut transition = self.transition(slot, record, TransitionKind::Warning, reason, cause, at_ms);
        transition.detail = detail;
        self.conclude(slot, transition, effects);
    }

    /// Rule 5: status `unknown`, and one notice of its own kind unless the policy holds it back.
    pub(super) fn unobserve(&mut self, slot: u32, record: &Record, notice: Unobserved, effects: &mut Vec<Effect>) {
        let kind = match self.table.policy(slot).on_blind {
            OnBlind::Hold => TransitionKind::Silent,
            OnBlind::Notify | OnBlind::Down => TransitionKind::Unobserved,
        };
        let mut transition = self.transition(slot, record, kind, Reason::Blind, notice.cause, notice.deadline_ms);
        transition.to = Status::Unknown;
        transition.expected_ms = notice.expected_ms;
        transition.deadline_ms = Some(notice.deadline_ms);
        transition.run_started_ms = notice.run_started_ms;
        transition.blind = Some((notice.blind.from, notice.blind.to));
        self.set_status(slot, Status::Unknown);
        self.conclude(slot, transition, effects);
    }

    /// A `missed` that a late report of deafness explains is retracted by name.
    pub(super) fn take_back_miss(&mut self, slot: u32, blind: Window, record: &Record, effects: &mut Vec<Effect>) {
        let Some(incident) = self.incidents.get(&slot) else { return };
        let (retracts, deadline_ms) = (incident.id, incident.silent.map(|window| window.deadline_ms));
        let at_ms = self.clock.now().0;
        let cause = Cause::of_record(record);
        let mut transition = self.transition(slot, record, TransitionKind::Unobserved, Reason::Blind, cause, at_ms);
        transition.to = Status::Unknown;
        transition.deadline_ms = deadline_ms;
        transition.blind = Some((blind.from, blind.to));
        transition.retracts = Some(retracts);
        self.incidents.remove(&slot);
        self.set_status(slot, Status::Unknown);
        self.conclude(slot, transition, effects);
    }

    /// Repeats an open incident. After a long silence of the log only the latest reminder is made.
    pub(super) fn remind(&mut self, slot: u32, record: &Record, effects: &mut Vec<Effect>) {
        let now = self.clock.now().0;
        if self.table.hot[slot as usize].status != Status::Down || self.next_reminder_ms(slot).is_none_or(|at| at > now)
        {
            return;
        }
        let every = i64::from(self.table.policy(slot).remind_every_secs.unwrap_or(u32::MAX)) * 1000;
        let Some(incident) = self.incidents.get_mut(&slot) else { return };
        let number = u32::try_from(now.saturating_sub(incident.opened_ms) / every).unwrap_or(u32::MAX);
        incident.reminded = number;
        let reason = incident.reason;
        let (cause, at_ms) = (
            Cause::Reminder { incident: incident.id, number },
            incident.opened_ms.saturating_add(every.saturating_mul(i64::from(number))),
        );
        let mut transition = self.transition(slot, record, TransitionKind::Reminder, reason, cause, at_ms);
        transition.detail = format!("reminder {number}");
        self.conclude(slot, transition, effects);
    }

    /// Resumes a monitor whose pause has run out.
    pub(super) fn end_pause(&mut self, slot: u32, record: &Record, effects: &mut Vec<Effect>) {
        let now = self.clock.now().0;
        let Some(until) = self.paused_until.get(&slot).copied().filter(|at| *at <= now) else { return };
        if self.table.hot[slot as usize].status == Status::Paused {
            self.resume(slot, record, Cause::PauseEnd(until), until, effects);
        }
        self.paused_until.remove(&slot);
    }

    /// Back to `new`, as if it had just been made.
    pub(super) fn resume(&mut self, slot: u32, record: &Record, cause: Cause, at_ms: i64, effects: &mut Vec<Effect>) {
        let mut transition = self.transition(slot, record, TransitionKind::Silent, Reason::Resumed, cause, at_ms);
        transition.to = Status::New;
        self.table.hot[slot as usize].clear_last();
        self.set_status(slot, Status::New);
        self.start_waiting_for_first(slot);
        self.conclude(slot, transition, effects);
    }

    /// Sets a status with clean counts. Whatever ends a pause ends its timer too.
    pub(super) fn set_status(&mut self, slot: u32, status: Status) {
        if self.table.hot[slot as usize].status == Status::Paused {
            self.paused_until.remove(&slot);
        }
        let hot = &mut self.table.hot[slot as usize];
        hot.status = status;
        hot.failures = 0;
        hot.successes = 0;
    }

    /// Expects the first ping of a monitor that never pinged, if its policy says within when.
    pub(super) fn start_waiting_for_first(&mut self, slot: u32) {
        let within = self.table.policy(slot).first_ping_within_secs;
        let now = self.clock.now();
        self.expect(slot, within.map_or(0, |secs| super::expect::second_of(now.plus_ms(i64::from(secs) * 1000))));
        self.table.hot[slot as usize].flags.set(Flags::FIRST, within.is_some());
        self.rewake(slot);
    }

    /// A transition of a monitor as it is now; `to` is its present status until the caller says otherwise.
    pub(super) fn transition(
        &self,
        slot: u32,
        record: &Record,
        kind: TransitionKind,
        reason: Reason,
        cause: Cause,
        at_ms: i64,
    ) -> Transition {
        let hot = &self.table.hot[slot as usize];
        let policy = self.table.policy(slot);
        let monitor = self.table.id(slot);
        let parts: [&[u8]; 4] =
            [&monitor.0.to_be_bytes(), kind.word().as_bytes(), reason.word().as_bytes(), &cause.bytes()];
        Transition {
            id: TransitionId(derive("quietpulse transition v1", &parts)),
            monitor,
            identity: self.table.identity(slot).0,
            kind,
            reason,
            from: hot.status,
            to: hot.status,
            occurred_ms: at_ms,
            known_ms: self.clock.now().0,
            offset: record.offset,
            version: hot.version,
            expected_ms: None,
            deadline_ms: None,
            last_ping: self.last_ping(slot),
            incident: self.incidents.get(&slot).map(|i| IncidentRef { id: i.id, opened_ms: i.opened_ms }),
            zone: policy.schedule.zone().map_or("UTC", |zone| zone.name()).to_owned(),
            schedule: super::view::schedule_words(&policy.schedule),
            grace_secs: policy.grace_secs,
            detail: String::new(),
            run_started_ms: None,
            blind: None,
            retracts: None,
            channels: Vec::new(),
        }
    }

    /// Stores a transition and tells whom it concerns.
    pub(super) fn conclude(&mut self, slot: u32, mut transition: Transition, effects: &mut Vec<Effect>) {
        if transition.kind != TransitionKind::Silent {
            transition.channels = self.channels_of(slot);
        }
        self.table.mark(slot);
        effects.push(Effect::Transition(Box::new(transition.clone())));
        self.push_status(slot, effects);
        self.deliveries.tell(&transition, self.clock.now().0, effects);
    }

    fn channels_of(&self, slot: u32) -> Vec<ChannelId> {
        let channels = &self.table.policy(slot).channels;
        if channels.is_empty() { vec![ChannelId::LOG] } else { channels.clone() }
    }
}

fn join(first: &str, second: &str) -> String {
    if first.is_empty() { second.to_owned() } else { format!("{first}; {second}") }
}
