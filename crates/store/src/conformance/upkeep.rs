//! What the owner of the process asks now and then.

use super::world::{BASE_MS, World, at};
use crate::{ShardBatch, Store};
use domain::delivery::DeliveryState;

pub async fn a_working_store_answers(store: &dyn Store) {
    for _ in 0..3 {
        store.ping().await.unwrap();
    }
}

/// When old rows go is the backend's own affair (a TTL, a deletion); young ones must stay.
pub async fn what_is_young_does_not_expire(store: &dyn Store) {
    let world = World::new();
    let channel = world.channel("c").id;
    let mut delivery = world.delivery(channel, 1, BASE_MS);
    delivery.state = DeliveryState::Delivered;
    let batch = ShardBatch {
        monitors: vec![world.monitor("m", &["t"])],
        history: vec![world.ping("m", 0), world.ping("m", 1)],
        transitions: vec![world.transition("m", 1, 1)],
        deliveries: vec![delivery],
        ..at(1)
    };
    world.write(store, batch.clone()).await;
    store.expire(BASE_MS, BASE_MS).await.unwrap();

    let monitor = world.monitor_id("m");
    assert_eq!(store.history(monitor, 10, None).await.unwrap().rows.len(), 2);
    assert_eq!(store.transitions(monitor, 10, None).await.unwrap().rows, batch.transitions);
    assert_eq!(store.deliveries(channel, 10, None).await.unwrap().rows, batch.deliveries);
    assert_eq!(world.listed(store, &["t"]).await, ["m"]);
}
