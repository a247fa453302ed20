//! What there is to know about a run once it is over.

use crate::history::{Arrival, Sent};
use crate::nodes::Shared;
use crate::plan::{Plan, SHARDS};
use domain::delivery::Delivery;
use domain::ids::{ShardId, TransitionId};
use domain::record::Record;
use domain::transition::Transition;
use evaluator::{Digest, replay};
use std::collections::BTreeMap;

/// All of it.
pub struct Facts {
    /// Of each shard: everything that was ever appended and can be read, with its offset.
    pub records: Vec<Vec<Record>>,
    /// How many records nobody can read.
    pub poison: usize,
    pub transitions: BTreeMap<TransitionId, Transition>,
    /// Every state in which each delivery was stored, in order.
    pub deliveries: Vec<Vec<Delivery>>,
    pub sent: Vec<Sent>,
    pub arrivals: Vec<Arrival>,
    pub lines: Vec<String>,
    /// Writes of two owners that differ although their time is the same.
    pub conflicts: Vec<String>,
    /// What evaluators lacked ten minutes after everything worked again.
    pub missing: Vec<String>,
    /// Deliveries that never ended.
    pub open: Vec<String>,
    /// Each shard's state as its snapshot and the log have it.
    pub recovered: Vec<Result<Digest, String>>,
    /// A hash over everything that happened, in order.
    pub trace: [u8; 32],
}

impl Facts {
    pub async fn gather(plan: &Plan, shared: &Shared, missing: Vec<String>, open: Vec<String>) -> Self {
        let mut poison = 0;
        let records: Vec<Vec<Record>> = (0..SHARDS)
            .map(|shard| {
                let raw = shared.log.records(ShardId(shard));
                let read = raw.iter().filter_map(|one| match wire::convert::log::decode_record(&one.payload) {
                    Ok((envelope, body)) => Some(Record { offset: one.offset, append: one.append, envelope, body }),
                    Err(_) => {
                        poison += 1;
                        None
                    }
                });
                read.collect()
            })
            .collect();
        let mut recovered = Vec::new();
        for shard in (0..SHARDS).map(ShardId) {
            let end = records[usize::from(shard.0)].last().map_or(0, |record| record.offset + 1);
            let (log, store) = (shared.log.client("checker"), shared.store.client("checker"));
            let engine = replay(shard, log.as_ref(), store.as_ref(), end).await;
            recovered.push(engine.map(|engine| Digest::of(&engine)).map_err(|error| error.to_string()));
        }
        let history = &shared.history;
        let transitions = shared.store.transitions().into_iter().map(|one| (one.id, one)).collect();
        let mut facts = Self {
            records,
            poison,
            transitions,
            deliveries: states_of(shared),
            sent: history.all_sent(),
            arrivals: history.all_arrivals(),
            lines: history.all_lines(),
            conflicts: shared.store.conflicting_writes().into_iter().filter(|line| counts(line, plan)).collect(),
            missing,
            open,
            recovered,
            trace: [0; 32],
        };
        facts.trace = facts.hash();
        facts
    }

    fn hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        let mut say = |what: &dyn std::fmt::Debug| {
            hasher.update(format!("{what:?}\n").as_bytes());
        };
        self.records.iter().flatten().for_each(|record| say(record));
        self.transitions.values().for_each(|one| say(one));
        self.deliveries.iter().for_each(|one| say(one));
        self.sent.iter().for_each(|one| say(one));
        self.arrivals.iter().for_each(|one| say(one));
        self.lines.iter().for_each(|one| say(one));
        *hasher.finalize().as_bytes()
    }
}

fn states_of(shared: &Shared) -> Vec<Vec<Delivery>> {
    let writes = shared.store.delivery_writes().into_values();
    writes.map(|writes| writes.into_iter().filter(|write| write.stood).map(|write| write.row).collect()).collect()
}

/// How many pings a row of history stands for, and which chunks a manifest names, is each owner's own affair; so is the
/// form of a snapshot while two versions own shards.
fn counts(conflict: &str, plan: &Plan) -> bool {
    let same_form = plan.formats.windows(2).all(|pair| pair[0] == pair[1]);
    let is_free = conflict.starts_with("history") || conflict.starts_with("snapshot_manifest");
    !is_free && (same_form || !conflict.starts_with("snapshot"))
}
