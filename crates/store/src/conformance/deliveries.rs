//! Deliveries by id and of a channel.

use super::pages::read_all;
use super::world::{BASE_MS, World, at};
use crate::{ShardBatch, Store};
use domain::delivery::{Delivery, DeliveryState};
use domain::ids::DeliveryId;

pub async fn deliveries_come_newest_first(store: &dyn Store) {
    let world = World::new();
    let (channel, other) = (world.channel("a").id, world.channel("b").id);
    // Several of one millisecond, as in a storm.
    let ages = [5, 1, 1, 1, -2, 900_000];
    let row = |(nth, age): (usize, &i64)| world.delivery(channel, nth, BASE_MS + age);
    let deliveries = ages.iter().enumerate().map(row).collect();
    world.write(store, ShardBatch { deliveries, ..at(1) }).await;
    world.write(store, ShardBatch { deliveries: vec![world.delivery(other, 0, BASE_MS)], ..at(1) }).await;

    for limit in 1..=7 {
        let rows = read_all(limit, async |after| store.deliveries(channel, limit, after.as_deref()).await).await;
        assert!(rows.is_sorted_by(|a, b| a.created_ms >= b.created_ms), "pages of {limit}");
        let mut ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((rows.len(), ids.len()), (6, 6), "pages of {limit}");
    }
}

pub async fn a_delivery_is_where_it_was_last_seen(store: &dyn Store) {
    let world = World::new();
    let channel = world.channel("a").id;
    let queued = world.delivery(channel, 1, BASE_MS);
    let retrying = Delivery { state: DeliveryState::Retrying, attempts: 1, error: "503".into(), ..queued.clone() };
    let delivered = Delivery { state: DeliveryState::Delivered, attempts: 2, ..queued.clone() };
    let step = |row: &Delivery, tick| ShardBatch { deliveries: vec![row.clone()], ..at(tick) };
    assert_eq!(store.delivery(queued.id).await, Ok(None));

    world.write(store, step(&queued, 1)).await;
    world.write(store, step(&delivered, 3)).await;
    world.write(store, step(&retrying, 2)).await;
    assert_eq!(store.delivery(queued.id).await, Ok(Some(delivered.clone())));
    assert_eq!(store.deliveries(channel, 10, None).await.unwrap().rows, [delivered]);
    assert_eq!(store.delivery(DeliveryId([0; 16])).await, Ok(None));
}
