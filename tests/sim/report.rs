//! A broken promise in words: the seed, the first promise, and what happened to the monitor concerned.

use crate::check::Broken;
use crate::facts::Facts;
use crate::plan::Plan;
use crate::world::shard_of;
use auditor::timeline::{Asked, When, timeline};
use domain::record::Params;
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
        let lines = told(facts, slug);
        let from = lines.len().saturating_sub(LINES);
        for line in &lines[from..] {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

/// What the log says of one monitor, and what was concluded.
fn told(facts: &Facts, slug: &str) -> Vec<String> {
    let Some(known) = facts.transitions.values().find(|one| one.identity.slug == slug) else { return Vec::new() };
    let (monitor, when) = (known.monitor, When::in_zone(&known.zone));
    let lasts = facts.deliveries.iter().filter_map(|states| states.last());
    let deliveries = lasts.filter(|one| one.monitor == monitor).map(|one| one.id).collect();
    let asked = Asked { monitor, from: 0, end: u64::MAX, deliveries };
    let events = timeline(&facts.records[shard_of(monitor)], asked, Params::EMBEDDED);
    let mut lines: Vec<(u64, bool, String)> =
        events.iter().map(|event| (event.offset, false, event.line(&when))).collect();
    for one in facts.transitions.values().filter(|one| one.monitor == monitor) {
        let (kind, reason, at) = (one.kind, one.reason, when.at(one.occurred_ms));
        lines.push((one.offset, true, format!("{:>7} => {kind} {reason} at {at} ({})", one.offset, one.id)));
    }
    lines.sort_by_key(|(offset, is_concluded, _)| (*offset, *is_concluded));
    lines.into_iter().map(|(.., line)| line).collect()
}
