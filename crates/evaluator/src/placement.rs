//! Does what placement says: starts a worker for each shard that is gained, ends those of shards that are lost.
//!
//! A shard that cannot be recovered is tried again and again, loudly; the others go on.

use crate::feed::FeedHub;
use crate::shard::Shards;
use crate::shard::worker::Worker;
use crate::{EvaluatorDeps, EvaluatorOptions, metric};
use domain::ids::ShardId;
use eventlog::placement::{Placement, PlacementChange};
use futures::future::join_all;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Shards recovered at once: snapshots are large, and the store is shared.
const RECOVERING_AT_ONCE: usize = 8;
/// How long a shard that could not be recovered waits at first, and at most.
const RETRY_FIRST: Duration = Duration::from_millis(500);
const RETRY_MAX: Duration = Duration::from_secs(10);
/// How often what keeps shards away is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What a worker is started with.
#[derive(Clone)]
pub(crate) struct Starter {
    pub deps: EvaluatorDeps,
    pub options: EvaluatorOptions,
    pub hub: Arc<FeedHub>,
    pub shards: Shards,
}

/// The workers of this process.
pub(crate) struct Keeper {
    starter: Starter,
    room: Arc<Semaphore>,
    working: BTreeMap<ShardId, Working>,
}

struct Working {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Keeper {
    pub(crate) fn new(starter: Starter) -> Self {
        Self { starter, room: Arc::new(Semaphore::new(RECOVERING_AT_ONCE)), working: BTreeMap::new() }
    }

    /// Follows placement until `stopping`; then ends every worker with a last snapshot and leaves.
    pub(crate) async fn run(mut self, mut placement: Box<dyn Placement>, stopping: CancellationToken) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                change = placement.next() => self.follow(change).await,
                _ = look.tick() => self.starter.shards.set_obstacle(placement.obstacle()),
            }
        }
        let all = self.working.keys().copied().collect();
        self.end(all).await;
        placement.leave().await;
    }

    async fn follow(&mut self, change: PlacementChange) {
        match change {
            PlacementChange::Gained(shards) => {
                tracing::info!(shards = shards.len(), "shards gained");
                shards.into_iter().for_each(|shard| self.begin(shard));
                self.starter.shards.placed();
            }
            PlacementChange::Lost { shards, done } => {
                tracing::info!(shards = shards.len(), "shards given up");
                self.end(shards).await;
                // Nobody listens when the group did not wait for us.
                let _ = done.send(());
            }
        }
        metric::set_owned(self.working.len());
    }

    /// A shard that is worked on already goes on as it is.
    fn begin(&mut self, shard: ShardId) {
        if self.working.get(&shard).is_some_and(|working| !working.task.is_finished()) {
            return;
        }
        let stop = CancellationToken::new();
        let task = tokio::spawn(work(self.starter.clone(), shard, Arc::clone(&self.room), stop.clone()));
        self.working.insert(shard, Working { stop, task });
    }

    /// Ends the workers of `shards` side by side.
    async fn end(&mut self, shards: Vec<ShardId>) {
        let ending: Vec<Working> = shards.iter().filter_map(|shard| self.working.remove(shard)).collect();
        ending.iter().for_each(|working| working.stop.cancel());
        for ended in join_all(ending.into_iter().map(|working| working.task)).await {
            if let Err(error) = ended {
                tracing::error!(%error, "a shard's worker ended badly");
            }
        }
    }
}

/// Works on one shard until `stop`.
async fn work(starter: Starter, shard: ShardId, room: Arc<Semaphore>, stop: CancellationToken) {
    let Starter { hub, shards, .. } = &starter;
    shards.recovering(shard);
    if let Some(worker) = recover(&starter, shard, &room, &stop).await {
        shards.insert(worker.handle());
        worker.run(stop).await;
    }
    shards.remove(shard);
    hub.forget(shard);
    metric::forget_shard(shard.0);
}

/// Tries until it succeeds; `None`: told to stop before that.
async fn recover(starter: &Starter, shard: ShardId, room: &Semaphore, stop: &CancellationToken) -> Option<Worker> {
    let mut wait = RETRY_FIRST;
    loop {
        let attempt = async {
            let _place = room.acquire().await;
            Worker::recover(shard, &starter.deps, &starter.options, Arc::clone(&starter.hub)).await
        };
        let recovered = tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            recovered = attempt => recovered,
        };
        match recovered {
            Ok(worker) => return Some(worker),
            Err(error) => {
                tracing::error!(%shard, %error, retry_ms = wait.as_millis() as u64, "the shard stands still");
                starter.shards.stands_still(shard, error.to_string());
            }
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return None,
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(RETRY_MAX),
        }
    }
}
