//! What may happen to a question or a write, and what happens to this one.

use super::versions::MAX_AGE;
use crate::log::dice::{between, happens};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;

/// What may happen to what a client asks. Probabilities are from 0 to 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StoreFaults {
    /// How long an answer takes, from and to. A write is applied halfway.
    pub delay_ms: (u64, u64),
    /// Refused, and not applied.
    pub busy: f64,
    /// A write is applied, and reported as busy.
    pub unknown: f64,
    /// A step or snapshot is applied in part, and reported as busy: each row or not, some of the chunks and no
    /// manifest.
    pub torn: f64,
    /// A read answers from before the last few writes of that row or list. Of monitors, statuses, history,
    /// transitions, deliveries, shard owners and single channels; never of what would break a promise: a tenant's
    /// cursor, keys, names, revocations, chunks.
    pub stale_read: f64,
    /// As `stale_read`, of a snapshot's manifest. Against the contract.
    pub stale_manifest: f64,
    /// As `stale_read`, of a shard owner's own question for a transition with open deliveries. Against the contract:
    /// a written step is readable.
    pub stale_outbox: f64,
}

/// What kind of thing is asked for, as far as it may be stale.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Never,
    Row,
    Manifest,
    Outbox,
}

/// What happens to a call.
pub(super) struct Fate {
    pub delay: Duration,
    pub busy: bool,
    pub unknown: bool,
    /// Says of each part whether it is applied.
    pub torn: Option<StdRng>,
}

impl StoreFaults {
    pub(super) fn draw(&self, dice: &mut StdRng) -> Fate {
        let delay = Duration::from_millis(between(dice, self.delay_ms));
        let (busy, unknown) = (happens(dice, self.busy), happens(dice, self.unknown));
        let torn = happens(dice, self.torn).then(|| StdRng::seed_from_u64(dice.random()));
        Fate { delay, busy, unknown, torn }
    }

    /// How many writes back an answer looks; 0: none.
    pub(super) fn draw_age(&self, kind: Kind, dice: &mut StdRng) -> usize {
        let probability = match kind {
            Kind::Never => 0.0,
            Kind::Row => self.stale_read,
            Kind::Manifest => self.stale_manifest,
            Kind::Outbox => self.stale_outbox,
        };
        if happens(dice, probability) { dice.random_range(1..=MAX_AGE) } else { 0 }
    }
}
