//! Whether ingest can do its job now, for `/readyz`.

use crate::core::Core;
use domain::ids::ShardId;
use std::sync::atomic::Ordering;

/// A shard that was not proved to be heard for so long is named.
const SILENT_MS: i64 = 5_000;

/// The answer, and what is wrong in words an operator can act on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    pub ready: bool,
    /// Empty when ready.
    pub missing: Vec<String>,
    /// What somebody should look at although pings that arrive here are taken.
    pub warnings: Vec<String>,
}

impl Readiness {
    /// Ready when nothing is missing.
    pub(crate) fn of(core: &Core) -> Self {
        let (mut missing, mut warnings) = (Vec::new(), Vec::new());
        if !core.booted.load(Ordering::Relaxed) {
            missing.push(String::from("the boot records are not in the log yet"));
        }
        let of_canaries = if core.options.ready_needs_canaries { &mut missing } else { &mut warnings };
        of_canaries.extend(silence(core));
        missing.extend(log_away(core));
        missing.extend(skewed(core));
        Self { ready: missing.is_empty(), missing, warnings }
    }
}

/// Shards for which neither a record nor a canary of ours proved for too long that pings get through.
pub(crate) fn silent_shards(core: &Core) -> impl Iterator<Item = ShardId> {
    let now = core.now();
    core.keys.shards().all().filter(move |shard| now.since(core.hearing.last_proved(*shard)) > SILENT_MS)
}

/// How many shards the log does not take records of.
pub(crate) fn shards_away(core: &Core) -> usize {
    core.keys.shards().all().filter(|shard| core.valves.is_away(*shard)).count()
}

fn silence(core: &Core) -> Option<String> {
    let mut silent = silent_shards(core);
    let first = silent.next()?;
    Some(format!("no ping or canary reaches {} of the shards, the first is {first}", silent.count() + 1))
}

fn log_away(core: &Core) -> Option<String> {
    let away = shards_away(core);
    (away > 0).then(|| format!("the log does not acknowledge records of {away} of the shards"))
}

fn skewed(core: &Core) -> Option<String> {
    let excess_ms = core.skew.excess(core.ms())?;
    let direction = if excess_ms > 0 { "ahead of" } else { "behind" };
    Some(format!("the clock of this machine is {} ms {direction} the log's", excess_ms.unsigned_abs()))
}
