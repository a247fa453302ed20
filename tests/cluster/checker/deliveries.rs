//! Every alert has a delivery that ended, and one that ended well has arrived.

use super::facts::{Delivery, Facts, Verdict};
use super::order::Told;
use super::violation::{Rule, Violation};
use std::collections::BTreeMap;

/// What began before the facts were settled.
pub fn check(facts: &Facts) -> Vec<Violation> {
    let told = Told::of(&facts.arrivals);
    let settled = facts.deliveries.iter().filter(|delivery| delivery.created_ms < facts.settled_before_ms);
    let mut violations: Vec<Violation> = settled.filter_map(|delivery| unfinished(delivery, &told)).collect();
    let mut of: BTreeMap<&str, Vec<&Delivery>> = BTreeMap::new();
    for delivery in &facts.deliveries {
        delivery.transitions.iter().for_each(|id| of.entry(id.as_str()).or_default().push(delivery));
    }
    let due = facts.verdicts.iter().filter(|verdict| verdict.is_told() && verdict.known_ms < facts.settled_before_ms);
    violations
        .extend(due.filter_map(|verdict| untold(verdict, of.get(verdict.id.as_str()).map_or(&[], Vec::as_slice))));
    violations
}

/// Not ended, ended badly, or ended well and never came.
fn unfinished(delivery: &Delivery, told: &Told) -> Option<Violation> {
    let Delivery { id, state, attempts, error, .. } = delivery;
    if !delivery.is_terminal() {
        let words = format!("delivery {id} is {state} after {attempts} attempts: {error}");
        return Some(Violation::new(Rule::OpenDelivery, "", words));
    }
    // The receiver says yes to everything, so that nothing may end as refused for good.
    if state == "failed" {
        return Some(Violation::new(Rule::UntoldAlert, "", format!("delivery {id} failed: {error}")));
    }
    let absent = delivery.transitions.iter().find(|transition| !told.has(transition))?;
    (state == "delivered").then(|| {
        Violation::new(Rule::UntoldAlert, "", format!("delivery {id} counts as delivered, and {absent} never came"))
    })
}

fn untold(verdict: &Verdict, deliveries: &[&Delivery]) -> Option<Violation> {
    let Verdict { id, slug, kind, reason, .. } = verdict;
    let violation = |rule, words| Some(Violation::new(rule, slug, words).at(verdict.shard, verdict.offset));
    match deliveries {
        [] => violation(Rule::UntoldAlert, format!("{kind} ({reason}) {id} has no delivery")),
        [_] => None,
        several => {
            let ids: Vec<&str> = several.iter().map(|delivery| delivery.id.as_str()).collect();
            violation(Rule::ChangedId, format!("{kind} ({reason}) {id} is in {} deliveries: {ids:?}", ids.len()))
        }
    }
}
