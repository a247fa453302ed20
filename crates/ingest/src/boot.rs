//! The first record of this life in every shard: it tells the engine that nobody may have been heard before.
//!
//! A cluster's log may need a while for the first record of each of many partitions. A start that gave up at
//! the first time-out would be started again and ask again, so each shard is asked until it answers.

use crate::core::{Core, Unacknowledged};
use domain::ids::ShardId;
use domain::record::Body;
use eventlog::{AppendError, Appended};
use futures::future::try_join_all;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{Instant, interval_at, sleep, timeout};

/// Between two attempts at one shard.
const PAUSE: Duration = Duration::from_millis(500);
const TELL_EVERY: Duration = Duration::from_secs(5);

/// Appends a boot record to every shard; durable when this returns `Ok`.
pub(crate) async fn announce(core: &Core) -> Result<(), Unacknowledged> {
    let (began, received) = (Instant::now(), core.now());
    let progress = Progress { left: AtomicUsize::new(core.keys.shards().all().count()), repeats: AtomicUsize::new(0) };
    let announced = try_join_all(core.keys.shards().all().map(|shard| announce_to(core, shard, began, &progress)));
    tokio::select! {
        all = announced => all.map(|_| ())?,
        () = progress.keep_telling(began) => {}
    }
    // The first attempts may be in the log, where they count as evidence. Beside other nodes somebody heard
    // meanwhile; alone nobody did.
    if core.options.ready_needs_canaries && progress.repeats.load(Ordering::Relaxed) > 0 {
        core.hearing.missed_everywhere(received, core.now());
    }
    core.booted.store(true, Ordering::Relaxed);
    Ok(())
}

/// How far the announcement is.
struct Progress {
    left: AtomicUsize,
    repeats: AtomicUsize,
}

impl Progress {
    /// Never returns.
    async fn keep_telling(&self, began: Instant) {
        let mut beat = interval_at(began + TELL_EVERY, TELL_EVERY);
        loop {
            beat.tick().await;
            let (shards, waited_ms) = (self.left.load(Ordering::Relaxed), began.elapsed().as_millis() as u64);
            tracing::warn!(shards, waited_ms, "the log has not acknowledged the boot records of some shards yet");
        }
    }
}

async fn announce_to(core: &Core, shard: ShardId, began: Instant, progress: &Progress) -> Result<(), Unacknowledged> {
    loop {
        match attempt(core, shard).await {
            Ok(_) => break,
            Err(AppendError::TooLarge) => return Err(Unacknowledged::TooLarge),
            Err(AppendError::Closed) => return Err(Unacknowledged::Unavailable),
            Err(_) if began.elapsed() >= core.options.boot_patience => return Err(Unacknowledged::Unavailable),
            Err(_) => progress.repeats.fetch_add(1, Ordering::Relaxed),
        };
        sleep(PAUSE).await;
    }
    progress.left.fetch_sub(1, Ordering::Relaxed);
    Ok(())
}

/// Nothing is taken yet, so a failure here makes nobody deaf.
async fn attempt(core: &Core, shard: ShardId) -> Result<Appended, AppendError> {
    let (received, since) = (core.now(), Instant::now());
    let ticket = core.producer.append(shard, &Body::Boot, received);
    let appended = timeout(core.options.append_timeout, ticket).await.unwrap_or(Err(AppendError::TimedOut))?;
    core.acknowledged(shard, received, since, appended);
    core.hearing.heard(shard, received);
    Ok(appended)
}
