//! Equal successes of a monitor that is over its rate share one record: all are answered by its
//! acknowledgement, and none before it. Starts, failures, exit statuses and pings that carry anything are
//! never coalesced.

use crate::core::Unacknowledged;
use domain::ids::MonitorId;
use domain::time::UnixMs;
use futures::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use std::collections::HashMap;

/// How long a record may stand for equal pings that come after it, in milliseconds.
const WINDOW_MS: i64 = 1_000;
/// Monitors over their rate that are kept in mind; more are appended one by one.
const MAX_MONITORS: usize = 8_192;

/// The word of the log on one record, for all who share it.
pub(crate) type SharedAck = Shared<BoxFuture<'static, Result<(), Unacknowledged>>>;

struct Leader {
    received: UnixMs,
    ack: SharedAck,
}

/// The records that stand for others.
#[derive(Default)]
pub(crate) struct Coalescer(Mutex<HashMap<Likeness, Leader>>);

/// What makes plain successes equal: their monitor, and whether they were posted, since a monitor may ignore
/// what was not.
pub(crate) type Likeness = (MonitorId, bool);

impl Coalescer {
    /// The acknowledgement of an equal ping received within the last second, if there is one that is not
    /// known to have failed; otherwise `lead` appends, and its acknowledgement is shared from now on.
    pub(crate) fn join_or_lead(
        &self,
        likeness: Likeness,
        now: UnixMs,
        lead: impl FnOnce() -> SharedAck,
    ) -> (SharedAck, bool) {
        let mut leaders = self.0.lock();
        if let Some(leader) = leaders.get(&likeness).filter(|leader| leader.stands_for(now)) {
            return (leader.ack.clone(), true);
        }
        let ack = lead();
        if leaders.len() >= MAX_MONITORS {
            leaders.retain(|_, leader| leader.stands_for(now));
        }
        if leaders.len() < MAX_MONITORS {
            leaders.insert(likeness, Leader { received: now, ack: ack.clone() });
        }
        (ack, false)
    }
}

impl Leader {
    fn stands_for(&self, now: UnixMs) -> bool {
        (0..=WINDOW_MS).contains(&now.since(self.received)) && !matches!(self.ack.peek(), Some(Err(_)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    const M: Likeness = (MonitorId(3), false);

    fn acked(result: Result<(), Unacknowledged>) -> SharedAck {
        async move { result }.boxed().shared()
    }

    #[tokio::test]
    async fn a_second_is_answered_by_the_first_within_the_window() {
        let coalescer = Coalescer::default();
        let now = UnixMs::from_secs(50);
        let (_, joined) = coalescer.join_or_lead(M, now, || acked(Ok(())));
        assert!(!joined);
        let (ack, joined) = coalescer.join_or_lead(M, now.plus_ms(1_000), || unreachable!("the first stands for it"));
        assert!(joined && ack.await.is_ok());
        let (_, joined) = coalescer.join_or_lead(M, now.plus_ms(1_001), || acked(Ok(())));
        assert!(!joined);
    }

    #[tokio::test]
    async fn what_was_posted_is_not_answered_by_what_was_not() {
        let coalescer = Coalescer::default();
        let now = UnixMs::from_secs(50);
        let (_, joined) = coalescer.join_or_lead(M, now, || acked(Ok(())));
        assert!(!joined);
        let (_, joined) = coalescer.join_or_lead((M.0, true), now, || acked(Ok(())));
        assert!(!joined);
    }

    #[tokio::test]
    async fn a_failed_first_stands_for_nobody() {
        let coalescer = Coalescer::default();
        let now = UnixMs::from_secs(50);
        let (first, _) = coalescer.join_or_lead(M, now, || acked(Err(Unacknowledged::Unavailable)));
        assert!(first.await.is_err());
        let (second, joined) = coalescer.join_or_lead(M, now, || acked(Ok(())));
        assert!(!joined && second.await.is_ok());
    }
}
