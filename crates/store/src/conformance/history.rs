//! Pings of a monitor.

use super::pages::read_all;
use super::world::{World, at};
use crate::{ShardBatch, Store, StoreError};
use domain::engine::effects::HistoryRow;
use domain::ids::RunId;
use domain::ping::{Metric, PingDetails, PingKind};

async fn all(world: &World, store: &dyn Store, slug: &str, limit: u32) -> Vec<HistoryRow> {
    let monitor = world.monitor_id(slug);
    read_all(limit, async |after| store.history(monitor, limit, after.as_deref()).await).await
}

pub async fn pings_come_newest_first(store: &dyn Store) {
    let world = World::new();
    assert_eq!(all(&world, store, "m", 10).await, []);
    // Offsets leave gaps, pass the bounds of one and two bytes, and come in no order.
    let offsets = [300, 1, 70_000, 0, 255, 256, 5_000_000_000, 2];
    let history = offsets.iter().flat_map(|offset| [world.ping("m", *offset), world.ping("n", *offset)]).collect();
    world.write(store, ShardBatch { history, ..at(1) }).await;
    let expected = [5_000_000_000, 70_000, 300, 256, 255, 2, 1, 0].map(|offset| world.ping("m", offset));
    for limit in 1..=9 {
        assert_eq!(all(&world, store, "m", limit).await, expected, "pages of {limit}");
    }
}

pub async fn a_rewritten_ping_is_the_later_one(store: &dyn Store) {
    let world = World::new();
    let first = world.ping("m", 7);
    let more = HistoryRow { coalesced: 5, ..first.clone() };
    let older = ShardBatch { history: vec![first], ..at(1) };
    let newer = ShardBatch { history: vec![more.clone()], ..at(2) };
    for batch in [&older, &newer, &older] {
        world.write(store, batch.clone()).await;
    }
    assert_eq!(all(&world, store, "m", 10).await, [more]);
}

pub async fn every_field_comes_back(store: &dyn Store) {
    let world = World::new();
    let mut row = world.ping("m", 1);
    row.ping.kind = PingKind::Exit(255);
    row.ping.duration_ms = Some(u64::MAX);
    row.ping.metrics = vec![Metric { name: "rows".into(), value: -0.5e300 }];
    row.ping.run = Some(RunId([9; 16]));
    row.ignored = "paused".into();
    row.coalesced = u32::MAX;
    row.details = PingDetails {
        body: vec![0, 255, b'\n'],
        body_cut: true,
        message: "it's \u{1f980} \"quoted\"".into(),
        environment: "prod".into(),
        host: "db-1".into(),
        method: "grpc".into(),
        client: "::1".into(),
        user_agent: "curl/8".into(),
    };
    world.write(store, ShardBatch { history: vec![row.clone()], ..at(1) }).await;
    assert_eq!(all(&world, store, "m", 10).await, [row]);
}

/// A backend may give shorter pages than asked for, as long as the rest follows.
pub async fn large_bodies_come_back(store: &dyn Store) {
    let world = World::new();
    let with_body = |offset: u64| {
        let mut row = world.ping("m", offset);
        row.details.body = (0..100_000).map(|n: u64| (n * 31 + offset) as u8).collect();
        row
    };
    for offset in 0..40 {
        world.write(store, ShardBatch { history: vec![with_body(offset)], ..at(1) }).await;
    }
    let read = all(&world, store, "m", 1_000).await;
    assert_eq!(read.len(), 40);
    for (row, offset) in read.iter().zip((0..40).rev()) {
        assert!(*row == with_body(offset), "the row at offset {offset} differs");
    }
}

pub async fn a_token_of_another_monitor_is_refused(store: &dyn Store) {
    let world = World::new();
    let history = (0..3).flat_map(|offset| [world.ping("m", offset), world.ping("n", offset)]).collect();
    world.write(store, ShardBatch { history, ..at(1) }).await;
    let token = store.history(world.monitor_id("m"), 1, None).await.unwrap().next;
    assert!(token.is_some());
    for (slug, bad) in [("n", token.as_deref()), ("m", Some("7")), ("m", Some(""))] {
        let answer = store.history(world.monitor_id(slug), 1, bad).await;
        assert!(matches!(answer, Err(StoreError::Conflict(_))), "{bad:?} gave {answer:?}");
    }
}
