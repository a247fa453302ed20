//! One monitor: what it is expected to do, and what its silence means.

use super::clock::{Clock, ceil_to_second};
use super::expect::{early, interval, is_period, slot_after, slot_left_by};
use super::hearing::{Hearing, Known, Span};
use domain::command::Status;
use domain::ids::RunId;
use domain::monitor::{MonitorConfig, OnBlind, Overlap, Policy};
use domain::ping::{Ping, PingKind};
use domain::transition::{Reason, TransitionKind};

/// No deadline that met a blind stretch waits longer after it (rule 5).
const PROOF_MAX_MS: i64 = 3_600_000;
/// Runs that may be open at once; the oldest goes.
const MAX_RUNS: usize = 16;

/// What the log implies, without its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conclusion {
    pub kind: TransitionKind,
    pub reason: Reason,
    pub to: Status,
    pub occurred_ms: i64,
    pub deadline_ms: Option<i64>,
}

#[derive(Clone, Debug)]
struct Run {
    id: Option<RunId>,
    start: i64,
    deadline: i64,
}

#[derive(Clone, Debug)]
struct Incident {
    /// The record that opened it.
    offset: u64,
    opened: i64,
    reason: Reason,
    is_acknowledged: bool,
    reminded: i64,
    /// The window of silence that opened it, if silence did.
    silent: Option<Span>,
}

#[derive(Clone, Debug)]
pub struct Last {
    pub at: i64,
    pub kind: PingKind,
    pub run: Option<RunId>,
}

/// The monitor's state.
#[derive(Clone, Debug)]
pub struct Watch {
    pub config: MonitorConfig,
    pub version: u32,
    pub generation: u8,
    pub status: Status,
    pub is_deleted: bool,
    /// The record that is read.
    pub offset: u64,
    /// When it is expected next.
    expected: Option<i64>,
    /// How long before that a success counts for it.
    early: i64,
    /// It is its very first ping that is expected.
    is_first: bool,
    /// Its deadline met a blind stretch: judged then.
    held: Option<i64>,
    /// Its deadline met a stretch that is not known yet.
    is_waiting: bool,
    runs: Vec<Run>,
    incident: Option<Incident>,
    paused_until: Option<i64>,
    pub last: Option<Last>,
    /// The record of the last ping that was not ignored.
    pub heard: Option<u64>,
    failures: u32,
    successes: u32,
    origin: u8,
    concluded: Vec<Conclusion>,
}

impl Watch {
    pub fn new(config: MonitorConfig, now: i64) -> Self {
        let mut watch = Self {
            config,
            version: 1,
            generation: 0,
            status: Status::New,
            is_deleted: false,
            offset: 0,
            expected: None,
            early: 0,
            is_first: false,
            held: None,
            is_waiting: false,
            runs: Vec::new(),
            incident: None,
            paused_until: None,
            last: None,
            heard: None,
            failures: 0,
            successes: 0,
            origin: 0,
            concluded: Vec::new(),
        };
        watch.await_first(now);
        watch
    }

    /// What was concluded since the last time this was asked.
    pub fn take_conclusions(&mut self) -> Vec<Conclusion> {
        std::mem::take(&mut self.concluded)
    }

    /// When its silence becomes a verdict, if it does.
    pub fn due(&self) -> Option<i64> {
        let is_armed = matches!(self.status, Status::New | Status::Up | Status::Unknown);
        let judged = self.held.or_else(|| self.deadline());
        judged.filter(|_| is_armed && !self.is_waiting && self.expected.is_some())
    }

    /// Somebody was heard again.
    pub fn wake(&mut self) {
        self.is_waiting = false;
    }

    /// All that closes at this record.
    pub fn look(&mut self, clock: &Clock, hearing: &Hearing) {
        let first_run = self.runs.iter().map(|run| run.deadline).min();
        let closing = self.due().into_iter().chain(first_run).map(|at| at.saturating_add(clock.w));
        let others = self.next_reminder().into_iter().chain(self.pause_end());
        if !closing.chain(others).any(|at| clock.has_passed(at)) {
            return;
        }
        while self.close_one(clock, hearing) {}
        self.remind(clock.now);
        if let Some(until) = self.pause_end().filter(|until| *until <= clock.now) {
            self.resume(until, clock.now);
        }
    }

    fn pause_end(&self) -> Option<i64> {
        self.paused_until.filter(|_| self.status == Status::Paused)
    }

    /// Closes the earliest that is due; false: nothing is any more.
    fn close_one(&mut self, clock: &Clock, hearing: &Hearing) -> bool {
        let closed = clock.now - clock.w;
        let due = self.due().filter(|at| *at <= closed);
        let limit = due.unwrap_or(closed);
        let overdue = self.runs.iter().enumerate().filter(|(_, run)| run.deadline <= limit);
        let first = overdue.min_by_key(|(_, run)| run.deadline).map(|(place, _)| place);
        match (first, due) {
            (Some(place), _) => {
                let run = self.runs.remove(place);
                self.judge_run(run, clock, hearing);
                true
            }
            (None, Some(at)) => {
                self.judge_silence(at, hearing);
                true
            }
            (None, None) => false,
        }
    }

    fn judge_silence(&mut self, at: i64, hearing: &Hearing) {
        let (Some(window), Some(expected)) = (self.window(), self.expected) else { return };
        let until = if self.held.is_some() { at } else { window.1 };
        let (wait, is_sure) = self.proof();
        match hearing.about(self.origin, window.0, until) {
            Known::NotYet => self.is_waiting = true,
            Known::Heard => self.miss(window, window.1),
            Known::Blind(blind) if self.held.is_none() || blind.1 + wait > at => self.held = Some(blind.1 + wait),
            Known::Blind(_) if is_sure || self.policy().on_blind == OnBlind::Down => self.miss(window, at),
            Known::Blind(blind) => {
                self.unobserve(window.1);
                self.expect(slot_after(self.policy(), expected.max(blind.1)));
            }
        }
    }

    fn miss(&mut self, window: Span, at: i64) {
        let expected = self.expected.unwrap_or(at);
        self.fail(Reason::Missed, at, Some(window.1), Some(window));
        let after = if at > window.1 { at } else { expected };
        self.expect(slot_after(self.policy(), after));
    }

    fn judge_run(&mut self, run: Run, clock: &Clock, hearing: &Hearing) {
        // A monitor that is down has its incident. One that is paused is not expected to do anything, but a run that it
        // began all the same is at work.
        if self.status == Status::Down {
            return;
        }
        let proof = self.run_limit().unwrap_or(0).clamp(1_000, PROOF_MAX_MS);
        let known = hearing.about(self.origin, run.start, run.deadline);
        let put_off = match known {
            Known::Heard => None,
            Known::NotYet => Some(clock.now + proof),
            Known::Blind(blind) => Some(blind.1 + proof).filter(|later| *later > run.deadline),
        };
        if let Some(deadline) = put_off {
            self.runs.push(Run { deadline, ..run });
            self.runs.sort_by_key(|run| run.start);
            return;
        }
        if known == Known::Heard || self.policy().on_blind == OnBlind::Down {
            self.fail(Reason::TimedOut, run.deadline, Some(run.deadline), None);
        } else {
            self.unobserve(run.deadline);
        }
        // A run that began for the slot has used it up.
        if self.expected.is_some_and(|slot| run.start >= slot - self.early) {
            self.expect(slot_left_by(self.policy(), run.deadline));
        }
    }

    /// A ping that is not a repeat of a record.
    pub fn ping(&mut self, ping: &Ping, origin: u8, at: i64) {
        self.origin = origin;
        if self.is_ignored(ping) {
            return;
        }
        self.heard = Some(self.offset);
        match ping.kind {
            PingKind::Log => {}
            PingKind::Start => self.start(ping, at),
            _ => self.finish(ping, at),
        }
    }

    fn is_ignored(&self, ping: &Ping) -> bool {
        let policy = self.policy();
        let method = ping.details.as_ref().map_or("", |details| details.method.as_str());
        let is_preview = policy.post_only && matches!(method, "GET" | "HEAD");
        let is_paused = policy.manual_resume && self.status == Status::Paused;
        let same_run = self.last.as_ref().filter(|last| ping.run.is_some() && last.run == ping.run);
        let is_repeated = ping.kind.finishes() && same_run.is_some_and(|last| last.kind == ping.kind);
        let is_overtaken = ping.kind == PingKind::Start && same_run.is_some_and(|last| last.kind.finishes());
        is_preview || is_paused || is_repeated || is_overtaken
    }

    fn start(&mut self, ping: &Ping, at: i64) {
        self.last = Some(Last { at, kind: ping.kind, run: ping.run });
        let same = |run: &Run| ping.run.is_some() && run.id == ping.run;
        let others = self.runs.iter().filter(|run| !same(run)).count();
        // A start without an id says that whatever ran without one, or with, ended unheard.
        self.runs.retain(|run| ping.run.is_none() || run.id != ping.run);
        if self.runs.len() == MAX_RUNS {
            self.runs.remove(0);
        }
        let deadline = self.run_limit().map_or(i64::MAX, |limit| at + limit);
        self.runs.push(Run { id: ping.run, start: at, deadline });
        self.runs.sort_by_key(|run| run.start);
        match self.policy().overlap {
            Overlap::Warn if others > 0 => self.say(TransitionKind::Warning, Reason::Overlap, self.status, at, None),
            Overlap::Fail if others > 0 => self.fail(Reason::Overlap, at, None, None),
            _ => {}
        }
    }

    fn finish(&mut self, ping: &Ping, at: i64) {
        let place = match ping.run {
            Some(_) => self.runs.iter().rposition(|run| run.id == ping.run),
            None => self.runs.len().checked_sub(1),
        };
        let started = place.map(|place| self.runs.remove(place).start);
        let took = ping.duration_ms.or(started.map(|start| (at - start).max(0) as u64));
        self.last = Some(Last { at, kind: ping.kind, run: ping.run });
        self.expect(slot_left_by(self.policy(), at));
        if ping.kind.fails() {
            self.fail(Reason::Failed, at, None, None);
        } else if self.breaks_an_assertion(ping, took) {
            self.fail(Reason::AssertionFailed, at, None, None);
        } else {
            self.succeed(at);
            let least = self.policy().min_runtime_secs.map(|secs| u64::from(secs) * 1_000);
            if least.zip(took).is_some_and(|(least, took)| took < least) {
                self.say(TransitionKind::Warning, Reason::TooFast, self.status, at, None);
            }
        }
    }

    fn breaks_an_assertion(&self, ping: &Ping, took: Option<u64>) -> bool {
        let value = |name: &str| {
            let told = ping.metrics.iter().rev().find(|metric| metric.name == name).map(|metric| metric.value);
            told.or_else(|| took.filter(|_| name == "duration").map(|ms| ms as f64 / 1_000.0))
        };
        self.policy().assertions.iter().any(|assertion| !assertion.holds(value))
    }

    fn fail(&mut self, reason: Reason, at: i64, deadline: Option<i64>, silent: Option<Span>) {
        self.successes = 0;
        if self.status == Status::Down {
            return;
        }
        self.failures += 1;
        if self.failures < u32::from(self.policy().failures_before_alert) {
            return self.say(TransitionKind::Silent, reason, self.status, at, deadline);
        }
        let offset = self.offset;
        self.incident = Some(Incident { offset, opened: at, reason, is_acknowledged: false, reminded: 0, silent });
        self.turn(TransitionKind::Down, reason, Status::Down, at, deadline);
    }

    fn succeed(&mut self, at: i64) {
        self.failures = 0;
        match self.status {
            Status::Up | Status::Late => {}
            Status::Down => {
                self.successes += 1;
                if self.successes >= u32::from(self.policy().successes_before_recovery) {
                    self.incident = None;
                    self.turn(TransitionKind::Up, Reason::Recovered, Status::Up, at, None);
                }
            }
            Status::New => self.turn(TransitionKind::Silent, Reason::FirstPing, Status::Up, at, None),
            Status::Paused | Status::Unknown => {
                self.turn(TransitionKind::Silent, Reason::Recovered, Status::Up, at, None);
            }
        }
    }

    fn unobserve(&mut self, deadline: i64) {
        let kind = match self.policy().on_blind {
            OnBlind::Hold => TransitionKind::Silent,
            OnBlind::Notify | OnBlind::Down => TransitionKind::Unobserved,
        };
        self.turn(kind, Reason::Blind, Status::Unknown, deadline, Some(deadline));
    }

    /// After a long silence of the log only the latest reminder is due.
    fn remind(&mut self, now: i64) {
        let (Some(next), Some(every)) = (self.next_reminder(), self.policy().remind_every_secs) else { return };
        let every = i64::from(every) * 1_000;
        let Some(incident) = self.incident.as_mut().filter(|_| next <= now) else { return };
        incident.reminded = (now - incident.opened) / every;
        let (reason, at) = (incident.reason, incident.opened + every * incident.reminded);
        self.say(TransitionKind::Reminder, reason, self.status, at, None);
    }

    fn next_reminder(&self) -> Option<i64> {
        let every = i64::from(self.policy().remind_every_secs?) * 1_000;
        let incident = self.incident.as_ref().filter(|one| !one.is_acknowledged && self.status == Status::Down)?;
        Some(incident.opened + every * (incident.reminded + 1))
    }

    /// Somebody knows of the incident that the record at `opened` opened.
    pub fn acknowledge(&mut self, opened: u64) {
        if let Some(incident) = self.incident.as_mut().filter(|incident| incident.offset == opened) {
            incident.is_acknowledged = true;
        }
    }

    pub fn pause(&mut self, until: Option<i64>, now: i64) {
        if until.is_some_and(|until| until <= now) {
            return;
        }
        if self.status != Status::Paused {
            self.runs.clear();
            self.incident = None;
            self.expect(None);
            self.turn(TransitionKind::Silent, Reason::Paused, Status::Paused, now, None);
        }
        self.paused_until = until;
    }

    /// Back to where a new monitor is.
    pub fn resume(&mut self, at: i64, now: i64) {
        self.last = None;
        self.turn(TransitionKind::Silent, Reason::Resumed, Status::New, at, None);
        self.await_first(now);
    }

    pub fn delete(&mut self, now: i64) {
        self.say(TransitionKind::Silent, Reason::Deleted, self.status, now, None);
        let concluded = self.take_conclusions();
        let (version, generation, origin) = (self.version, self.generation, self.origin);
        *self =
            Self { version, generation, origin, is_deleted: true, concluded, ..Self::new(self.config.clone(), now) };
        self.expect(None);
    }

    /// The slug of a deleted monitor is used again.
    pub fn revive(&mut self, config: MonitorConfig, now: i64) {
        let (version, generation) = (self.version + 1, self.generation + 1);
        *self = Self { version, generation, origin: self.origin, ..Self::new(config, now) };
    }

    /// A new schedule counts from the last finish, and from now where that would be overdue already.
    pub fn update(&mut self, config: MonitorConfig, now: i64) {
        let old = std::mem::replace(&mut self.config, config).policy;
        self.version += 1;
        let new = self.config.policy.clone();
        self.early = self.expected.map_or(0, |slot| early(&new, slot));
        if let Some(last) = self.last.as_ref().map(|last| last.at).filter(|_| old.schedule != new.schedule)
            && !self.is_first
        {
            let since_slot = self.expected.filter(|_| is_period(&old));
            let anchor = since_slot.and_then(|slot| interval(&old, slot).map(|period| slot - period)).unwrap_or(last);
            self.expect(slot_left_by(&new, anchor));
            if self.expected.is_some() && self.deadline().is_some_and(|deadline| deadline <= now) {
                self.expect(slot_left_by(&new, now));
            }
        }
        if old.first_ping_within_secs != new.first_ping_within_secs && self.last.is_none() {
            self.await_first(now);
        }
        if (old.max_runtime_secs, old.grace_secs) != (new.max_runtime_secs, new.grace_secs) {
            let limit = self.run_limit();
            self.runs.iter_mut().for_each(|run| run.deadline = limit.map_or(i64::MAX, |limit| run.start + limit));
        }
    }

    /// An ingest said that it was deaf: a `missed` that this explains is taken back, unless it is proved since.
    pub fn explain(&mut self, origin: u8, blind: Span, clock: &Clock) {
        let silent = self.incident.as_ref().and_then(|incident| incident.silent);
        let Some(window) = silent.filter(|window| window.0 < blind.1 && window.1 > blind.0) else { return };
        let (wait, is_sure) = self.proof();
        let is_proved = is_sure && blind.1 + wait + clock.w <= clock.now;
        if origin != self.origin || is_proved || self.policy().on_blind == OnBlind::Down {
            return;
        }
        self.incident = None;
        self.turn(TransitionKind::Unobserved, Reason::Blind, Status::Unknown, clock.now, Some(window.1));
        self.expect(slot_after(self.policy(), clock.now.max(blind.1)));
    }

    /// The clock was set back to `now`: everything armed starts from there (rule 8).
    pub fn restart(&mut self, now: i64) {
        let limit = self.run_limit();
        for run in &mut self.runs {
            (run.start, run.deadline) = (run.start.min(now), limit.map_or(i64::MAX, |limit| now + limit));
        }
        if let Some(incident) = &mut self.incident {
            (incident.opened, incident.reminded) = (incident.opened.min(now), 0);
        }
        if let Some(last) = &mut self.last {
            last.at = last.at.min(now);
        }
        if self.is_first {
            self.await_first(now);
        } else if self.expected.is_some() {
            self.expect(slot_after(self.policy(), now));
        }
    }

    /// The window in which the work was expected.
    fn window(&self) -> Option<Span> {
        let (expected, deadline) = (self.expected?, self.deadline()?);
        let length = self.first_within().filter(|_| self.is_first);
        Some((length.map_or(expected - self.early, |length| deadline - length), deadline))
    }

    /// How long after a blind stretch it is waited for work that fell into it, and whether it would surely come then.
    fn proof(&self) -> (i64, bool) {
        let period = match (self.is_first, self.expected) {
            (true, _) => Some(self.first_within().unwrap_or(0)),
            (false, expected) => interval(self.policy(), expected.unwrap_or(0)),
        };
        let whole = period.map(|period| period + self.grace()).filter(|whole| *whole <= PROOF_MAX_MS);
        (whole.unwrap_or(PROOF_MAX_MS), whole.is_some())
    }

    /// With a bound on runs, one that began in time carries its slot to its own deadline.
    fn deadline(&self) -> Option<i64> {
        let expected = self.expected?;
        if self.is_first {
            return Some(expected);
        }
        let deadline = expected + self.grace();
        let in_time = expected - self.early..=deadline;
        let carrying = self.runs.iter().filter(|run| in_time.contains(&run.start));
        let carried = carrying.map(|run| run.deadline).fold(deadline, i64::max);
        Some(if self.policy().max_runtime_secs.is_some() { carried } else { deadline })
    }

    fn await_first(&mut self, now: i64) {
        self.expect(self.first_within().map(|within| now + within));
        self.is_first = self.first_within().is_some();
    }

    fn expect(&mut self, at: Option<i64>) {
        self.expected = at.map(ceil_to_second);
        (self.held, self.is_waiting, self.is_first) = (None, false, false);
        self.early = self.expected.map_or(0, |slot| early(self.policy(), slot));
    }

    fn policy(&self) -> &Policy {
        &self.config.policy
    }

    fn grace(&self) -> i64 {
        i64::from(self.policy().grace_secs) * 1_000
    }

    fn first_within(&self) -> Option<i64> {
        self.policy().first_ping_within_secs.map(|secs| i64::from(secs) * 1_000)
    }

    /// How long a run may take: its own bound, else the grace.
    fn run_limit(&self) -> Option<i64> {
        let policy = self.policy();
        let secs = policy.max_runtime_secs.or(Some(policy.grace_secs).filter(|secs| *secs > 0));
        secs.map(|secs| i64::from(secs) * 1_000)
    }

    /// A change of status: counts begin anew, and a pause is over.
    fn turn(&mut self, kind: TransitionKind, reason: Reason, to: Status, at: i64, deadline_ms: Option<i64>) {
        self.say(kind, reason, to, at, deadline_ms);
        self.status = to;
        (self.failures, self.successes, self.paused_until) = (0, 0, None);
    }

    fn say(&mut self, kind: TransitionKind, reason: Reason, to: Status, occurred_ms: i64, deadline_ms: Option<i64>) {
        self.concluded.push(Conclusion { kind, reason, to, occurred_ms, deadline_ms });
    }
}
