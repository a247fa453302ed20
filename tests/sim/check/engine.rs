//! What the shards did against what their logs imply.

use super::{Broken, Promise};
use crate::facts::Facts;
use crate::world::shard_of;
use auditor::model::{Opinion, differences};
use domain::engine::Engine;
use domain::engine::effects::Effect;
use domain::ids::ShardId;
use domain::record::{Params, Record};
use domain::transition::Transition;
use evaluator::Digest;

/// What one engine says about a shard's whole log, without anybody's snapshots or restarts.
pub struct Replayed {
    digest: Digest,
    transitions: Vec<Transition>,
}

/// Every shard's.
pub fn replay(facts: &Facts) -> Vec<Replayed> {
    facts.records.iter().enumerate().map(|(shard, records)| Replayed::of(shard, records)).collect()
}

impl Replayed {
    fn of(shard: usize, records: &[Record]) -> Self {
        let mut engine = Engine::new(ShardId(shard as u16), Params::EMBEDDED);
        let (mut effects, mut transitions) = (Vec::new(), Vec::new());
        for record in records {
            engine.apply(record, &mut effects);
            transitions.extend(effects.drain(..).filter_map(|effect| match effect {
                Effect::Transition(transition) => Some(*transition),
                _ => None,
            }));
        }
        Self { digest: Digest::of(&engine), transitions }
    }
}

/// I1: whatever was stored by whoever, after however many restarts, is what one engine says about the log.
pub fn one_log_one_state(facts: &Facts, replayed: &[Replayed]) -> Vec<Broken> {
    let mut broken: Vec<Broken> = replayed.iter().flat_map(|shard| not_stored_so(facts, &shard.transitions)).collect();
    for (shard, (recovered, alone)) in facts.recovered.iter().zip(replayed).enumerate() {
        match recovered {
            Ok(digest) if *digest == alone.digest => {}
            Ok(digest) => {
                let parts = digest.differences(&alone.digest).join("; ");
                let words = format!("shard {shard}: snapshot and log give another state than the log alone: {parts}");
                broken.push(Broken::of(Promise::Determinism, words));
            }
            Err(error) => broken.push(Broken::of(Promise::Converges, format!("shard {shard}: {error}"))),
        }
    }
    let expected: usize = replayed.iter().map(|shard| shard.transitions.len()).sum();
    if facts.transitions.len() > expected {
        let words = format!("{} transitions are stored, the logs give {expected}", facts.transitions.len());
        broken.push(Broken::of(Promise::Determinism, words));
    }
    broken
}

fn not_stored_so(facts: &Facts, transitions: &[Transition]) -> Vec<Broken> {
    let differ = transitions.iter().filter(|one| facts.transitions.get(&one.id) != Some(one));
    let broken = differ.map(|one| {
        let (promise, words) = match facts.transitions.get(&one.id) {
            Some(stored) => {
                (Promise::Determinism, format!("{} was stored as {stored:?}, the log gives {one:?}", one.id))
            }
            None => {
                let (kind, reason, offset) = (one.kind, one.reason, one.offset);
                (Promise::NoLostAlert, format!("{} {kind} {reason} (offset {offset}) was never stored", one.id))
            }
        };
        Broken::by(promise, &one.identity.slug, words)
    });
    broken.collect()
}

/// I2 to I5, I9: a second opinion.
pub fn verdicts_are_implied(facts: &Facts, replayed: &[Replayed]) -> Vec<Broken> {
    let mut broken = Vec::new();
    for (shard, records) in facts.records.iter().enumerate() {
        let mut opinion = Opinion::new(Params::EMBEDDED);
        replayed[shard].transitions.iter().for_each(|one| opinion.name(one));
        records.iter().for_each(|record| opinion.read(record));
        let of_shard = facts.transitions.values().filter(|one| shard_of(one.monitor) == shard);
        let stored: Vec<Transition> = of_shard.cloned().collect();
        let end = records.last().map_or(0, |record| record.offset + 1);
        let found = differences(&opinion, &stored, 0, end);
        broken.extend(found.iter().map(|one| Broken::by(Promise::Verdicts, &one.slug, one.to_string())));
    }
    broken
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
