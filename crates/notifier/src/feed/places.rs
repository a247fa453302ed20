//! Places for attempts, shared by all evaluators: so many attempts at once are made here, whoever offers them.
//!
//! An evaluator with many offers may hold all places but a few that are kept for each of the others, and whoever waits
//! for a free one gets it in turn.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// All places of a worker.
pub(super) struct Places {
    capacity: usize,
    free: Arc<Semaphore>,
    /// Evaluators that may want some.
    lanes: AtomicUsize,
}

impl Places {
    /// `capacity` is at least 1.
    pub(super) fn new(capacity: u32) -> Arc<Self> {
        let capacity = (capacity.max(1) as usize).min(Semaphore::MAX_PERMITS);
        Arc::new(Self { capacity, free: Arc::new(Semaphore::new(capacity)), lanes: AtomicUsize::new(0) })
    }

    /// How many unanswered offers one of `links` evaluators may send. Together they may send twice of what is worked
    /// on at once: few have much to offer at the same time, and what waits is still worked on within its lease.
    pub(super) fn share(&self, links: usize) -> u32 {
        let share = (self.capacity * 2 / links.max(1)).clamp(1, self.capacity);
        u32::try_from(share).unwrap_or(u32::MAX)
    }

    /// The door of one evaluator.
    pub(super) fn lane(self: &Arc<Self>) -> Lane {
        self.lanes.fetch_add(1, Ordering::SeqCst);
        Lane { places: self.clone(), held: watch::Sender::new(0) }
    }

    /// Waits until no attempt is under way.
    pub(super) async fn idle(&self) {
        let all = u32::try_from(self.capacity).unwrap_or(u32::MAX);
        let _all = self.free.acquire_many(all).await;
    }

    /// How many places one lane may hold now.
    fn most(&self) -> usize {
        let lanes = self.lanes.load(Ordering::SeqCst).max(1);
        let kept = (self.capacity / (2 * lanes)).max(1);
        self.capacity.saturating_sub(kept * (lanes - 1)).max(1)
    }
}

/// One evaluator's way to places.
pub(super) struct Lane {
    places: Arc<Places>,
    held: watch::Sender<usize>,
}

impl Lane {
    /// A place; waits for one. Only one caller at a time.
    pub(super) async fn take(&self) -> Place {
        // What may be held changes with the number of lanes; it is looked at again when a place of this lane is freed.
        let _ = self.held.subscribe().wait_for(|held| *held < self.places.most()).await;
        let free = self.places.free.clone().acquire_owned().await.ok();
        self.held.send_modify(|held| *held += 1);
        Place { _free: free, held: self.held.clone() }
    }

    /// Waits until no attempt of this lane is under way.
    pub(super) async fn idle(&self) {
        let _ = self.held.subscribe().wait_for(|held| *held == 0).await;
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.places.lanes.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A place for one attempt, given back when dropped, also after its lane.
pub(super) struct Place {
    /// Always there: the semaphore is never closed.
    _free: Option<OwnedSemaphorePermit>,
    held: watch::Sender<usize>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.held.send_modify(|held| *held = held.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    async fn fill(lane: &Lane) -> Vec<Place> {
        let mut taken = Vec::new();
        while let Ok(place) = tokio::time::timeout(Duration::from_secs(1), lane.take()).await {
            taken.push(place);
        }
        taken
    }

    #[tokio::test(start_paused = true)]
    async fn one_lane_may_hold_all_and_several_no_more_than_that() {
        for (capacity, lanes) in [(1, 1), (64, 1), (64, 2), (64, 3), (4, 2), (4, 10), (1, 3)] {
            let places = Places::new(capacity);
            let lanes: Vec<Lane> = (0..lanes).map(|_| places.lane()).collect();
            let mut held = Vec::new();
            for lane in &lanes {
                held.push(fill(lane).await);
            }
            let sizes: Vec<usize> = held.iter().map(Vec::len).collect();
            assert_eq!(sizes.iter().sum::<usize>(), capacity as usize, "{sizes:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_greedy_lane_leaves_some_for_each_of_the_others() {
        let places = Places::new(64);
        let lanes = [places.lane(), places.lane(), places.lane()];
        let greedy = fill(&lanes[0]).await;
        assert_eq!(greedy.len(), 44);
        for lane in &lanes[1..] {
            assert_eq!(fill(lane).await.len(), 20, "twice ten are kept for the others");
        }
        drop(lanes[1..].iter());
        drop(greedy);
        lanes[0].idle().await;
        places.idle().await;
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_a_place_in_turn() {
        let places = Places::new(2);
        let (busy, other) = (places.lane(), places.lane());
        let held = (busy.take().await, other.take().await);
        let next = |lane: Lane| tokio::spawn(async move { lane.take().await });
        let (first, second) = (next(busy), next(other));
        tokio::task::yield_now().await;
        assert!(!first.is_finished() && !second.is_finished());
        drop(held.0);
        let taken = first.await.unwrap();
        assert!(!second.is_finished());
        drop((held.1, taken));
        second.await.unwrap();
    }

    #[test]
    fn a_share_is_twice_the_fair_one() {
        let places = Places::new(64);
        assert_eq!([0, 1, 2, 3, 8, 64, 1_000].map(|links| places.share(links)), [64, 64, 64, 42, 16, 2, 1]);
        assert_eq!(Places::new(0).share(9), 1);
    }
}
