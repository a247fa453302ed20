//! Writes whose answer was lost, though they were carried out.

use crate::support::counts::counted;
use crate::support::proxy::Proxy;
use crate::support::{only_node, open, options, shared_keyspace, within};
use std::sync::Arc;
use std::time::Duration;
use store::conformance::world::{World, at};
use store::row::ChannelRow;
use store::scylla::{ScyllaOptions, ScyllaStore};
use store::{Directory, ShardBatch, ShardTables, StoreError, TenantReads};

const UNKNOWN: &str = "db_unknown_outcomes_total{}";

/// A store behind a proxy.
async fn behind_proxy(request_timeout: Duration) -> (Arc<ScyllaStore>, Proxy) {
    let proxy = Proxy::before(only_node()).await;
    let options = options(shared_keyspace().await);
    let options = ScyllaOptions { contact_points: vec![proxy.address.clone()], request_timeout, ..options };
    (ScyllaStore::open(options).await.unwrap(), proxy)
}

fn batch(world: &World) -> ShardBatch {
    ShardBatch {
        monitors: vec![world.monitor("m", &[])],
        history: (0..3).map(|offset| world.ping("m", offset)).collect(),
        transitions: vec![world.transition("m", 0, 2)],
        ..at(1)
    }
}

#[tokio::test]
async fn a_step_whose_answers_were_lost_is_written_again_and_is_there_once() {
    let (direct, world) = (open().await, World::new());
    let (store, proxy) = behind_proxy(Duration::from_secs(5)).await;
    let (before, monitor) = (counted(UNKNOWN), world.monitor_id("m"));

    proxy.swallow_from_batch();
    let write = {
        let (store, shard, batch) = (store.clone(), world.shard, batch(&world));
        tokio::spawn(async move { store.write(shard, batch).await })
    };
    within(async || direct.history(monitor, 10, None).await.unwrap().rows.len() == 3).await;
    within(async || proxy.swallowed() > 0).await;
    assert!(!write.is_finished(), "nobody told it");
    proxy.pass();
    write.await.unwrap().unwrap();

    let pings: Vec<_> = direct.history(monitor, 10, None).await.unwrap().rows.iter().map(|row| row.offset).collect();
    assert_eq!(pings, [2, 1, 0]);
    assert_eq!(direct.transitions(monitor, 10, None).await.unwrap().rows, [world.transition("m", 0, 2)]);
    assert!(counted(UNKNOWN) > before);
}

#[tokio::test]
async fn a_channel_whose_answer_was_lost_is_ours_and_there_once() {
    let (direct, world) = (open().await, World::new());
    let (store, proxy) = behind_proxy(Duration::from_secs(5)).await;
    let first = world.channel("ops");
    let second = ChannelRow { version: 2, name: "night".into(), ..first.clone() };
    for (nth, (row, name)) in [(&first, "ops"), (&second, "night")].into_iter().enumerate() {
        let (store, lost, row) = (store.clone(), proxy.swallowed(), row.clone());
        proxy.swallow_from_batch();
        let change = tokio::spawn(async move {
            if nth == 0 { store.add_channel(row).await } else { store.update_channel(row).await }
        });
        within(async || direct.channel_by_name(world.tenant, name).await.unwrap().is_some()).await;
        within(async || proxy.swallowed() > lost).await;
        assert!(!change.is_finished(), "nobody told it");
        proxy.pass();
        assert_eq!(change.await.unwrap(), Ok(()), "{name}");
    }
    assert_eq!(direct.channels(world.tenant).await, Ok(vec![second.clone()]));
    assert!(matches!(direct.update_channel(second).await, Err(StoreError::Conflict(_))), "once");
}

#[tokio::test]
async fn a_database_that_stays_silent_is_busy_and_heard_again() {
    let world = World::new();
    let (store, proxy) = behind_proxy(Duration::from_millis(300)).await;
    proxy.swallow();
    let refused = store.write(world.shard, batch(&world)).await;
    assert!(matches!(refused, Err(StoreError::Busy(_))), "{refused:?}");
    assert!(matches!(store.monitor(world.tenant, "m").await, Err(StoreError::Busy(_))));
    proxy.pass();
    within(async || store.write(world.shard, batch(&world)).await.is_ok()).await;
    assert_eq!(store.history(world.monitor_id("m"), 10, None).await.unwrap().rows.len(), 3);
}
