//! Old rows go, and only those.

use super::open;
use domain::delivery::DeliveryState;
use domain::engine::effects::HistoryRow;
use std::sync::Arc;
use store::conformance::world::{BASE_MS, World, at};
use store::embedded::EmbeddedStore;
use store::{ShardBatch, ShardTables, Store, TenantReads};
use tokio::task::JoinSet;

async fn offsets(store: &dyn Store, world: &World, slug: &str) -> Vec<u64> {
    let page = store.history(world.monitor_id(slug), 1_000, None).await.unwrap();
    assert_eq!(page.next, None);
    page.rows.iter().map(|row| row.offset).collect()
}

/// A row of the table for each ping.
async fn write_apart(store: &Arc<EmbeddedStore>, world: &World, history: impl Iterator<Item = HistoryRow>) {
    let mut writes = JoinSet::new();
    for row in history {
        let (store, shard) = (store.clone(), world.shard);
        writes.spawn(async move { store.write(shard, ShardBatch { history: vec![row], ..at(1) }).await.unwrap() });
    }
    writes.join_all().await;
}

/// Pings of one step are at most seconds apart.
#[tokio::test]
async fn pings_of_one_step_go_together_once_the_newest_is_old() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let world = World::new();
    for begin in [0, 10] {
        let history = (begin..begin + 10).map(|offset| world.ping("m", offset)).collect();
        store.write(world.shard, ShardBatch { history, ..at(1) }).await.unwrap();
    }
    assert_eq!(store.expire(BASE_MS + 9, 0).await, Ok(0));
    assert_eq!(store.expire(BASE_MS + 19, 0).await, Ok(1));
    assert_eq!(offsets(&*store, &world, "m").await, (10..20).rev().collect::<Vec<_>>());
    assert_eq!(store.expire(BASE_MS + 20, 0).await, Ok(1));
    assert_eq!(offsets(&*store, &world, "m").await, Vec::<u64>::new());
}

/// More than one step's worth, of one monitor and of many.
#[tokio::test]
async fn old_history_goes_in_several_steps() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let world = World::new();
    write_apart(&store, &world, (0..5_003).map(|offset| world.ping("busy", offset))).await;
    let many = (0..7_000).map(|n| world.ping(&format!("m{n}"), 1 + n % 2 * 9_000));
    store.write(world.shard, ShardBatch { history: many.collect(), ..at(1) }).await.unwrap();

    // `world.ping` dates each ping by its offset.
    assert_eq!(store.expire(BASE_MS + 5_000, 0).await, Ok(5_000 + 3_500));
    assert_eq!(offsets(&*store, &world, "busy").await, [5_002, 5_001, 5_000]);
    assert_eq!(offsets(&*store, &world, "m0").await, Vec::<u64>::new());
    assert_eq!(offsets(&*store, &world, "m6999").await, [9_001]);
    assert_eq!(store.expire(BASE_MS + 5_000, 0).await, Ok(0));
    assert_eq!(store.expire(BASE_MS + 50_000, 0).await, Ok(3 + 3_500));
}

#[tokio::test]
async fn rows_dated_ahead_do_not_shield_what_came_after_them() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let world = World::new();
    let dated = |offset: u64, at_ms: i64| {
        let mut row = world.ping("m", offset);
        row.ping.at_ms = at_ms;
        row
    };
    let ahead = (0..30).map(|offset| dated(offset, BASE_MS * 2));
    let history = ahead.chain((30..40).map(|offset| dated(offset, offset as i64)));
    write_apart(&store, &world, history).await;
    assert_eq!(store.expire(35, 0).await, Ok(35));
    assert_eq!(offsets(&*store, &world, "m").await, [39, 38, 37, 36, 35]);
}

#[tokio::test]
async fn old_transitions_go_with_their_finished_deliveries() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let world = World::new();
    let channel = world.channel("c").id;
    let transitions = (0..10).map(|nth| world.transition("m", nth, nth as u64)).collect();
    let delivery = |nth: usize, state| {
        let mut row = world.delivery(channel, nth, BASE_MS + nth as i64);
        row.state = state;
        row
    };
    let states = [DeliveryState::Delivered, DeliveryState::Retrying, DeliveryState::Failed, DeliveryState::Delivered];
    let deliveries = states.into_iter().enumerate().map(|(nth, state)| delivery(nth, state)).collect();
    store.write(world.shard, ShardBatch { transitions, deliveries, ..at(1) }).await.unwrap();

    // The transitions are known three seconds after the deliveries' beginning.
    assert_eq!(store.expire(0, BASE_MS + 3).await, Ok(2));
    let left = store.deliveries(channel, 9, None).await.unwrap().rows;
    assert_eq!(
        left.iter().map(|row| row.state).collect::<Vec<_>>(),
        [DeliveryState::Delivered, DeliveryState::Retrying]
    );
    assert_eq!(store.expire(0, BASE_MS + 3_004).await, Ok(4 + 1));
    assert_eq!(store.transitions(world.monitor_id("m"), 99, None).await.unwrap().rows.len(), 6);
}
