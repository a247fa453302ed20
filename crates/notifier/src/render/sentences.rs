//! One verdict told: what was expected when, what came last, for how long it has been silent or running.

use super::escape::one_line;
use super::when::{When, between, length};
use domain::duration::format_duration;
use domain::ping::{PingKind, PingSummary};
use domain::time::UnixMs;
use domain::transition::{Reason, Transition, TransitionKind};

/// The first word of a headline.
pub(super) fn kind_word(kind: TransitionKind) -> &'static str {
    match kind {
        TransitionKind::Down => "DOWN",
        TransitionKind::Up => "UP",
        TransitionKind::Unobserved => "UNOBSERVED",
        TransitionKind::Reminder => "STILL DOWN",
        TransitionKind::Warning => "WARNING",
        TransitionKind::Silent => "CHANGED",
    }
}

/// Tells one transition.
pub(super) struct Teller<'a> {
    t: &'a Transition,
    when: When,
    name: String,
}

impl<'a> Teller<'a> {
    /// `now` decides only whether a date is today's; lengths end when the verdict was known.
    pub(super) fn new(t: &'a Transition, now: UnixMs) -> Self {
        Self { t, when: When::new(&t.zone, now), name: one_line(&t.identity.name) }
    }

    /// One line: kind, monitor, and the fact that matters most.
    pub(super) fn headline(&self) -> String {
        format!("{} {}: {}", kind_word(self.t.kind), self.title(), self.gist())
    }

    /// All there is to say, front to back.
    pub(super) fn sentences(&self) -> Vec<String> {
        let mut told = match (self.t.kind, self.t.reason) {
            (TransitionKind::Unobserved, _) if self.t.retracts.is_some() => self.retracted(),
            (TransitionKind::Unobserved, _) => self.unobserved(),
            (TransitionKind::Reminder, _) => self.reminder(),
            (TransitionKind::Up, _) => self.recovered(),
            (TransitionKind::Silent, _) => vec![self.changed()],
            (_, reason) => self.trouble(reason),
        };
        told.extend(self.metrics());
        told.push(format!("Schedule: {}.", self.schedule()));
        told
    }

    /// The name, with the slug beside it when that says something else.
    fn title(&self) -> String {
        let slug = &self.t.identity.slug;
        if self.name == *slug { self.name.clone() } else { format!("{} ({slug})", self.name) }
    }

    fn gist(&self) -> String {
        match (self.t.kind, self.t.reason) {
            (TransitionKind::Unobserved, _) if self.t.retracts.is_some() => {
                "the alert is taken back, no pings could be heard".to_owned()
            }
            (TransitionKind::Unobserved, _) => format!("no pings could be heard{}", self.blind_length()),
            (TransitionKind::Up, _) => format!("back{}", self.down_for()),
            (TransitionKind::Reminder, reason) => format!("{}{}", cause(reason), self.down_for()),
            (TransitionKind::Silent, _) => format!("{} to {}", self.t.from, self.t.to),
            (_, Reason::Missed | Reason::Blind) => format!("{}{}", self.silence(), self.expectation()),
            (_, Reason::Failed) => format!("{} at {}", self.failure(), self.when.at(self.t.occurred_ms)),
            (_, Reason::TimedOut) => format!("still running after {}{}", self.running_for(), self.limit()),
            (_, Reason::AssertionFailed) => format!("assertion failed: {}", self.detail_or("no detail")),
            (_, reason) => self.detail_or(cause(reason)),
        }
    }

    fn trouble(&self, reason: Reason) -> Vec<String> {
        match reason {
            Reason::Failed => self.failed(),
            Reason::TimedOut => self.timed_out(),
            Reason::AssertionFailed => self.assertion_failed(),
            Reason::Overlap => self.noticed("started again while an earlier run was still open"),
            Reason::TooFast => self.noticed("finished sooner than it should"),
            _ => self.missed(),
        }
    }

    fn missed(&self) -> Vec<String> {
        let mut told = vec![format!("{} did not report.", self.name)];
        if let Some(expected) = self.t.expected_ms {
            told.push(format!("Expected {}{}.", self.when.at(expected), self.grace_until()));
        } else if let Some(deadline) = self.t.deadline_ms {
            told.push(format!("A first ping was due by {}.", self.when.at(deadline)));
        }
        told.push(self.last_ping());
        if let Some(last) = &self.t.last_ping {
            told.push(format!("Silent for {}.", between(last.at_ms, self.t.known_ms)));
        }
        told.extend(self.blind());
        told
    }

    fn failed(&self) -> Vec<String> {
        let mut told = vec![format!("{}: {} at {}.", self.name, self.failure(), self.when.at(self.t.occurred_ms))];
        told.extend(self.took());
        // The failure names the exit status already.
        told.extend(self.detail().filter(|_| !self.t.detail.starts_with("exit status")));
        told
    }

    fn timed_out(&self) -> Vec<String> {
        let mut told = vec![format!("{} did not finish in time.", self.name)];
        if let Some(started) = self.t.run_started_ms {
            let started = self.when.at(started);
            told.push(format!(
                "It started at {started} and has been running for {}{}.",
                self.running_for(),
                self.limit()
            ));
        }
        if let Some(deadline) = self.t.deadline_ms {
            told.push(format!("It was due to finish by {}.", self.when.at(deadline)));
        }
        told.extend(self.detail());
        told
    }

    fn assertion_failed(&self) -> Vec<String> {
        let at = self.when.at(self.t.occurred_ms);
        let mut told = vec![format!("{} reported success at {at}, but an assertion failed.", self.name)];
        told.extend(self.detail());
        told.extend(self.took());
        told
    }

    fn noticed(&self, what: &str) -> Vec<String> {
        let mut told = vec![format!("{} {what}, at {}.", self.name, self.when.at(self.t.occurred_ms))];
        told.extend(self.detail());
        told.extend(self.took());
        told
    }

    fn recovered(&self) -> Vec<String> {
        let mut told = vec![format!("{} is back since {}.", self.name, self.when.at(self.t.occurred_ms))];
        if let Some(incident) = self.t.incident {
            let down = between(incident.opened_ms, self.t.occurred_ms);
            told.push(format!("It was down for {down}, from {}.", self.when.at(incident.opened_ms)));
        }
        told.push(self.last_ping());
        told
    }

    fn retracted(&self) -> Vec<String> {
        let mut told = vec![format!("The alert that {} did not report is taken back: it may well have.", self.name)];
        told.extend(self.blind());
        told.push(self.last_ping());
        told
    }

    fn unobserved(&self) -> Vec<String> {
        let due = self.t.expected_ms.map(|ms| format!(" It was expected at {}.", self.when.at(ms))).unwrap_or_default();
        let mut told = vec![format!("Whether {} ran is not known.{due}", self.name)];
        told.extend(self.blind());
        told.push("Its next run is judged as usual.".to_owned());
        told.push(self.last_ping());
        told
    }

    fn reminder(&self) -> Vec<String> {
        let mut told = vec![format!("{} is still down: {}.", self.name, cause(self.t.reason))];
        if let Some(incident) = self.t.incident {
            let down = between(incident.opened_ms, self.t.occurred_ms);
            told.push(format!("Down for {down}, since {}.", self.when.at(incident.opened_ms)));
        }
        told.push(self.last_ping());
        told
    }

    fn changed(&self) -> String {
        format!("{} went from {} to {} at {}.", self.name, self.t.from, self.t.to, self.when.at(self.t.occurred_ms))
    }

    fn silence(&self) -> String {
        match &self.t.last_ping {
            Some(last) => format!("no ping since {}", self.when.bare(last.at_ms)),
            None => "never pinged".to_owned(),
        }
    }

    fn expectation(&self) -> String {
        let Some(expected) = self.t.expected_ms else { return String::new() };
        format!("; expected {} + {} grace", self.when.at(expected), format_duration(self.t.grace_secs.into()))
    }

    fn grace_until(&self) -> String {
        let Some(deadline) = self.t.deadline_ms else { return String::new() };
        let grace = format_duration(self.t.grace_secs.into());
        format!(", with {grace} of grace until {}", self.when.bare(deadline))
    }

    fn last_ping(&self) -> String {
        let Some(last) = &self.t.last_ping else { return "It has never pinged.".to_owned() };
        let took = last.duration_ms.map(|ms| format!(", after {}", length(ms))).unwrap_or_default();
        format!("Last ping: {} at {}{took}.", ping_words(last), self.when.at(last.at_ms))
    }

    fn failure(&self) -> String {
        match self.t.last_ping.as_ref().and_then(|last| last.kind.exit_code()) {
            Some(code) if code > 0 => format!("failed with exit code {code}"),
            _ => "reported a failure".to_owned(),
        }
    }

    fn took(&self) -> Option<String> {
        let ms = self.t.last_ping.as_ref()?.duration_ms?;
        Some(format!("It ran for {}.", length(ms)))
    }

    fn running_for(&self) -> String {
        self.t.run_started_ms.map(|from| between(from, self.t.known_ms)).unwrap_or_else(|| "too long".to_owned())
    }

    fn limit(&self) -> String {
        let limit = self.t.run_started_ms.zip(self.t.deadline_ms);
        limit.map(|(from, to)| format!(" (allowed: {})", between(from, to))).unwrap_or_default()
    }

    fn down_for(&self) -> String {
        let Some(incident) = self.t.incident else { return String::new() };
        format!(" after {} down", between(incident.opened_ms, self.t.occurred_ms))
    }

    fn blind(&self) -> Option<String> {
        let (from, to) = self.t.blind?;
        let (length, from, to) = (between(from, to), self.when.bare(from), self.when.at(to));
        Some(format!("QuietPulse could not hear pings for {length}, from {from} to {to}."))
    }

    fn blind_length(&self) -> String {
        self.t.blind.map(|(from, to)| format!(" for {}", between(from, to))).unwrap_or_default()
    }

    fn detail(&self) -> Option<String> {
        let detail = one_line(self.t.detail.trim().trim_end_matches('.'));
        (!detail.is_empty()).then(|| format!("Detail: {detail}."))
    }

    fn detail_or(&self, otherwise: &str) -> String {
        if self.t.detail.trim().is_empty() { otherwise.to_owned() } else { one_line(self.t.detail.trim()) }
    }

    fn metrics(&self) -> Option<String> {
        let last = self.t.last_ping.as_ref().filter(|last| !last.metrics.is_empty())?;
        let parts: Vec<String> = last.metrics.iter().map(|m| format!("{}={}", one_line(&m.name), m.value)).collect();
        Some(format!("Metrics: {}.", parts.join(", ")))
    }

    fn schedule(&self) -> String {
        let zone = if self.t.zone.is_empty() { String::new() } else { format!(" ({})", one_line(&self.t.zone)) };
        format!("{}{zone}, grace {}", one_line(&self.t.schedule), format_duration(self.t.grace_secs.into()))
    }
}

fn cause(reason: Reason) -> &'static str {
    match reason {
        Reason::Missed => "it did not report",
        Reason::Failed => "it reported a failure",
        Reason::TimedOut => "it did not finish in time",
        Reason::AssertionFailed => "an assertion failed",
        Reason::Overlap => "runs overlap",
        Reason::TooFast => "it finished too fast",
        Reason::Blind => "no pings could be heard",
        Reason::Recovered | Reason::FirstPing => "it reported",
        Reason::Paused => "it was paused",
        Reason::Resumed => "it was resumed",
        Reason::Deleted => "it was deleted",
    }
}

fn ping_words(ping: &PingSummary) -> String {
    match ping.kind {
        PingKind::Success => "success".to_owned(),
        PingKind::Start => "start".to_owned(),
        PingKind::Fail => "failure".to_owned(),
        PingKind::Exit(code) => format!("exit code {code}"),
        PingKind::Log => "a log line".to_owned(),
    }
}
