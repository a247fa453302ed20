//! Rows that go by themselves.

use crate::support::{options, shared_keyspace, within};
use std::time::Duration;
use store::conformance::world::{BASE_MS, World, at};
use store::scylla::{ScyllaOptions, ScyllaStore};
use store::{ShardBatch, ShardTables, Store, TenantReads};

#[tokio::test]
async fn pings_and_transitions_live_as_long_as_the_settings_say() {
    let options = options(shared_keyspace().await);
    let options = ScyllaOptions { history_for: Duration::from_secs(2), ..options };
    let store = ScyllaStore::open(options.clone()).await.unwrap();
    let (world, keeps) = (World::new(), ScyllaOptions { history_for: Duration::ZERO, ..options });
    let batch = ShardBatch {
        history: vec![world.ping("m", 1)],
        transitions: vec![world.transition("m", 0, 1)],
        deliveries: vec![world.delivery(world.channel("c").id, 1, BASE_MS)],
        ..at(1)
    };
    store.write(world.shard, batch.clone()).await.unwrap();
    let keeps = ScyllaStore::open(keeps).await.unwrap();
    keeps.write(world.shard, ShardBatch { history: vec![world.ping("n", 1)], ..at(1) }).await.unwrap();

    within(async || store.history(world.monitor_id("m"), 10, None).await.unwrap().rows.is_empty()).await;
    assert_eq!(store.expire(BASE_MS, BASE_MS).await, Ok(0), "the database does it");
    assert_eq!(store.transitions(world.monitor_id("m"), 10, None).await.unwrap().rows, batch.transitions);
    assert_eq!(store.deliveries(world.channel("c").id, 10, None).await.unwrap().rows, batch.deliveries);
    assert_eq!(store.history(world.monitor_id("n"), 10, None).await.unwrap().rows.len(), 1);
}
