//! What the shards did against what their logs imply.

use super::{Broken, Promise};
use crate::facts::{Facts, state_hash};
use auditor::model::{Opinion, differences};
use domain::engine::Engine;
use domain::engine::effects::Effect;
use domain::ids::ShardId;
use domain::record::{Params, Record};
use domain::transition::Transition;

/// The engine alone over a whole log.
fn replayed(shard: usize, records: &[Record]) -> (Engine, Vec<Transition>) {
    let mut engine = Engine::new(ShardId(shard as u16), Params::EMBEDDED);
    let (mut effects, mut transitions) = (Vec::new(), Vec::new());
    for record in records {
        engine.apply(record, &mut effects);
        transitions.extend(effects.drain(..).filter_map(|effect| match effect {
            Effect::Transition(transition) => Some(*transition),
            _ => None,
        }));
    }
    (engine, transitions)
}

/// I1: whatever was stored by whoever, after however many restarts, is what one engine says about the log.
pub fn one_log_one_state(facts: &Facts) -> Vec<Broken> {
    let mut broken = Vec::new();
    let mut expected = 0;
    for (shard, records) in facts.records.iter().enumerate() {
        let (engine, transitions) = replayed(shard, records);
        expected += transitions.len();
        for transition in &transitions {
            match facts.transitions.get(&transition.id) {
                Some(stored) if stored == transition => {}
                Some(stored) => {
                    let words = format!("{} was stored as {stored:?}, the log gives {transition:?}", transition.id);
                    broken.push(Broken::by(Promise::Determinism, &transition.identity.slug, words));
                }
                None => {
                    let (kind, reason) = (transition.kind, transition.reason);
                    let words =
                        format!("{} {kind} {reason} (offset {}) was never stored", transition.id, transition.offset);
                    broken.push(Broken::by(Promise::NoLostAlert, &transition.identity.slug, words));
                }
            }
        }
        match &facts.recovered[shard] {
            Ok(hash) if *hash == state_hash(&engine) => {}
            Ok(_) => {
                let words = format!("shard {shard}: snapshot and log give another state than the log alone");
                broken.push(Broken::of(Promise::Determinism, words));
            }
            Err(error) => broken.push(Broken::of(Promise::Converges, format!("shard {shard}: {error}"))),
        }
    }
    if facts.transitions.len() > expected {
        let words = format!("{} transitions are stored, the logs give {expected}", facts.transitions.len());
        broken.push(Broken::of(Promise::Determinism, words));
    }
    broken
}

/// I2 to I5, I9: a second opinion.
pub fn verdicts_are_implied(facts: &Facts) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (shard, records) in facts.records.iter().enumerate() {
        let (_, transitions) = replayed(shard, records);
        let mut opinion = Opinion::new(Params::EMBEDDED);
        let mut named = transitions.iter().peekable();
        for record in records {
            while let Some(one) = named.next_if(|one| one.offset < record.offset) {
                opinion.name(one.id, one.monitor, one.offset);
            }
            opinion.read(record);
        }
        let stored: Vec<Transition> = facts.transitions.values().filter(|one| is_of(one, shard)).cloned().collect();
        let end = records.last().map_or(0, |record| record.offset + 1);
        let found = differences(&opinion, &stored, 0, end);
        broken.extend(found.iter().map(|one| Broken::by(Promise::Verdicts, &one.slug, one.to_string())));
    }
    broken
}

fn is_of(transition: &Transition, shard: usize) -> bool {
    let shards = domain::ids::ShardCount::new(crate::plan::SHARDS).expect("shards");
    usize::from(shards.shard_of(transition.monitor).0) == shard
}

/// I6.
pub fn owners_agree(facts: &Facts) -> Vec<Broken> {
    facts.conflicts.iter().map(|words| Broken::of(Promise::ZombieSafe, words.clone())).collect()
}

/// I8, and that all is well in the end.
pub fn shards_went_on(facts: &Facts) -> Vec<Broken> {
    let promise = if facts.poison > 0 { Promise::PoisonStays } else { Promise::Converges };
    let missing = facts.missing.iter().map(|words| Broken::of(promise, words.clone()));
    let open = facts.open.iter().map(|words| Broken::of(Promise::Converges, format!("never ended: {words}")));
    missing.chain(open).collect()
}
