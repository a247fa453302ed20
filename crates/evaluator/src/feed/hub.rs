//! Which attempts may be made now, and who makes them.

use domain::delivery::Delivery;
use domain::ids::{DeliveryId, ShardId};
use domain::planted;
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A delivery of a shard.
pub type OfferKey = (ShardId, DeliveryId);

/// An attempt that a worker is to make.
#[derive(Clone, Debug)]
pub struct Assigned {
    pub shard: ShardId,
    pub delivery: Delivery,
    pub attempt: u32,
}

#[derive(Debug)]
struct Entry {
    delivery: Delivery,
    attempt: u32,
    /// The worker that has it, and until when.
    taken: Option<(u64, Instant)>,
}

#[derive(Default)]
struct Inner {
    entries: BTreeMap<OfferKey, Entry>,
    /// Keys nobody has taken, oldest first. May hold keys that are gone.
    free: VecDeque<OfferKey>,
    workers: u64,
}

/// The attempts on offer in this process.
pub struct FeedHub {
    inner: Mutex<Inner>,
    news: Notify,
    lease: Duration,
}

impl FeedHub {
    /// A hub whose offers are given again after `lease`.
    pub fn new(lease: Duration) -> Self {
        Self { inner: Mutex::default(), news: Notify::new(), lease }
    }

    /// How long a worker has for an attempt.
    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// Puts an attempt on offer.
    pub fn offer(&self, shard: ShardId, delivery: Delivery, attempt: u32) {
        let key = (shard, delivery.id);
        let mut inner = self.inner.lock();
        inner.entries.insert(key, Entry { delivery, attempt, taken: None });
        inner.free.push_back(key);
        drop(inner);
        self.news.notify_waiters();
    }

    /// Takes a delivery off offer.
    pub fn withdraw(&self, shard: ShardId, delivery: DeliveryId) {
        self.inner.lock().entries.remove(&(shard, delivery));
    }

    /// Takes everything of a shard off offer: its next owner offers it.
    pub fn forget(&self, shard: ShardId) {
        self.inner.lock().entries.retain(|(of, _), _| *of != shard);
    }

    /// A number for a new worker.
    pub fn enter(&self) -> u64 {
        let mut inner = self.inner.lock();
        inner.workers += 1;
        inner.workers
    }

    /// Frees what a worker had.
    pub fn leave(&self, worker: u64) {
        let mut inner = self.inner.lock();
        let Inner { entries, free, .. } = &mut *inner;
        for (key, entry) in entries
            .iter_mut()
            .filter(|(_, entry)| entry.taken.is_some_and(|(by, _)| planted!("lease-never-ends", by == worker, false)))
        {
            entry.taken = None;
            free.push_back(*key);
        }
        drop(inner);
        self.news.notify_waiters();
    }

    /// The next attempt for `worker`; waits until there is one.
    pub async fn take(&self, worker: u64) -> Assigned {
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            if let Some(assigned) = self.try_take(worker) {
                return assigned;
            }
            news.await;
        }
    }

    /// Frees attempts whose lease has run out, until `stopping`.
    pub async fn sweep(self: Arc<Self>, stopping: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(Duration::from_secs(1)) => self.free_overdue(),
            }
        }
    }

    fn try_take(&self, worker: u64) -> Option<Assigned> {
        let mut inner = self.inner.lock();
        while let Some(key) = inner.free.pop_front() {
            let until = Instant::now() + self.lease;
            if let Some(entry) = inner.entries.get_mut(&key).filter(|entry| entry.taken.is_none()) {
                entry.taken = Some((worker, until));
                return Some(Assigned { shard: key.0, delivery: entry.delivery.clone(), attempt: entry.attempt });
            }
        }
        None
    }

    fn free_overdue(&self) {
        let now = Instant::now();
        let mut inner = self.inner.lock();
        let Inner { entries, free, .. } = &mut *inner;
        let overdue = entries.iter_mut().filter(|(_, entry)| {
            entry.taken.is_some_and(|(_, until)| planted!("lease-never-ends", until <= now, false))
        });
        let freed = overdue.fold(0, |count, (key, entry)| {
            entry.taken = None;
            free.push_back(*key);
            count + 1
        });
        drop(inner);
        if freed > 0 {
            tracing::warn!(freed, "attempts were not answered within their lease and are offered again");
            self.news.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::delivery::DeliveryState;
    use domain::ids::{ChannelId, MonitorId, TenantId};

    fn delivery(n: u8) -> Delivery {
        Delivery {
            id: DeliveryId([n; 16]),
            tenant: TenantId(1),
            monitor: MonitorId(1),
            channel: ChannelId(1),
            transitions: vec![],
            state: DeliveryState::Offered,
            attempts: 1,
            created_ms: 0,
            changed_ms: 0,
            due_ms: 0,
            error: String::new(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_is_given_to_one_worker_and_again_after_its_lease() {
        let hub = Arc::new(FeedHub::new(Duration::from_secs(30)));
        let stopping = CancellationToken::new();
        tokio::spawn(Arc::clone(&hub).sweep(stopping.clone()));
        hub.offer(ShardId(0), delivery(1), 1);
        let (a, b) = (hub.enter(), hub.enter());
        assert_eq!(hub.take(a).await.delivery.id, DeliveryId([1; 16]));
        assert!(hub.try_take(b).is_none());
        let before = Instant::now();
        assert_eq!(hub.take(b).await.attempt, 1);
        assert!(before.elapsed() >= Duration::from_secs(29));
        stopping.cancel();
    }

    #[tokio::test]
    async fn a_worker_that_leaves_frees_what_it_had() {
        let hub = FeedHub::new(Duration::from_secs(30));
        hub.offer(ShardId(0), delivery(1), 1);
        let (a, b) = (hub.enter(), hub.enter());
        hub.take(a).await;
        hub.leave(a);
        assert_eq!(hub.take(b).await.delivery.id, DeliveryId([1; 16]));
    }

    #[tokio::test]
    async fn what_is_withdrawn_is_offered_no_more() {
        let hub = FeedHub::new(Duration::from_secs(30));
        hub.offer(ShardId(0), delivery(1), 1);
        hub.withdraw(ShardId(0), DeliveryId([1; 16]));
        assert!(hub.try_take(hub.enter()).is_none());
    }
}
