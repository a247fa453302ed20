//! What the facts held: a check of nothing finds nothing.

use super::facts::Facts;
use auditor::model::Opinion;
use std::collections::BTreeMap;
use std::fmt;

/// Counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub records: usize,
    /// Operations that were acknowledged.
    pub acknowledged: usize,
    /// Attempts that ended otherwise.
    pub refused: usize,
    /// By kind and reason.
    pub verdicts: BTreeMap<String, usize>,
    pub delivered: usize,
    /// Blind stretches over all shards, and their milliseconds.
    pub blind: usize,
    pub blind_ms: i64,
}

impl Summary {
    pub(super) fn of(facts: &Facts, opinions: &[Opinion]) -> Self {
        let mut verdicts = BTreeMap::new();
        for verdict in &facts.verdicts {
            *verdicts.entry(format!("{} {}", verdict.kind, verdict.reason)).or_default() += 1;
        }
        let pings = || facts.operations.iter().filter(|one| one.ping().is_some());
        let blind = || opinions.iter().flat_map(Opinion::blind).map(|(_, span)| span);
        Self {
            records: facts.entries().count(),
            acknowledged: pings().filter(|one| one.is_acknowledged()).count(),
            refused: pings().filter(|one| !one.is_acknowledged()).count(),
            verdicts,
            delivered: facts.deliveries.iter().filter(|delivery| delivery.state == "delivered").count(),
            blind: blind().count(),
            blind_ms: blind().map(|span| span.1 - span.0).sum(),
        }
    }

    /// How many transitions of a kind and reason.
    pub fn verdicts_of(&self, kind: &str, reason: &str) -> usize {
        self.verdicts.get(&format!("{kind} {reason}")).copied().unwrap_or(0)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { records, acknowledged, refused, delivered, blind, blind_ms, .. } = self;
        let verdicts: Vec<String> = self.verdicts.iter().map(|(name, count)| format!("{count} {name}")).collect();
        write!(
            f,
            "{records} records, {acknowledged} pings acknowledged, {refused} attempts not, {delivered} deliveries, \
             {blind} blind stretches ({} s); {}",
            blind_ms / 1_000,
            verdicts.join(", ")
        )
    }
}
