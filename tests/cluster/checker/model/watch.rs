//! One monitor: what it is expected to do, and what its silence means. Periods only, as the load uses them.

use super::hearing::{Hearing, Known, Span};
use super::time::{Clock, ceil_to_second};
use crate::checker::facts::{Config, Said};

/// No deadline that met a blind stretch waits longer after it (rule 5).
const PROOF_MAX_MS: i64 = 3_600_000;
/// At most so long before its slot does a success count for it (rule 9).
const EARLY_MAX_MS: i64 = 60_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    New,
    Up,
    Down,
    Paused,
    Unknown,
}

/// What the log implies, without its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conclusion {
    pub kind: &'static str,
    pub reason: &'static str,
    pub deadline_ms: Option<i64>,
}

#[derive(Clone, Debug)]
struct Run {
    id: Option<String>,
    start: i64,
    deadline: i64,
}

/// An open incident, and the window of silence that opened it, if silence did.
type Incident = Option<Span>;

/// The monitor's state.
#[derive(Clone, Debug)]
pub struct Watch {
    pub config: Config,
    pub version: u32,
    pub status: Status,
    /// When it is expected next.
    expected: Option<i64>,
    /// Its deadline met a blind stretch: judged then.
    held: Option<i64>,
    /// Its deadline met a stretch that is not known yet.
    waiting: bool,
    runs: Vec<Run>,
    incident: Incident,
    paused_until: Option<i64>,
    /// The last finish or start that counted, and its run.
    last: Option<(Said, Option<String>)>,
    is_anchored: bool,
}

impl Watch {
    pub fn new(config: Config) -> Self {
        Self {
            config,
            version: 1,
            status: Status::New,
            expected: None,
            held: None,
            waiting: false,
            runs: Vec::new(),
            incident: None,
            paused_until: None,
            last: None,
            is_anchored: false,
        }
    }

    /// Somebody was heard again.
    pub fn wake(&mut self) {
        self.waiting = false;
    }

    /// When its silence is judged, if it is.
    pub fn due(&self) -> Option<i64> {
        let armed = matches!(self.status, Status::New | Status::Up | Status::Unknown);
        let judged = self.held.or_else(|| self.deadline());
        judged.filter(|_| armed && !self.waiting && self.expected.is_some())
    }

    /// All that closes at this record.
    pub fn look(&mut self, clock: &Clock, hearing: &Hearing) -> Vec<Conclusion> {
        let first_run = self.runs.iter().map(|run| run.deadline).min();
        let silent = self.due().into_iter().chain(first_run).any(|at| clock.has_passed(at.saturating_add(clock.w)));
        let pause_ends = self.paused_until.is_some_and(|at| clock.has_passed(at));
        let mut concluded = Vec::new();
        if !silent && !pause_ends {
            return concluded;
        }
        while let Some(more) = self.close_one(clock, hearing) {
            concluded.extend(more);
        }
        if self.status == Status::Paused && self.paused_until.is_some_and(|at| at <= clock.now) {
            concluded.push(self.resume());
        }
        concluded
    }

    /// `None`: nothing is due any more. `Some(None)`: something was put off.
    fn close_one(&mut self, clock: &Clock, hearing: &Hearing) -> Option<Option<Conclusion>> {
        let closed = clock.now - clock.w;
        let due = self.due().filter(|at| *at <= closed);
        let overdue = self.runs.iter().enumerate().filter(|(_, run)| run.deadline <= due.unwrap_or(closed));
        if let Some((place, _)) = overdue.min_by_key(|(_, run)| run.deadline) {
            let run = self.runs.remove(place);
            return Some(self.judge_run(run, clock, hearing));
        }
        due.map(|at| self.judge_silence(at, hearing))
    }

    fn judge_silence(&mut self, at: i64, hearing: &Hearing) -> Option<Conclusion> {
        let (expected, deadline) = (self.expected?, self.deadline()?);
        let window = (expected - self.early(), deadline);
        let until = if self.held.is_some() { at } else { deadline };
        let proof = (self.config.period_ms + self.config.grace_ms).min(PROOF_MAX_MS);
        match hearing.about(window.0, until) {
            Known::NotYet => {
                self.waiting = true;
                None
            }
            Known::Blind(blind) if self.held.is_none() || blind.1 + proof > at => {
                self.held = Some(blind.1 + proof);
                None
            }
            Known::Blind(blind) if self.config.period_ms + self.config.grace_ms > PROOF_MAX_MS => {
                self.expect(expected.max(blind.1) + self.config.period_ms);
                self.status = Status::Unknown;
                Some(conclude("monitor.unobserved", "blind", Some(deadline)))
            }
            known => {
                let after = if known != Known::Heard && at > deadline { at } else { expected };
                self.expect(after + self.config.period_ms);
                (self.status, self.incident) = (Status::Down, Some(window));
                Some(conclude("monitor.down", "missed", Some(deadline)))
            }
        }
    }

    fn judge_run(&mut self, run: Run, clock: &Clock, hearing: &Hearing) -> Option<Conclusion> {
        // A monitor that is down has its incident; a run that began while it was paused is at work.
        if self.status == Status::Down {
            return None;
        }
        let proof = self.run_limit().unwrap_or(0).clamp(1_000, PROOF_MAX_MS);
        let put_off = match hearing.about(run.start, run.deadline) {
            Known::Heard => None,
            Known::NotYet => Some(clock.now + proof),
            Known::Blind(blind) => Some(blind.1 + proof).filter(|later| *later > run.deadline),
        };
        if let Some(deadline) = put_off {
            self.runs.push(Run { deadline, ..run });
            self.runs.sort_by_key(|run| run.start);
            return None;
        }
        let is_heard = hearing.about(run.start, run.deadline) == Known::Heard;
        (self.status, self.incident) = if is_heard { (Status::Down, None) } else { (Status::Unknown, None) };
        if self.expected.is_some_and(|expected| run.start >= expected - self.early()) {
            self.expect(run.deadline + self.config.period_ms);
        }
        let (kind, reason) = if is_heard { ("monitor.down", "timed_out") } else { ("monitor.unobserved", "blind") };
        Some(conclude(kind, reason, Some(run.deadline)))
    }

    /// A ping that is not a repeat of a record.
    pub fn ping(&mut self, said: Said, run: Option<String>, at: i64) -> Option<Conclusion> {
        let finishes = matches!(said, Said::Success | Said::Failure);
        let same_run = |last: &(Said, Option<String>)| run.is_some() && last.1 == run;
        let last_is_finish = self.last.as_ref().is_some_and(|last| last.0 != Said::Start && same_run(last));
        let repeats = finishes && self.last.as_ref().is_some_and(|last| last.0 == said && same_run(last));
        if said == Said::Note || repeats || (said == Said::Start && last_is_finish) {
            return None;
        }
        self.last = Some((said, run.clone()));
        self.is_anchored = true;
        if said == Said::Start {
            self.start(run, at);
            return None;
        }
        self.finish(run, at);
        if said == Said::Failure { self.fail() } else { self.succeed() }
    }

    fn start(&mut self, id: Option<String>, at: i64) {
        self.runs.retain(|open| id.is_none() || open.id != id);
        let deadline = self.run_limit().map_or(i64::MAX, |limit| at + limit);
        self.runs.push(Run { id, start: at, deadline });
    }

    fn finish(&mut self, id: Option<String>, at: i64) {
        let place = match &id {
            Some(_) => self.runs.iter().rposition(|open| open.id == id),
            None => self.runs.len().checked_sub(1),
        };
        place.map(|place| self.runs.remove(place));
        self.expect(at + self.config.period_ms);
    }

    fn fail(&mut self) -> Option<Conclusion> {
        if self.status == Status::Down {
            return None;
        }
        self.leave_pause();
        (self.status, self.incident) = (Status::Down, None);
        Some(conclude("monitor.down", "failed", None))
    }

    fn succeed(&mut self) -> Option<Conclusion> {
        let before = std::mem::replace(&mut self.status, Status::Up);
        match before {
            Status::Up => None,
            Status::Down => {
                self.incident = None;
                Some(conclude("monitor.up", "recovered", None))
            }
            Status::New => Some(conclude("monitor.changed", "first_ping", None)),
            Status::Paused | Status::Unknown => {
                self.leave_pause();
                Some(conclude("monitor.changed", "recovered", None))
            }
        }
    }

    pub fn pause(&mut self, until: Option<i64>, now: i64) -> Option<Conclusion> {
        if until.is_some_and(|until| until <= now) {
            return None;
        }
        self.paused_until = until;
        if self.status == Status::Paused {
            return None;
        }
        self.runs.clear();
        self.disarm();
        (self.status, self.incident) = (Status::Paused, None);
        Some(conclude("monitor.changed", "paused", None))
    }

    /// Back to where a new monitor is.
    pub fn resume(&mut self) -> Conclusion {
        self.leave_pause();
        self.disarm();
        (self.status, self.last, self.is_anchored) = (Status::New, None, false);
        conclude("monitor.changed", "resumed", None)
    }

    /// A new schedule counts from the last finish, and from now where that would be overdue already.
    pub fn update(&mut self, config: Config, now: i64) {
        let old = std::mem::replace(&mut self.config, config);
        self.version += 1;
        if old.period_ms != self.config.period_ms && self.is_anchored {
            let anchor = self.expected.map_or(now, |expected| expected - old.period_ms);
            self.expect(anchor + self.config.period_ms);
            if self.deadline().is_some_and(|deadline| deadline <= now) {
                self.expect(now + self.config.period_ms);
            }
        }
        if (old.max_runtime_ms, old.grace_ms) != (self.config.max_runtime_ms, self.config.grace_ms) {
            let limit = self.run_limit();
            self.runs.iter_mut().for_each(|run| run.deadline = limit.map_or(i64::MAX, |limit| run.start + limit));
        }
    }

    /// An ingest said that it was deaf: a `missed` that this explains is taken back, unless it is proved since.
    pub fn explain(&mut self, blind: Span, clock: &Clock) -> Option<Conclusion> {
        let window = self.incident.filter(|window| window.0 < blind.1 && window.1 > blind.0)?;
        let proof = self.config.period_ms + self.config.grace_ms;
        if proof <= PROOF_MAX_MS && blind.1 + proof + clock.w <= clock.now {
            return None;
        }
        (self.status, self.incident) = (Status::Unknown, None);
        self.expect(clock.now.max(blind.1) + self.config.period_ms);
        Some(conclude("monitor.unobserved", "blind", Some(window.1)))
    }

    /// The clock was set back to `now`: everything armed starts from there (rule 8).
    pub fn restart(&mut self, now: i64) {
        let limit = self.run_limit();
        for run in &mut self.runs {
            (run.start, run.deadline) = (run.start.min(now), limit.map_or(i64::MAX, |limit| now + limit));
        }
        if self.expected.is_some() {
            self.expect(now + self.config.period_ms);
        }
    }

    fn expect(&mut self, at: i64) {
        self.expected = Some(ceil_to_second(at));
        (self.held, self.waiting) = (None, false);
    }

    fn disarm(&mut self) {
        (self.expected, self.held, self.waiting) = (None, None, false);
    }

    fn leave_pause(&mut self) {
        self.paused_until = None;
    }

    /// With a bound on runs, one that began in time carries its slot to its own deadline.
    fn deadline(&self) -> Option<i64> {
        let expected = self.expected?;
        let deadline = expected + self.config.grace_ms;
        let in_time = |run: &&Run| (expected - self.early()..=deadline).contains(&run.start);
        let carried = self.runs.iter().filter(|_| self.config.max_runtime_ms.is_some()).filter(in_time);
        Some(carried.map(|run| run.deadline).fold(deadline, i64::max))
    }

    fn early(&self) -> i64 {
        EARLY_MAX_MS.min(self.config.period_ms / 10)
    }

    /// How long a run may take: its own bound, else the grace.
    fn run_limit(&self) -> Option<i64> {
        self.config.max_runtime_ms.or(Some(self.config.grace_ms)).filter(|limit| *limit > 0)
    }
}

fn conclude(kind: &'static str, reason: &'static str, deadline_ms: Option<i64>) -> Conclusion {
    Conclusion { kind, reason, deadline_ms }
}
