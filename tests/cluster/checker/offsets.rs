//! What was applied is never taken back: a shard's snapshot only moves forward, whoever writes it.

use super::facts::{Facts, Snapshot};
use super::violation::{Rule, Violation};
use std::collections::BTreeMap;

/// By what was seen of the snapshots, in the order in which it was looked.
pub fn check(facts: &Facts) -> Vec<Violation> {
    let mut latest: BTreeMap<u16, &Snapshot> = BTreeMap::new();
    let mut violations = Vec::new();
    for seen in &facts.snapshots {
        if let Some(before) = latest.insert(seen.shard, seen).filter(|before| before.next_offset > seen.next_offset) {
            let words = format!(
                "the snapshot of shard {} stood at offset {} at {} and at {} at {}",
                seen.shard, before.next_offset, before.at_ms, seen.next_offset, seen.at_ms
            );
            violations.push(Violation::new(Rule::RewoundOffset, "", words).at(seen.shard, seen.next_offset));
        }
    }
    violations
}
