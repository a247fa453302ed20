//! A broken promise in words: the seed, the first promise, and what happened to the monitor concerned.

use crate::check::Broken;
use crate::facts::Facts;
use crate::plan::Plan;
use domain::record::{Body, Record};
use domain::time::UnixMs;
use std::fmt::Write;

/// Lines of a timeline at most.
const LINES: usize = 60;

/// Everything somebody needs to begin with.
pub fn report(plan: &Plan, facts: &Facts, broken: &[Broken]) -> String {
    let mut text = String::new();
    let first = &broken[0];
    let _ = writeln!(text, "seed {}: {first}", plan.seed);
    if broken.len() > 1 {
        let _ = writeln!(text, "  and {} more, the next: {}", broken.len() - 1, broken[1]);
    }
    let _ = writeln!(
        text,
        "  {} min from {}, W {} ms, log {:?}, store {:?}, formats {:?}",
        plan.minutes,
        UnixMs(plan.begin_ms),
        plan.params.w_ms,
        plan.log,
        plan.store,
        plan.formats
    );
    for fault in &plan.faults {
        let at = UnixMs(plan.begin_ms + fault.at_secs as i64 * 1_000);
        let _ = writeln!(text, "  {at} for {} s: {:?}", fault.secs, fault.what);
    }
    if let Some(slug) = &first.slug {
        let lines = timeline(facts, slug);
        let from = lines.len().saturating_sub(LINES);
        for line in &lines[from..] {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

/// The records of one monitor and what was concluded from them.
fn timeline(facts: &Facts, slug: &str) -> Vec<String> {
    let Some(monitor) = facts.transitions.values().find(|one| one.identity.slug == slug).map(|one| one.monitor) else {
        return Vec::new();
    };
    let shards = domain::ids::ShardCount::new(crate::plan::SHARDS).expect("shards");
    let shard = usize::from(shards.shard_of(monitor).0);
    let mut lines: Vec<(u64, String)> = Vec::new();
    for record in &facts.records[shard] {
        if let Some(words) = words(record, monitor) {
            lines.push((record.offset, format!("{:>7} {} {words}", record.offset, UnixMs(record.append.0))));
        }
    }
    for one in facts.transitions.values().filter(|one| one.monitor == monitor) {
        let (kind, reason, at) = (one.kind, one.reason, UnixMs(one.occurred_ms));
        lines.push((one.offset, format!("{:>7} => {kind} {reason} at {at} ({})", one.offset, one.id)));
    }
    lines.sort_by_key(|(offset, line)| (*offset, line.contains("=>")));
    lines.into_iter().map(|(_, line)| line).collect()
}

fn words(record: &Record, monitor: domain::ids::MonitorId) -> Option<String> {
    match &record.body {
        Body::Ping(ping) if ping.monitor == monitor => {
            let late = record.append.0 - record.envelope.received.0;
            Some(format!("{} (received {late} ms before)", ping.kind.word()))
        }
        Body::Command(command) if command.monitor == monitor => Some(format!("{:?}", command.action)),
        Body::Boot => Some("an ingest starts".to_owned()),
        Body::Deaf { from, to } => Some(format!("deaf from {from} to {to}")),
        Body::Params(params) => Some(format!("{params:?}")),
        _ => None,
    }
}
