//! No false `missed`, by the client's own word: whoever was told `OK` in time is not accused.
//!
//! This needs no rules of judgement, only the window that the verdict itself names. What the window should have been
//! is asked by `model`.

use super::facts::{Entry, Facts, Said, Verdict};
use super::violation::{Rule, Violation};
use std::collections::{BTreeMap, BTreeSet};

/// Clocks of a healthy installation are never so far apart.
const OFF_MS: i64 = 60_000;

/// Every `missed` against the acknowledged pings of its monitor.
pub fn check(facts: &Facts) -> Vec<Violation> {
    let acknowledged: BTreeSet<&str> = facts
        .operations
        .iter()
        .filter(|one| one.ping().is_some() && one.is_acknowledged())
        .map(|one| one.id.as_str())
        .collect();
    let mut finishes: BTreeMap<u64, Vec<&Entry>> = BTreeMap::new();
    for (entry, heard) in facts.heard() {
        let counts = matches!(heard.signal, Said::Success | Said::Failure) && is_on_the_clock(entry);
        if counts && acknowledged.contains(heard.id.as_str()) {
            finishes.entry(heard.monitor).or_default().push(entry);
        }
    }
    let missed = facts.verdicts.iter().filter(|verdict| verdict.is_missed());
    missed.filter_map(|verdict| accused(verdict, finishes.get(&verdict.monitor)?)).collect()
}

/// Whether the record's own clocks agree. While a broker's clock is wrong the shard's time stands still, and the window
/// that a verdict names is no stretch of the ingest's clock: such pings are for `model` alone.
fn is_on_the_clock(entry: &Entry) -> bool {
    (entry.append_ms - entry.received_ms).abs() <= OFF_MS
}

/// An acknowledged finish that was received in the window between the expected time and the deadline.
fn accused(verdict: &Verdict, finishes: &[&Entry]) -> Option<Violation> {
    let (expected, deadline) = (verdict.expected_ms?, verdict.deadline_ms?);
    let heard = finishes.iter().find(|entry| (expected..=deadline).contains(&entry.received_ms))?;
    let words = format!(
        "{} says that nothing came from {expected} to {deadline}, but a ping was received at {} and acknowledged",
        verdict.id, heard.received_ms
    );
    Some(
        Violation::new(Rule::FalseDown, &verdict.slug, words)
            .at(heard.shard, heard.offset)
            .at(verdict.shard, verdict.offset),
    )
}
