//! What clients were told against the log, and against verdicts. Needs no rules of judgement.

use super::{Broken, Promise};
use crate::facts::Facts;
use crate::history::{Answer, Sent};
use domain::record::{Body, Record};
use domain::transition::{Reason, TransitionKind};
use std::collections::{BTreeMap, BTreeSet};

/// Clocks that agree are never so far apart.
const OFF_MS: i64 = 60_000;

/// Pings in the logs, by the ids their jobs gave them.
fn heard(facts: &Facts) -> BTreeMap<&str, Vec<&Record>> {
    let mut heard: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
    for record in facts.records.iter().flatten() {
        if let Body::Ping(ping) = &record.body
            && let Some(details) = &ping.details
        {
            heard.entry(&details.message).or_default().push(record);
        }
    }
    heard
}

/// Pings that say the end of a run again: a client that was not told `OK` sends it once more, and it has one effect, at
/// the time of the first.
fn repeats(facts: &Facts) -> BTreeSet<&str> {
    let (mut seen, mut repeats) = (BTreeSet::new(), BTreeSet::new());
    for record in facts.records.iter().flatten() {
        if let Body::Ping(ping) = &record.body
            && let (Some(run), Some(details)) = (ping.run, &ping.details)
            && ping.kind.finishes()
            && !seen.insert((ping.monitor, run))
        {
            repeats.insert(details.message.as_str());
        }
    }
    repeats
}

/// I10.
pub fn acked_is_in_the_log(facts: &Facts) -> Vec<Broken> {
    let heard = heard(facts);
    let acked = facts.sent.iter().filter(|sent| sent.answer == Answer::Acked);
    let is_as_sent = |record: &&Record, sent: &Sent| match &record.body {
        Body::Ping(ping) => (ping.monitor, ping.kind, ping.run) == (sent.monitor, sent.kind, sent.run),
        _ => false,
    };
    let lost = acked.filter(|sent| {
        let there = heard.get(sent.id.as_str());
        there.is_none_or(|records| !records.iter().all(|record| is_as_sent(record, sent)))
    });
    let words = |sent: &Sent| format!("ping {} was acknowledged and does not stand in the log as it was sent", sent.id);
    lost.map(|sent| Broken::of(Promise::AckedDurable, words(sent))).collect()
}

/// I4, by the window that a verdict itself names.
pub fn acked_is_not_missed(facts: &Facts) -> Vec<Broken> {
    let (heard, repeats) = (heard(facts), repeats(facts));
    let mut finishes: BTreeMap<_, Vec<&Record>> = BTreeMap::new();
    for sent in facts.sent.iter().filter(|sent| sent.answer == Answer::Acked && sent.kind.finishes()) {
        for record in heard.get(sent.id.as_str()).into_iter().flatten() {
            let is_on_the_clock = (record.append.0 - record.envelope.received.0).abs() <= OFF_MS;
            if is_on_the_clock && !repeats.contains(sent.id.as_str()) {
                finishes.entry(sent.monitor).or_default().push(*record);
            }
        }
    }
    let mut broken = Vec::new();
    for missed in
        facts.transitions.values().filter(|one| one.reason == Reason::Missed && one.kind == TransitionKind::Down)
    {
        let (Some(expected), Some(deadline)) = (missed.expected_ms, missed.deadline_ms) else { continue };
        let in_time = |record: &&&Record| (expected..=deadline).contains(&record.envelope.received.0);
        if let Some(record) = finishes.get(&missed.monitor).and_then(|all| all.iter().find(in_time)) {
            let words = format!(
                "{} says that nothing came from {expected} to {deadline}, but a ping was received at {} and acknowledged (offset {})",
                missed.id, record.envelope.received.0, record.offset
            );
            broken.push(Broken::by(Promise::AckedCounts, &missed.identity.slug, words));
        }
    }
    broken
}
