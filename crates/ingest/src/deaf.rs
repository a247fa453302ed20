//! What this process did not hear, and what it did: the two facts a silence is judged by.
//!
//! Each answer 503, each time-out and each ping that was shed makes its shard deaf from the first such ping
//! to the last, until the log has taken a record that says so (rule 4 of time). Kept as plain words per
//! shard; `confess` reports them, and so notices when appends work again.
//!
//! Behind a balancer a canary of ours may land at another node. Then the way through the public URL is proved
//! all the same, so both times are kept: what was appended here, and what was carried there.

use domain::ids::{ShardCount, ShardId};
use domain::time::UnixMs;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// How much later a heard record must be to be noted, in milliseconds: an atomic store per ping is not free.
const GRAIN_MS: i64 = 50;

/// A stretch of this process's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub from: UnixMs,
    pub to: UnixMs,
}

/// What is known of all shards.
pub(crate) struct Hearing {
    shards: Box<[Shard]>,
}

#[derive(Default)]
struct Shard {
    heard_ms: AtomicI64,
    carried_ms: AtomicI64,
    is_deaf: AtomicBool,
    unreported: Mutex<Option<Span>>,
}

impl Hearing {
    /// Nothing heard, nothing missed.
    pub(crate) fn new(shards: ShardCount) -> Self {
        Self { shards: shards.all().map(|_| Shard::default()).collect() }
    }

    /// The log acknowledged a record of this shard that was received at `received`.
    pub(crate) fn heard(&self, shard: ShardId, received: UnixMs) {
        if let Some(shard) = self.get(shard)
            && received.0 > shard.heard_ms.load(Ordering::Relaxed) + GRAIN_MS
        {
            shard.heard_ms.fetch_max(received.0, Ordering::Relaxed);
        }
    }

    /// A canary of ours, sent at `sent`, was answered through the public URL, wherever it landed.
    pub(crate) fn carried(&self, shard: ShardId, sent: UnixMs) {
        if let Some(shard) = self.get(shard) {
            shard.carried_ms.fetch_max(sent.0, Ordering::Relaxed);
        }
    }

    /// When the last record the log acknowledged was received. The epoch: never.
    pub(crate) fn last_heard(&self, shard: ShardId) -> UnixMs {
        UnixMs(self.get(shard).map_or(0, |shard| shard.heard_ms.load(Ordering::Relaxed)))
    }

    /// When it was last proved that pings of this shard get through: by a record of ours or by a canary of ours.
    pub(crate) fn last_proved(&self, shard: ShardId) -> UnixMs {
        let carried = UnixMs(self.get(shard).map_or(0, |shard| shard.carried_ms.load(Ordering::Relaxed)));
        self.last_heard(shard).max(carried)
    }

    /// A clock that was set back would make "proved at" a time to come: then it starts over from `now`.
    pub(crate) fn clamp_to(&self, now: UnixMs) {
        for shard in &self.shards {
            shard.heard_ms.fetch_min(now.0, Ordering::Relaxed);
            shard.carried_ms.fetch_min(now.0, Ordering::Relaxed);
        }
    }

    /// A ping received at `from` was not taken, and that was known at `to`.
    pub(crate) fn missed(&self, shard: ShardId, from: UnixMs, to: UnixMs) {
        let Some(shard) = self.get(shard) else { return };
        let mut span = shard.unreported.lock();
        let (from, to) = (from.min(to), to.max(from));
        *span = Some(span.map_or(Span { from, to }, |known| Span { from: known.from.min(from), to: known.to.max(to) }));
        shard.is_deaf.store(true, Ordering::Relaxed);
    }

    /// Nobody could reach this process between two instants.
    pub(crate) fn missed_everywhere(&self, from: UnixMs, to: UnixMs) {
        (0..self.shards.len()).for_each(|shard| self.missed(ShardId(shard as u16), from, to));
    }

    /// What of this shard the log does not know yet.
    pub(crate) fn unreported(&self, shard: ShardId) -> Option<Span> {
        let shard = self.get(shard).filter(|shard| shard.is_deaf.load(Ordering::Relaxed))?;
        *shard.unreported.lock()
    }

    /// The log has `reported`. What was missed since stays, from the end of the report on.
    pub(crate) fn reported(&self, shard: ShardId, reported: Span) {
        let Some(shard) = self.get(shard) else { return };
        let mut span = shard.unreported.lock();
        *span = span.and_then(|known| known.without(reported));
        shard.is_deaf.store(span.is_some(), Ordering::Relaxed);
    }

    fn get(&self, shard: ShardId) -> Option<&Shard> {
        self.shards.get(usize::from(shard.0))
    }
}

impl Span {
    /// What is left of this span once the log knows `reported`, which began as a part of it.
    fn without(self, reported: Self) -> Option<Self> {
        let early = (self.from < reported.from).then_some(self);
        let late = (self.to > reported.to).then_some(Self { from: reported.to, to: self.to });
        early.or(late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: ShardId = ShardId(1);

    fn hearing() -> Hearing {
        Hearing::new(ShardCount::new(4).unwrap())
    }

    fn span(from: i64, to: i64) -> Span {
        Span { from: UnixMs(from), to: UnixMs(to) }
    }

    #[test]
    fn missed_pings_make_one_span_until_it_is_reported() {
        let hearing = hearing();
        hearing.missed(S, UnixMs(10), UnixMs(20));
        hearing.missed(S, UnixMs(5), UnixMs(30));
        assert_eq!(hearing.unreported(S), Some(span(5, 30)));
        assert_eq!(hearing.unreported(ShardId(0)), None);
        hearing.reported(S, span(5, 30));
        assert_eq!(hearing.unreported(S), None);
    }

    #[test]
    fn what_is_missed_during_a_report_is_kept() {
        let hearing = hearing();
        hearing.missed(S, UnixMs(5), UnixMs(30));
        hearing.missed(S, UnixMs(28), UnixMs(40));
        hearing.reported(S, span(5, 30));
        assert_eq!(hearing.unreported(S), Some(span(30, 40)));
        hearing.missed(S, UnixMs(2), UnixMs(3));
        hearing.reported(S, span(30, 40));
        assert_eq!(hearing.unreported(S), Some(span(2, 40)));
    }

    #[test]
    fn an_unreachable_process_is_deaf_on_every_shard() {
        let hearing = hearing();
        hearing.missed_everywhere(UnixMs(1), UnixMs(2));
        assert!(ShardCount::new(4).unwrap().all().all(|shard| hearing.unreported(shard) == Some(span(1, 2))));
    }

    #[test]
    fn hearing_moves_forward_and_starts_over_when_the_clock_steps_back() {
        let hearing = hearing();
        hearing.heard(S, UnixMs(10_000));
        hearing.heard(S, UnixMs(9_000));
        assert_eq!(hearing.last_heard(S), UnixMs(10_000));
        hearing.clamp_to(UnixMs(5_000));
        assert_eq!(hearing.last_heard(S), UnixMs(5_000));
    }

    #[test]
    fn a_shard_is_proved_by_a_record_or_by_a_canary_wherever_it_landed() {
        let hearing = hearing();
        assert_eq!(hearing.last_proved(S), UnixMs(0));
        hearing.heard(S, UnixMs(10_000));
        hearing.carried(S, UnixMs(9_000));
        assert_eq!(hearing.last_proved(S), UnixMs(10_000));
        hearing.carried(S, UnixMs(11_000));
        assert_eq!((hearing.last_proved(S), hearing.last_heard(S)), (UnixMs(11_000), UnixMs(10_000)));
        assert_eq!(hearing.last_proved(ShardId(0)), UnixMs(0));
        hearing.clamp_to(UnixMs(5_000));
        assert_eq!(hearing.last_proved(S), UnixMs(5_000));
    }
}
