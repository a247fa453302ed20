//! What the log implies against what was concluded.

use super::opinion::{Implied, Opinion};
use domain::ids::MonitorId;
use domain::transition::Transition;
use std::collections::BTreeMap;
use std::fmt;

/// Where a monitor's verdicts part from what the log implies. What follows from it differs as well, so it is the first.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    pub monitor: MonitorId,
    pub slug: String,
    /// The record at which they part.
    pub offset: u64,
    pub implied: Option<Implied>,
    pub concluded: Option<Transition>,
}

/// The first difference of each monitor, among records of `from..end`. `concluded` are all transitions of the shard
/// that were closed there, in the order in which each monitor's were made.
pub fn differences(opinion: &Opinion, concluded: &[Transition], from: u64, end: u64) -> Vec<Difference> {
    let mut pairs: BTreeMap<MonitorId, (Vec<&Implied>, Vec<&Transition>)> = BTreeMap::new();
    for implied in opinion.implied.iter().filter(|one| (from..end).contains(&one.offset)) {
        pairs.entry(implied.monitor).or_default().0.push(implied);
    }
    for transition in concluded.iter().filter(|one| (from..end).contains(&one.offset)) {
        pairs.entry(transition.monitor).or_default().1.push(transition);
    }
    let parted = pairs.into_iter().filter_map(|(monitor, (mut implied, mut concluded))| {
        // One record may close several deadlines; a store does not keep which came first.
        implied.sort_by_key(|one| (one.offset, one.occurred_ms, one.kind, one.reason));
        concluded.sort_by_key(|one| (one.offset, one.occurred_ms, one.kind, one.reason));
        let longest = implied.len().max(concluded.len());
        let place = (0..longest).find(|place| !agree(implied.get(*place), concluded.get(*place)))?;
        let (implied, concluded) = (implied.get(place).copied(), concluded.get(place).copied());
        let offsets = [implied.map(|one| one.offset), concluded.map(|one| one.offset)];
        let offset = offsets.into_iter().flatten().min().unwrap_or(end);
        let slug = opinion.slug(monitor).to_owned();
        Some(Difference { monitor, slug, offset, implied: implied.cloned(), concluded: concluded.cloned() })
    });
    parted.collect()
}

fn agree(implied: Option<&&Implied>, concluded: Option<&&Transition>) -> bool {
    let (Some(implied), Some(concluded)) = (implied, concluded) else { return false };
    let same_event = (implied.kind, implied.reason, implied.to) == (concluded.kind, concluded.reason, concluded.to);
    let same_time = (implied.offset, implied.occurred_ms) == (concluded.offset, concluded.occurred_ms);
    same_event && same_time && implied.deadline_ms == concluded.deadline_ms
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (offset {}): the log implies ", self.slug, self.offset)?;
        match &self.implied {
            Some(one) => write!(f, "{} {} at {}", one.kind, one.reason, domain::time::UnixMs(one.occurred_ms))?,
            None => f.write_str("nothing more")?,
        }
        match &self.concluded {
            Some(one) => {
                let (at, id) = (domain::time::UnixMs(one.occurred_ms), one.id);
                write!(f, "; concluded was {} {} at {at}, offset {} ({id})", one.kind, one.reason, one.offset)
            }
            None => f.write_str("; nothing was concluded"),
        }
    }
}
