//! Six ways to break a history that is good, each by one change. They work on a history made by hand and on a real one.

use super::facts::{Entry, Facts, Verdict, What};
use super::{Rule, Violation, check};

/// One way, and what the checker must say about it.
pub struct Sabotage {
    pub name: &'static str,
    pub rule: Rule,
    /// Gives the slug of the monitor that suffers, or `None` where the history has nothing to break.
    pub strike: fn(&mut Facts) -> Option<String>,
}

pub const SIX: [Sabotage; 6] = [
    Sabotage { name: "a lost ping", rule: Rule::LostPing, strike: lose_a_ping },
    Sabotage { name: "a false down", rule: Rule::FalseDown, strike: accuse_falsely },
    Sabotage { name: "a double incident", rule: Rule::DoubleIncident, strike: accuse_twice },
    Sabotage { name: "a missing alert", rule: Rule::MissingAlert, strike: forget_a_miss },
    Sabotage { name: "a swapped order", rule: Rule::SwappedOrder, strike: swap_down_and_up },
    Sabotage { name: "a paused alert", rule: Rule::PausedAlert, strike: accuse_a_paused_one },
];

impl Sabotage {
    /// What the checker says after the change; `None` where the history has nothing to break. Panics when it says
    /// something else, or nothing.
    pub fn found_in(&self, good: &Facts) -> Option<Violation> {
        let mut facts = good.clone();
        let slug = (self.strike)(&mut facts)?;
        let (violations, _) = check(&facts);
        let found = violations.iter().find(|violation| violation.rule == self.rule && violation.monitor == slug);
        let said = || violations.iter().map(ToString::to_string).collect::<Vec<_>>();
        Some(found.unwrap_or_else(|| panic!("{} of {slug} is not seen: {:#?}", self.name, said())).clone())
    }
}

/// The last acknowledged ping below the cut is no longer in the log.
fn lose_a_ping(facts: &mut Facts) -> Option<String> {
    let sent =
        |one: &&crate::history::Operation| one.ping().is_some() && one.is_acknowledged() && one.end_ms <= facts.cut_ms;
    let lost = facts.operations.iter().rfind(sent)?.clone();
    let is_it = |entry: &Entry| matches!(&entry.what, What::Ping(heard) if heard.id == lost.id);
    facts.log.iter_mut().flatten().filter(|entry| is_it(entry)).for_each(|entry| entry.what = What::Canary);
    Some(lost.monitor)
}

/// A `missed` of a monitor that has none, concluded at the last tick of its shard.
fn accuse_falsely(facts: &mut Facts) -> Option<String> {
    let is_marked = |verdict: &Verdict| verdict.is_down() || verdict.reason == "paused";
    let marked = |monitor: u64| facts.verdicts.iter().any(|verdict| verdict.monitor == monitor && is_marked(verdict));
    let began = |verdict: &&Verdict| verdict.reason == "first_ping" && goes_on(facts, verdict);
    let innocent = facts.verdicts.iter().filter(began).find(|verdict| !marked(verdict.monitor))?;
    let (model, shard) = (innocent.clone(), usize::from(innocent.shard));
    let tick = facts.log[shard].iter().rfind(|entry| entry.what == What::Tick)?;
    let deadline = tick.append_ms - 7_000;
    let down = down(&model, tick, deadline);
    facts.verdicts.push(down);
    Some(model.slug)
}

/// The same miss once more, under another id, a tick later.
fn accuse_twice(facts: &mut Facts) -> Option<String> {
    let first = facts.verdicts.iter().find(|verdict| verdict.is_missed() && goes_on(facts, verdict))?.clone();
    let later = |entry: &&Entry| entry.what == What::Tick && entry.offset > first.offset;
    let tick = facts.log[usize::from(first.shard)].iter().find(later)?;
    let second = down(&first, tick, first.deadline_ms?);
    facts.verdicts.push(second);
    Some(first.slug)
}

/// One miss was never concluded, and nobody was told.
fn forget_a_miss(facts: &mut Facts) -> Option<String> {
    let place = facts.verdicts.iter().position(|verdict| verdict.is_missed() && goes_on(facts, verdict))?;
    let gone = facts.verdicts.remove(place);
    let tells = |ids: &[String]| ids.contains(&gone.id);
    facts.deliveries.retain(|delivery| !tells(&delivery.transitions));
    facts.arrivals.retain(|arrival| arrival.items.iter().all(|item| item.transition != gone.id));
    Some(gone.slug)
}

/// The first `up` that came in a message of its own comes before its `down`.
fn swap_down_and_up(facts: &mut Facts) -> Option<String> {
    let arrived = |id: &str| {
        let alone = |arrival: &crate::history::Arrival| arrival.items.len() == 1 && arrival.items[0].transition == id;
        let places: Vec<usize> = (0..facts.arrivals.len()).filter(|place| alone(&facts.arrivals[*place])).collect();
        (places.len() == 1).then(|| places[0])
    };
    let (up, places) = facts.verdicts.iter().filter(|verdict| verdict.is_up()).find_map(|up| {
        let places = (arrived(up.incident.as_deref()?)?, arrived(&up.id)?);
        Some((up.slug.clone(), places))
    })?;
    facts.arrivals.swap(places.0, places.1);
    Some(up)
}

/// A `missed` two ticks after a pause.
fn accuse_a_paused_one(facts: &mut Facts) -> Option<String> {
    let paused = facts.verdicts.iter().find(|verdict| verdict.reason == "paused" && goes_on(facts, verdict))?.clone();
    let later = |entry: &&Entry| entry.what == What::Tick && entry.offset > paused.offset;
    let tick = facts.log[usize::from(paused.shard)].iter().filter(later).nth(1)?;
    let down = down(&paused, tick, tick.append_ms - 6_000);
    facts.verdicts.push(down);
    Some(paused.slug)
}

/// Whether the log has two ticks after a verdict: what comes after its end is nobody's business.
fn goes_on(facts: &Facts, verdict: &Verdict) -> bool {
    let later = |entry: &&Entry| entry.what == What::Tick && entry.offset > verdict.offset;
    facts.log[usize::from(verdict.shard)].iter().filter(later).count() >= 2
}

/// A `missed` of the same monitor as another verdict's, told to nobody.
fn down(of: &Verdict, at: &Entry, deadline: i64) -> Verdict {
    let id = format!("tr_by_hand_{}_{}", at.shard, at.offset);
    Verdict {
        kind: "monitor.down".into(),
        reason: "missed".into(),
        occurred_ms: deadline,
        known_ms: at.append_ms,
        offset: at.offset,
        expected_ms: Some(deadline - 1_000),
        deadline_ms: Some(deadline),
        incident: Some(id.clone()),
        channels: 0,
        id,
        ..of.clone()
    }
}
