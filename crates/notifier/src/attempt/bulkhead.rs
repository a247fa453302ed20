//! Places for attempts, so that one endpoint that hangs delays nobody else.
//!
//! Each endpoint runs a few attempts at once and lets a few more wait. The busier the worker, the less one
//! endpoint may hold; what finds no place is answered at once and comes back by the engine's schedule.

use super::Endpoint;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Attempts of one endpoint that run at once.
const RUNNING: usize = 4;
/// The mail relay serves many channels.
const RUNNING_MAIL: usize = 8;
/// The longest wait for a place to run.
const QUEUE_WAIT: Duration = Duration::from_secs(30);

/// No place for this attempt now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Busy;

/// All places of a worker.
pub(super) struct Bulkhead {
    capacity: usize,
    lanes: Mutex<Lanes>,
}

#[derive(Default)]
struct Lanes {
    total: usize,
    by_endpoint: HashMap<Endpoint, Lane>,
}

struct Lane {
    entered: usize,
    running: Arc<Semaphore>,
}

impl Bulkhead {
    /// `capacity` is what the worker takes at once when all goes well.
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self { capacity, lanes: Mutex::default() })
    }

    /// Takes a place in the endpoint's lane; it is given back when dropped.
    pub(super) fn enter(self: &Arc<Self>, endpoint: Endpoint) -> Result<Place, Busy> {
        let mut lanes = self.lanes.lock();
        let held = lanes.by_endpoint.get(&endpoint).map_or(0, |lane| lane.entered);
        if held >= self.room(lanes.total, endpoint) {
            return Err(Busy);
        }
        lanes.total += 1;
        let new_lane = || Lane { entered: 0, running: Arc::new(Semaphore::new(running(endpoint))) };
        let lane = lanes.by_endpoint.entry(endpoint).or_insert_with(new_lane);
        lane.entered += 1;
        Ok(Place { bulkhead: self.clone(), endpoint, running: lane.running.clone() })
    }

    /// How many places one endpoint may hold while `total` are taken.
    fn room(&self, total: usize, endpoint: Endpoint) -> usize {
        let waiting = (self.capacity / 8).clamp(1, 64);
        match total {
            t if t * 2 < self.capacity => running(endpoint) + waiting,
            t if t * 4 < self.capacity * 3 => running(endpoint),
            t if t < self.capacity * 2 => 1,
            _ => 0,
        }
    }

    fn leave(&self, endpoint: Endpoint) {
        let mut lanes = self.lanes.lock();
        lanes.total = lanes.total.saturating_sub(1);
        if let Some(lane) = lanes.by_endpoint.get_mut(&endpoint) {
            lane.entered = lane.entered.saturating_sub(1);
            if lane.entered == 0 {
                lanes.by_endpoint.remove(&endpoint);
            }
        }
    }
}

fn running(endpoint: Endpoint) -> usize {
    if endpoint == Endpoint::MailRelay { RUNNING_MAIL } else { RUNNING }
}

/// A place in the lane of an endpoint.
pub(super) struct Place {
    bulkhead: Arc<Bulkhead>,
    endpoint: Endpoint,
    running: Arc<Semaphore>,
}

impl Place {
    /// Waits, in order of arrival, until the attempt may run.
    pub(super) async fn start(&self) -> Result<OwnedSemaphorePermit, Busy> {
        let permit = tokio::time::timeout(QUEUE_WAIT, self.running.clone().acquire_owned()).await;
        permit.map_err(|_| Busy)?.map_err(|_| Busy)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.bulkhead.leave(self.endpoint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::ChannelId;

    fn fill(bulkhead: &Arc<Bulkhead>, channel: u64, wanted: usize) -> Vec<Place> {
        (0..wanted).filter_map(|_| bulkhead.enter(Endpoint::Channel(ChannelId(channel))).ok()).collect()
    }

    #[test]
    fn one_endpoint_holds_a_part_and_no_more() {
        let bulkhead = Bulkhead::new(64);
        let hung = fill(&bulkhead, 1, 100);
        assert_eq!(hung.len(), RUNNING + 8);
        assert_eq!(fill(&bulkhead, 2, 100).len(), RUNNING + 8);
        drop(hung);
        assert_eq!(bulkhead.lanes.lock().total, 0);
        assert!(bulkhead.lanes.lock().by_endpoint.is_empty());
    }

    #[test]
    fn the_busier_the_worker_the_less_for_each() {
        let bulkhead = Bulkhead::new(64);
        let held: Vec<Vec<Place>> = (1..=200).map(|channel| fill(&bulkhead, channel, 100)).collect();
        let sizes: Vec<usize> = held.iter().map(Vec::len).collect();
        assert_eq!(&sizes[..3], [12, 12, 8]);
        assert_eq!(sizes.iter().sum::<usize>(), 128);
        assert!(sizes.iter().filter(|size| **size == 1).count() > 60);
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_never_runs_is_given_up() {
        let bulkhead = Bulkhead::new(64);
        let places = fill(&bulkhead, 1, 5);
        let mut running = Vec::new();
        for place in &places[..RUNNING] {
            running.push(place.start().await.unwrap());
        }
        assert_eq!(places[RUNNING].start().await.err(), Some(Busy));
        running.pop();
        assert!(places[RUNNING].start().await.is_ok());
    }
}
