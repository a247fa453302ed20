//! What the log implies against what was concluded. Per monitor the first difference counts: what follows from it
//! differs as well.

use super::record::record;
use crate::checker::facts::{Command, Entry, Facts, Verdict, What, order};
use crate::checker::violation::{Rule, Violation};
use auditor::model::{Implied, Opinion};
use domain::command::Status;
use domain::ids::MonitorId;
use domain::record::Params;
use std::collections::BTreeMap;

/// Every shard's opinion against its verdicts.
pub fn check(facts: &Facts) -> (Vec<Violation>, Vec<Opinion>) {
    let opinions: Vec<Opinion> = facts.log.iter().map(|entries| opinion(entries)).collect();
    let mut violations = Vec::new();
    for (shard, opinion) in opinions.iter().enumerate() {
        let entries = &facts.log[shard];
        let shard = u16::try_from(shard).expect("few shards");
        // What was concluded after the cut is not implied by the log before it.
        let end = entries.last().map_or(0, |entry| entry.offset + 1);
        let found = facts.verdicts.iter().filter(|verdict| verdict.shard == shard && verdict.offset < end);
        violations.extend(beyond(entries).map(|what| Violation::new(Rule::OtherVerdict, "", what)));
        violations.extend(differences(shard, opinion, found));
    }
    (violations, opinions)
}

fn opinion(entries: &[Entry]) -> Opinion {
    let mut opinion = Opinion::new(Params::EMBEDDED);
    entries.iter().filter_map(record).for_each(|record| opinion.read(&record));
    opinion
}

/// What a policy asks for that the facts do not tell of: nothing can be implied from it.
fn beyond(entries: &[Entry]) -> impl Iterator<Item = String> {
    let configs = entries.iter().filter_map(|entry| match &entry.what {
        What::Command { action: Command::Create(config) | Command::Update { config, .. }, .. } => Some(config),
        _ => None,
    });
    configs.flat_map(|config| config.beyond.iter().map(|what| format!("{}: {what}", config.slug)))
}

fn differences<'a>(shard: u16, opinion: &Opinion, found: impl Iterator<Item = &'a Verdict>) -> Vec<Violation> {
    let mut pairs: BTreeMap<u64, (Vec<&Implied>, Vec<&Verdict>)> = BTreeMap::new();
    for implied in &opinion.implied {
        pairs.entry(implied.monitor.0).or_default().0.push(implied);
    }
    found.for_each(|verdict| pairs.entry(verdict.monitor).or_default().1.push(verdict));
    let compared = pairs.into_iter().filter_map(|(monitor, (mut implied, mut found))| {
        implied.sort_by_key(|one| order(one.offset, one.kind.word(), one.reason.word(), one.deadline_ms));
        found.sort_by_key(|verdict| verdict.order());
        first_difference(shard, opinion, MonitorId(monitor), &implied, &found)
    });
    compared.collect()
}

fn first_difference(
    shard: u16,
    opinion: &Opinion,
    monitor: MonitorId,
    implied: &[&Implied],
    found: &[&Verdict],
) -> Option<Violation> {
    let place = (0..implied.len().max(found.len()))
        .find(|place| !matches!((implied.get(*place), found.get(*place)), (Some(a), Some(b)) if agrees(a, b)))?;
    let (implied, found) = (implied.get(place).copied(), found.get(place).copied());
    let slug = opinion.slug(monitor);
    Some(match (implied, found) {
        (Some(implied), Some(found)) if is_same_event(implied, found) => {
            let words = format!("{} was concluded, and the log implies {}", said(found), meant(implied));
            Violation::new(misplaced(implied, found), slug, words).at(shard, found.offset).at(shard, implied.offset)
        }
        // The earlier one is where they part.
        (Some(implied), found) if found.is_none_or(|found| implied.offset <= found.offset) => {
            let instead = found.map_or_else(|| "nothing more".to_owned(), said);
            let words = format!("the log implies {}, and what was concluded is {instead}", meant(implied));
            Violation::new(absent(implied), slug, words).at(shard, implied.offset)
        }
        (_, Some(found)) => {
            let status = opinion.status_before(monitor, found.offset);
            let instead = implied.map_or_else(|| "nothing more".to_owned(), meant);
            let words =
                format!("{} was concluded of a monitor that was {status:?}; the log implies {instead}", said(found));
            Violation::new(excess(found, status), slug, words).at(shard, found.offset)
        }
        (_, None) => return None,
    })
}

fn agrees(implied: &Implied, found: &Verdict) -> bool {
    is_same_event(implied, found) && implied.offset == found.offset && agree_on_deadline(implied, found)
}

fn agree_on_deadline(implied: &Implied, found: &Verdict) -> bool {
    implied.deadline_ms.is_none() || implied.deadline_ms == found.deadline_ms
}

fn is_same_event(implied: &Implied, found: &Verdict) -> bool {
    implied.kind.word() == found.kind && implied.reason.word() == found.reason
}

/// Before its time it was not proved yet.
fn misplaced(implied: &Implied, found: &Verdict) -> Rule {
    if found.is_missed() && found.offset < implied.offset { Rule::FalseDown } else { Rule::OtherPlace }
}

fn absent(implied: &Implied) -> Rule {
    match (implied.kind.word(), implied.reason.word()) {
        ("monitor.down", _) => Rule::MissingAlert,
        ("monitor.unobserved", _) => Rule::BlindMiss,
        _ => Rule::OtherVerdict,
    }
}

fn excess(found: &Verdict, status: Option<Status>) -> Rule {
    match status {
        Some(Status::Down) if found.is_down() => Rule::DoubleIncident,
        Some(Status::Paused) if found.kind != "monitor.changed" => Rule::PausedAlert,
        _ if found.is_missed() => Rule::FalseDown,
        _ => Rule::OtherVerdict,
    }
}

fn said(found: &Verdict) -> String {
    let Verdict { id, kind, reason, offset, deadline_ms, .. } = found;
    format!("{id} {kind} ({reason}, deadline {deadline_ms:?}) at offset {offset}")
}

fn meant(implied: &Implied) -> String {
    let Implied { kind, reason, offset, deadline_ms, .. } = implied;
    format!("{kind} ({reason}, deadline {deadline_ms:?}) at offset {offset}")
}
