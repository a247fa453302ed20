//! What is carried over: keys, channels and dead tokens; every monitor with all the old engine knows of it; and what
//! people look at. Writing any of it twice is writing it once.

use super::say;
use super::target::Target;
use crate::failure::Failure;
use crate::serve::open::{DEFAULT_TENANT, Opened};
use domain::engine::Engine;
use domain::engine::adopt::Adopted;
use domain::engine::effects::HistoryRow;
use domain::ids::{ChannelId, MonitorId, TenantId};
use domain::record::Body;
use domain::transition::Transition;
use futures::stream::{self, StreamExt, TryStreamExt};
use std::collections::BTreeSet;
use store::{Page, ShardBatch, Store, StoreError};

/// Monitors under way at once.
pub const AT_ONCE: usize = 32;
/// Rows of one page.
const PAGE: u32 = 500;
/// How often the number of monitors is said.
const SAY_EVERY: usize = 10_000;

/// Set in the offsets of rows that come from the old log: as the signed number a store keeps, they stand before all
/// offsets of the new one, in the order they had.
const OLD_LOG: u64 = 1 << 63;

/// A monitor that was handed over.
pub struct Moved {
    pub monitor: MonitorId,
    pub tenant: TenantId,
    pub slug: String,
}

/// Keys, channels and dead tokens of the one tenant there is.
pub async fn directory(state: &Opened, target: &Target) -> Result<(), Failure> {
    let (old, new) = (state.store.shared(), &target.store);
    if let Some(tenant) = old.tenant(DEFAULT_TENANT).await.map_err(failure)? {
        new.put_tenant(tenant).await.map_err(failure)?;
    }
    let (keys, channels) =
        (old.api_keys(DEFAULT_TENANT).await.map_err(failure)?, old.channels(DEFAULT_TENANT).await.map_err(failure)?);
    say(format_args!("{} keys, {} channels", keys.len(), channels.len()));
    for key in keys {
        unless_there(new.add_api_key(key).await)?;
    }
    for channel in channels {
        unless_there(new.add_channel(channel).await)?;
    }
    let revocations = old.revocations().await.map_err(failure)?;
    for revocation in revocations {
        let batch = ShardBatch { hlt_us: 1, revocations: vec![revocation], ..ShardBatch::default() };
        target.write(revocation.monitor, batch).await?;
    }
    Ok(())
}

/// The old engines as they stood when the move was written to their logs.
pub async fn engines(state: &Opened, markers: &[u64]) -> Result<Vec<Engine>, Failure> {
    let (log, store) = (state.log.shared(), state.store.shared());
    let mut engines = Vec::new();
    for (shard, marker) in log.shards().all().zip(markers) {
        let engine = evaluator::replay(shard, log.as_ref(), store.as_ref(), marker + 1).await;
        let engine = engine.map_err(Failure::failed)?;
        if !engine.has_moved() {
            return Err(Failure::failed(format_args!("shard {shard}: its log does not say that it has moved")));
        }
        engines.push(engine);
    }
    Ok(engines)
}

/// Hands every monitor over. What an open delivery tells is in the new store before anybody can be offered it.
pub async fn monitors(state: &Opened, engines: &[Engine], target: &Target) -> Result<Vec<Moved>, Failure> {
    let total: u32 = engines.iter().map(Engine::monitors).sum();
    say(format_args!("{total} monitors to move"));
    let store = state.store.shared();
    let store = store.as_ref();
    let each = stream::iter(engines.iter().flat_map(Engine::leave)).enumerate();
    let moving = each.map(|(count, adopted)| async move {
        if count > 0 && count % SAY_EVERY == 0 {
            say(format_args!("{count} of {total} monitors"));
        }
        hand_over(store, adopted, target).await
    });
    moving.buffered(AT_ONCE).try_collect().await
}

async fn hand_over(store: &dyn Store, adopted: Adopted, target: &Target) -> Result<Moved, Failure> {
    let (monitor, tenant) = (adopted.monitor(), adopted.identity().tenant);
    let slug = adopted.identity().slug.clone();
    let told: BTreeSet<_> = adopted.told().collect();
    let mut transitions = Vec::new();
    for id in told {
        transitions.extend(store.transition_by_id(tenant, id).await.map_err(failure)?);
    }
    for transition in transitions {
        write_transitions(monitor, vec![transition], target).await?;
    }
    target.append(target.shard_of(monitor), &[(Body::Adopt(Box::new(adopted)), target.now())]).await?;
    Ok(Moved { monitor, tenant, slug })
}

/// Past pings, transitions and deliveries.
pub async fn history(state: &Opened, monitors: &[Moved], target: &Target) -> Result<(), Failure> {
    let store = state.store.shared();
    let store = store.as_ref();
    let each = stream::iter(monitors.iter().enumerate());
    let copying = each.map(|(count, monitor)| async move {
        if count > 0 && count % SAY_EVERY == 0 {
            say(format_args!("history of {count} of {} monitors", monitors.len()));
        }
        copy_of(store, monitor.monitor, target).await
    });
    let rows: u64 = copying.buffer_unordered(AT_ONCE).try_fold(0, |sum, rows| async move { Ok(sum + rows) }).await?;
    let deliveries = deliveries(store, target).await?;
    say(format_args!("{rows} rows of history and {deliveries} past deliveries copied"));
    Ok(())
}

async fn copy_of(store: &dyn Store, monitor: MonitorId, target: &Target) -> Result<u64, Failure> {
    let mut rows = 0;
    let mut after = None;
    loop {
        let page = store.transitions(monitor, PAGE, after.as_deref()).await.map_err(failure)?;
        rows += page.rows.len() as u64;
        write_transitions(monitor, page.rows, target).await?;
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    loop {
        let Page { rows: page, next } = store.history(monitor, PAGE, after.as_deref()).await.map_err(failure)?;
        rows += page.len() as u64;
        write_history(monitor, page, target).await?;
        after = next;
        if after.is_none() {
            return Ok(rows);
        }
    }
}

async fn write_transitions(monitor: MonitorId, transitions: Vec<Transition>, target: &Target) -> Result<(), Failure> {
    for mut transition in transitions {
        transition.offset |= OLD_LOG;
        let hlt_us = transition.known_ms.saturating_mul(1000);
        let batch = ShardBatch { hlt_us, transitions: vec![transition], ..ShardBatch::default() };
        target.write(monitor, batch).await?;
    }
    Ok(())
}

async fn write_history(monitor: MonitorId, mut history: Vec<HistoryRow>, target: &Target) -> Result<(), Failure> {
    history.iter_mut().for_each(|row| row.offset |= OLD_LOG);
    let newest = history.iter().map(|row| row.ping.at_ms).max().unwrap_or(0);
    let batch = ShardBatch { hlt_us: newest.saturating_mul(1000), history, ..ShardBatch::default() };
    if batch.is_empty() { Ok(()) } else { target.write(monitor, batch).await }
}

/// Those that are over; the others went with their monitors.
async fn deliveries(store: &dyn Store, target: &Target) -> Result<u64, Failure> {
    let channels = store.channels(DEFAULT_TENANT).await.map_err(failure)?;
    let mut copied = 0;
    for channel in channels.iter().map(|row| row.id).chain([ChannelId::LOG]) {
        let mut after = None;
        loop {
            let page = store.deliveries(channel, PAGE, after.as_deref()).await.map_err(failure)?;
            for delivery in page.rows.into_iter().filter(|row| row.state.is_terminal()) {
                let (monitor, hlt_us) = (delivery.monitor, delivery.changed_ms.saturating_mul(1000));
                target
                    .write(monitor, ShardBatch { hlt_us, deliveries: vec![delivery], ..ShardBatch::default() })
                    .await?;
                copied += 1;
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(copied)
}

/// A row that is there was copied by an earlier try.
fn unless_there(written: Result<(), StoreError>) -> Result<(), Failure> {
    match written {
        Err(StoreError::Conflict(_)) => Ok(()),
        other => other.map_err(failure),
    }
}

fn failure(error: StoreError) -> Failure {
    Failure::failed(error)
}
