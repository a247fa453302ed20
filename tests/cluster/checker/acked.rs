//! Acknowledged means in the log, and in the log means sent: the client's word against the topic.

use super::facts::{Entry, Facts};
use super::violation::{Rule, Violation};
use crate::history::Operation;
use std::collections::{BTreeMap, BTreeSet};

/// How far apart the stamps of two processes of one machine may lie.
const STAMPS_MS: i64 = 50;

/// Every acknowledged ping is in the log, received between the client's begin and end; every ping in the log is one
/// that a client began to send.
pub fn check(facts: &Facts) -> Vec<Violation> {
    let mut stored: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for (entry, heard) in facts.heard() {
        stored.entry(heard.id.as_str()).or_default().push(entry);
    }
    let acknowledged = |one: &&Operation| one.ping().is_some() && one.is_acknowledged() && one.end_ms <= facts.cut_ms;
    let lost = facts.operations.iter().filter(acknowledged);
    let lost = lost.filter(|one| !stored.get(one.id.as_str()).is_some_and(|entries| holds(entries, one)));
    lost.map(lost_ping).chain(phantoms(facts)).collect()
}

/// Whether one of the records can be what the client was told of.
fn holds(entries: &[&Entry], one: &Operation) -> bool {
    let within = one.start_ms - STAMPS_MS..=one.end_ms.saturating_add(STAMPS_MS);
    entries.iter().any(|entry| within.contains(&entry.received_ms))
}

fn lost_ping(one: &Operation) -> Violation {
    let words = format!(
        "ping {} (attempt {}) was acknowledged between {} and {} and is not in the log",
        one.id, one.attempt, one.start_ms, one.end_ms
    );
    Violation::new(Rule::LostPing, &one.monitor, words)
}

fn phantoms(facts: &Facts) -> impl Iterator<Item = Violation> {
    let sent: BTreeSet<&str> = facts.operations.iter().map(|one| one.id.as_str()).collect();
    facts.heard().filter(move |(_, heard)| !sent.contains(heard.id.as_str())).map(|(entry, heard)| {
        let words = format!("ping {:?} of monitor {:016x} is in the log and nobody sent it", heard.id, heard.monitor);
        Violation::new(Rule::PhantomPing, "", words).at(entry.shard, entry.offset)
    })
}
