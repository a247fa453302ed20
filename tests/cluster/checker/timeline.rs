//! What happened around a violation, in a few lines.

use super::facts::{Command, Entry, Facts, Said, Verdict, What};
use super::violation::Violation;
use std::collections::BTreeMap;

/// Lines before and after the place.
const AROUND: usize = 7;

/// Names by which lines tell of a monitor.
pub struct Teller<'a> {
    facts: &'a Facts,
    monitors: BTreeMap<&'a str, u64>,
}

impl<'a> Teller<'a> {
    pub fn of(facts: &'a Facts) -> Self {
        let mut monitors = BTreeMap::new();
        for entry in facts.entries() {
            if let What::Command { monitor, action: Command::Create(config), .. } = &entry.what {
                monitors.insert(config.slug.as_str(), *monitor);
            }
        }
        Self { facts, monitors }
    }

    /// Adds the lines.
    pub fn tell(&self, mut violation: Violation) -> Violation {
        let monitor = self.monitors.get(violation.monitor.as_str()).copied();
        let place = violation.places.first().copied();
        let Some(monitor) = monitor else { return violation };
        let mut lines: Vec<((u64, u8), String)> = self.entries(monitor).chain(self.verdicts(monitor)).collect();
        lines.sort();
        let at = place.map_or(lines.len(), |(_, offset)| lines.partition_point(|((at, _), _)| *at < offset));
        let (from, to) = (at.saturating_sub(AROUND), (at + AROUND).min(lines.len()));
        violation.timeline = lines.drain(from..to).map(|(_, line)| line).collect();
        violation
    }

    fn entries(&self, monitor: u64) -> impl Iterator<Item = ((u64, u8), String)> {
        let shard = self.shard_of(monitor);
        let entries = shard.into_iter().flat_map(|shard| &self.facts.log[shard]);
        entries.filter_map(move |entry| in_words(entry, monitor).map(|words| ((entry.offset, 0), line(entry, &words))))
    }

    fn verdicts(&self, monitor: u64) -> impl Iterator<Item = ((u64, u8), String)> {
        let own = self.facts.verdicts.iter().filter(move |verdict| verdict.monitor == monitor);
        own.map(|verdict| ((verdict.offset, 1 + u8::from(verdict.order().1)), concluded(verdict)))
    }

    fn shard_of(&self, monitor: u64) -> Option<usize> {
        let mentions = |entry: &Entry| matches!(&entry.what, What::Command { monitor: of, .. } if *of == monitor);
        self.facts.log.iter().position(|entries| entries.iter().any(mentions))
    }
}

fn line(entry: &Entry, words: &str) -> String {
    format!("offset {} at {} (received {}): {words}", entry.offset, entry.append_ms, entry.received_ms)
}

/// What concerns the monitor: its own records, and what a shard could hear.
fn in_words(entry: &Entry, of: u64) -> Option<String> {
    match &entry.what {
        What::Ping(heard) if heard.monitor == of => {
            let said = match heard.signal {
                Said::Success => "success",
                Said::Start => "start",
                Said::Failure => "failure",
                Said::Note => "note",
            };
            Some(format!("ping {} says {said}, by producer {:x}", heard.id, entry.producer))
        }
        What::Command { monitor, action, .. } if *monitor == of => Some(match action {
            Command::Create(config) => format!("created: every {} ms, grace {} ms", config.period_ms, config.grace_ms),
            Command::Update { config, .. } => {
                format!("edited: every {} ms, grace {} ms", config.period_ms, config.grace_ms)
            }
            Command::Pause { .. } => "paused".to_owned(),
            Command::Resume => "resumed".to_owned(),
            Command::Other => "another command".to_owned(),
        }),
        What::Deaf { from_ms, to_ms } => Some(format!("an ingest was deaf from {from_ms} to {to_ms}")),
        What::Boot => Some("an ingest began".to_owned()),
        What::Params { w_ms, c_ms } => Some(format!("W is {w_ms} ms and C {c_ms} ms from here")),
        _ => None,
    }
}

fn concluded(verdict: &Verdict) -> String {
    let Verdict { id, kind, reason, offset, deadline_ms, known_ms, .. } = verdict;
    format!("offset {offset} at {known_ms}: concluded {id} {kind} ({reason}, deadline {deadline_ms:?})")
}
