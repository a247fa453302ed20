//! One silence, one incident: by what is stored, without any rule of judgement.

use super::facts::{Facts, Verdict};
use super::violation::{Rule, Violation};
use std::collections::BTreeMap;

/// Each deadline has at most one `missed`, and no monitor goes down twice without a way back in between.
pub fn check(facts: &Facts) -> Vec<Violation> {
    let mut by_monitor: BTreeMap<u64, Vec<&Verdict>> = BTreeMap::new();
    for verdict in &facts.verdicts {
        by_monitor.entry(verdict.monitor).or_default().push(verdict);
    }
    by_monitor.into_values().flat_map(of_monitor).collect()
}

fn of_monitor(mut verdicts: Vec<&Verdict>) -> Vec<Violation> {
    verdicts.sort_by_key(|verdict| verdict.order());
    let mut violations = twice_the_same(&verdicts);
    let mut open: Option<&Verdict> = None;
    for verdict in verdicts {
        if let Some(first) = open.filter(|_| verdict.is_down()) {
            violations.push(again(first, verdict));
        }
        // A reminder or a warning leaves an incident open; any other change of status ends it.
        match verdict.kind.as_str() {
            "monitor.down" => open = Some(verdict),
            "monitor.reminder" | "monitor.warning" => {}
            _ => open = None,
        }
    }
    violations
}

fn twice_the_same(verdicts: &[&Verdict]) -> Vec<Violation> {
    let mut seen: BTreeMap<i64, &Verdict> = BTreeMap::new();
    let mut violations = Vec::new();
    for verdict in verdicts.iter().filter(|verdict| verdict.is_missed()) {
        let Some(deadline) = verdict.deadline_ms else { continue };
        if let Some(first) = seen.insert(deadline, verdict) {
            violations.push(again(first, verdict));
        }
    }
    violations
}

fn again(first: &Verdict, second: &Verdict) -> Violation {
    let words = format!(
        "{} ({}, deadline {:?}) opened an incident while that of {} ({}, deadline {:?}) was open",
        second.id, second.reason, second.deadline_ms, first.id, first.reason, first.deadline_ms
    );
    Violation::new(Rule::DoubleIncident, &second.slug, words)
        .at(first.shard, first.offset)
        .at(second.shard, second.offset)
}
