//! Events in words.

use super::{Event, What, When};
use crate::model::Implied;
use domain::command::{AttemptOutcome, AttemptResult};
use domain::duration::format_duration;
use domain::monitor::MonitorConfig;
use domain::ping::PingKind;
use domain::schedule::Schedule;

impl Event {
    /// One line, behind offset and time of the record.
    pub fn line(&self, when: &When) -> String {
        format!("{:>7} {} {}", self.offset, when.at(self.append_ms), self.words(when))
    }

    /// One line, without offset and time of the record.
    pub fn words(&self, when: &When) -> String {
        match &self.what {
            What::Made(config) => format!("made: {}", policy(config)),
            What::Edited(config, version) => format!("edited, version {version} if it was current: {}", policy(config)),
            What::Paused { until_ms: None } => "paused".to_owned(),
            What::Paused { until_ms: Some(until) } => format!("paused until {}", when.at(*until)),
            What::Resumed => "resumed".to_owned(),
            What::Deleted => "deleted".to_owned(),
            What::TokenRotated => "a new ping URL; the old one is dead".to_owned(),
            What::Acknowledged { incident } => format!("somebody knows of incident {incident}"),
            What::Ping { received_ms, .. } => format!("ping: {}, received {}", self.ping(), when.clock(*received_ms)),
            What::Boot { node, .. } => format!("ingest {node:016x} started"),
            What::Deaf { from_ms, to_ms } => {
                format!("an ingest says it took no pings from {} to {}", when.clock(*from_ms), when.clock(*to_ms))
            }
            What::Blind { from_ms, to_ms, .. } => {
                format!("nobody could be heard from {} to {}", when.clock(*from_ms), when.clock(*to_ms))
            }
            What::Params(params) => format!("from here on W is {} ms and C is {} ms", params.w_ms, params.c_ms),
            What::Deadline { at_ms: Some(at) } => format!("silence becomes a verdict at {}", when.at(*at)),
            What::Deadline { at_ms: None } => "nothing is expected for now".to_owned(),
            What::Implied(implied) => concluded(implied, when),
            What::Attempt(outcome) => attempt(outcome),
            What::Moved => "the shard's monitors are judged elsewhere from here on".to_owned(),
            What::Adopted => "came from another installation".to_owned(),
        }
    }

    fn ping(&self) -> String {
        let What::Ping { kind, run, duration_ms, creates, .. } = &self.what else { return String::new() };
        let run = run.map_or(String::new(), |run| format!(", run {run}"));
        let took = duration_ms.map_or(String::new(), |ms| format!(", took {:.1} s", ms as f64 / 1_000.0));
        format!("{}{run}{took}{}", ping_kind(*kind), if *creates { ", with create=1" } else { "" })
    }
}

/// `success`, `exit 3`, …
fn ping_kind(kind: PingKind) -> String {
    kind.exit_code().map_or_else(|| kind.word().to_owned(), |code| format!("exit {code}"))
}

/// A schedule as people write it, with its grace.
pub fn policy(config: &MonitorConfig) -> String {
    let policy = &config.policy;
    let schedule = match &policy.schedule {
        Schedule::Period { seconds } => format!("every {}", format_duration((*seconds).into())),
        Schedule::Cron { cron, zone } => format!("cron {} ({})", cron.source(), zone.name()),
        Schedule::OnCalendar { calendar, zone } => {
            format!("calendar {} ({})", calendar.source().replace('\n', "; "), zone.name())
        }
    };
    let runtime = policy.max_runtime_secs.map(|secs| format!(", runs take at most {}", format_duration(secs.into())));
    format!("{schedule}, grace {}{}", format_duration(policy.grace_secs.into()), runtime.unwrap_or_default())
}

fn concluded(implied: &Implied, when: &When) -> String {
    let deadline = implied.deadline_ms.map_or(String::new(), |at| format!(", deadline {}", when.at(at)));
    let Implied { kind, reason, to, occurred_ms, .. } = implied;
    format!("implies {kind} ({reason}), then {to}; true since {}{deadline}", when.at(*occurred_ms))
}

fn attempt(outcome: &AttemptOutcome) -> String {
    let ended = match &outcome.result {
        AttemptResult::Delivered => "delivered".to_owned(),
        AttemptResult::Retry { error, .. } => format!("will be tried again: {error}"),
        AttemptResult::Failed { error } => format!("failed for good: {error}"),
        AttemptResult::Gone { error } => format!("the endpoint is gone: {error}"),
    };
    format!("delivery {}, attempt {}: {ended}", outcome.delivery, outcome.attempt)
}
