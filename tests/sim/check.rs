//! The promises (I1 to I12 of docs/architecture.md), each as a question to the facts of a run.

mod deliveries;
mod engine;
mod truth;

use crate::facts::Facts;
use std::fmt;

/// Which promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// I1: same log, same state, transitions and ids.
    Determinism,
    /// I2 to I5 and I9: what was concluded is what the log implies.
    Verdicts,
    /// I4: an acknowledged ping that was received in time is never `missed`.
    AckedCounts,
    /// I6: two owners write the same bytes.
    ZombieSafe,
    /// I7: each delivery ends once, in order, under one id.
    Delivery,
    /// I3 and I7: whoever is to be told is told.
    NoLostAlert,
    /// I8: a bad record is skipped and its shard goes on.
    PoisonStays,
    /// I10: acknowledged is in the log.
    AckedDurable,
    /// All is well ten minutes after everything works again.
    Converges,
}

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    pub promise: Promise,
    /// The monitor concerned, if one is.
    pub slug: Option<String>,
    pub words: String,
}

impl Broken {
    fn of(promise: Promise, words: impl Into<String>) -> Self {
        Self { promise, slug: None, words: words.into() }
    }

    fn by(promise: Promise, slug: &str, words: impl Into<String>) -> Self {
        Self { promise, slug: Some(slug.to_owned()), words: words.into() }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.promise, self.words)
    }
}

/// Every promise that was broken, the most basic first.
pub fn check(facts: &Facts) -> Vec<Broken> {
    let (mut broken, replayed) = (Vec::new(), engine::replay(facts));
    broken.extend(truth::acked_is_in_the_log(facts));
    broken.extend(engine::shards_went_on(facts));
    broken.extend(engine::one_log_one_state(facts, &replayed));
    broken.extend(engine::owners_agree(facts));
    broken.extend(engine::verdicts_are_implied(facts, &replayed));
    broken.extend(truth::acked_is_not_missed(facts));
    broken.extend(deliveries::each_ends_once(facts));
    broken.extend(deliveries::nobody_gives_up_early(facts));
    broken.extend(deliveries::paused_is_not_told(facts));
    broken.extend(deliveries::everybody_is_told(facts));
    broken.extend(deliveries::order_is_kept(facts));
    broken
}
