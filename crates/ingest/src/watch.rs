//! The loops beside the pings: each shard is proved to be heard and confesses what it missed, the clocks are
//! compared, figures are published, revocations are read again.

use crate::canary::Canaries;
use crate::complaint::Complaint;
use crate::confess::confess;
use crate::core::Core;
use crate::readiness::shards_away;
use domain::ids::ShardId;
use domain::record::Body;
use futures::future::join_all;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How often each shard is looked at.
const STEP: Duration = Duration::from_millis(250);
/// After a canary that failed. Those of all nodes and shards are not to be a storm of their own.
const CANARY_PAUSE: Duration = Duration::from_millis(750);
const COMPARE_EVERY: Duration = Duration::from_secs(1);
/// In so many steps on end the log must be away to be complained of: a single time-out is the confession's story.
const PATIENT_STEPS: u32 = 8;
const REVOCATIONS_EVERY: Duration = Duration::from_secs(5);

/// Runs until `shutdown`. Every shard has loops of its own: one that the log has stopped answering must not
/// make the others look deaf.
pub(crate) async fn run(core: Arc<Core>, shutdown: CancellationToken) {
    let core = &*core;
    let canaries = Canaries::new(core);
    let confessions = join_all(core.keys.shards().all().map(|shard| keep_confessing(core, shard)));
    let proofs = join_all(core.keys.shards().all().map(|shard| keep_proving(core, &canaries, shard)));
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = keep_revocations(core) => {}
        () = keep_publishing(core) => {}
        () = keep_comparing(core) => {}
        _ = confessions => {}
        _ = proofs => {}
    }
}

/// A steady beat that does not hurry after a pause.
fn beat(first: Instant, every: Duration) -> Interval {
    let mut beat = interval_at(first, every);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat
}

/// Every shard has its own moment within a step, so that many shards do not ask all at once.
fn beat_of(core: &Core, shard: ShardId) -> Interval {
    let shards = core.keys.shards().all().count().max(1) as u32;
    beat(Instant::now() + STEP * u32::from(shard.0) / shards, STEP)
}

async fn keep_confessing(core: &Core, shard: ShardId) {
    let mut beat = beat_of(core, shard);
    loop {
        beat.tick().await;
        confess(core, shard).await;
    }
}

async fn keep_proving(core: &Core, canaries: &Canaries<'_>, shard: ShardId) {
    let mut beat = beat_of(core, shard);
    loop {
        beat.tick().await;
        if !canaries.prove(shard).await {
            sleep(CANARY_PAUSE).await;
        }
    }
}

async fn keep_revocations(core: &Core) {
    let mut beat = beat(Instant::now(), REVOCATIONS_EVERY);
    let mut is_away = false;
    loop {
        beat.tick().await;
        match core.gate.refresh_revocations().await {
            Ok(()) => is_away = false,
            Err(error) if !is_away => {
                is_away = true;
                tracing::warn!(%error, "revoked tokens could not be read, the last known ones stay in force");
            }
            Err(_) => {}
        }
    }
}

async fn keep_publishing(core: &Core) {
    let mut beat = beat(Instant::now(), STEP);
    let complaint = Complaint::default();
    let mut steps_away = 0_u32;
    loop {
        beat.tick().await;
        core.hearing.clamp_to(core.now());
        let shards = shards_away(core);
        steps_away = if shards == 0 { 0 } else { steps_away.saturating_add(1) };
        complain_of_the_log(&complaint, shards, steps_away >= PATIENT_STEPS);
        publish(core);
    }
}

fn complain_of_the_log(complaint: &Complaint, shards: usize, is_lasting: bool) {
    if is_lasting && complaint.is_due() {
        tracing::error!(shards, "the log does not acknowledge records of some shards, their pings are answered 503");
    }
    if shards == 0 && complaint.is_settled() {
        tracing::info!("the log acknowledges records of all shards again");
    }
}

fn publish(core: &Core) {
    let now = core.now();
    let oldest = core.keys.shards().all().map(|shard| core.hearing.last_proved(shard)).min();
    let age_ms = oldest.map_or(0, |oldest| now.since(oldest).max(0));
    core.metrics.canary_age(age_ms as f64 / 1000.0);
    core.metrics.load(core.inflight.load(Ordering::Relaxed), core.connections.load(Ordering::Relaxed));
    core.metrics.clock_skew(core.skew.estimate(core.ms()) as f64 / 1000.0);
}

/// Tells the operator of clocks that are too far apart. While they are, no balancer sends anything here, so the
/// comparison makes records of its own, in one shard after the other.
async fn keep_comparing(core: &Core) {
    let mut beat = beat(Instant::now() + COMPARE_EVERY, COMPARE_EVERY);
    let complaint = Complaint::default();
    let mut shards = core.keys.shards().all().collect::<Vec<_>>().into_iter().cycle();
    loop {
        beat.tick().await;
        let Some(ahead_ms) = core.skew.excess(core.ms()) else {
            if complaint.is_settled() {
                tracing::info!("the clock of this machine agrees with the log's again");
            }
            continue;
        };
        if complaint.is_due() {
            tracing::error!(
                ahead_ms,
                "the clock of this machine is wrong by the log's: set it, and keep it set by NTP"
            );
        }
        if let Some(shard) = shards.next() {
            compare(core, shard).await;
        }
    }
}

/// A tick shows the log's time, proves nothing else, and does no harm beside those of the shard's owner.
async fn compare(core: &Core, shard: ShardId) {
    let (received, since) = (core.now(), Instant::now());
    let ticket = core.producer.append_unnumbered(shard, &Body::Tick, received);
    if let Ok(Ok(appended)) = timeout(COMPARE_EVERY, ticket).await {
        core.acknowledged(shard, received, since, appended);
    }
}
