//! Pings of a monitor over days and months.

use crate::support::open;
use domain::engine::effects::HistoryRow;
use domain::ids::MonitorId;
use store::conformance::world::{BASE_MS, World, at};
use store::scylla::ScyllaStore;
use store::{ShardBatch, ShardTables, TenantReads};

const DAY_MS: i64 = 86_400_000;

fn ping_at(world: &World, offset: u64, at_ms: i64) -> HistoryRow {
    let mut row = world.ping("m", offset);
    row.ping.at_ms = at_ms;
    row
}

/// The offsets of all pages of `limit`.
async fn offsets(store: &ScyllaStore, monitor: MonitorId, limit: u32) -> Vec<u64> {
    let (mut offsets, mut after) = (Vec::new(), None);
    loop {
        let page = store.history(monitor, limit, after.as_deref()).await.unwrap();
        assert!(page.rows.len() <= limit as usize);
        offsets.extend(page.rows.iter().map(|row| row.offset));
        after = page.next;
        if after.is_none() {
            return offsets;
        }
    }
}

async fn check(store: &ScyllaStore, world: &World, expected: &[u64]) {
    for limit in 1..=expected.len() as u32 + 1 {
        assert_eq!(offsets(store, world.monitor_id("m"), limit).await, expected, "pages of {limit}");
    }
}

/// A ping counts for when it was received, if the log took a few seconds: so around midnight days and offsets
/// do not agree.
#[tokio::test]
async fn pings_around_midnight_come_in_the_order_of_the_log() {
    let (store, world) = (open().await, World::new());
    let midnight = BASE_MS.div_euclid(DAY_MS) * DAY_MS;
    let seconds = [-9, -5, 1, -4, 2, -1, 3, 0, -2, 8];
    let history = (0..).zip(seconds).map(|(offset, s)| ping_at(&world, offset, midnight + s * 1_000)).collect();
    store.write(world.shard, ShardBatch { history, ..at(1) }).await.unwrap();
    check(&store, &world, &[9, 8, 7, 6, 5, 4, 3, 2, 1, 0]).await;
}

#[tokio::test]
async fn a_ping_of_last_year_is_found() {
    let (store, world) = (open().await, World::new());
    let days = [-400, -399, -30, -3, -2, 0];
    let history = (0..).zip(days).map(|(offset, day)| ping_at(&world, offset, BASE_MS + day * DAY_MS)).collect();
    store.write(world.shard, ShardBatch { history, ..at(1) }).await.unwrap();
    check(&store, &world, &[5, 4, 3, 2, 1, 0]).await;
}

/// While a broker's clock was wrong, pings were dated years ahead: they stand first, and hide nothing.
#[tokio::test]
async fn pings_that_are_dated_ahead_hide_none() {
    let (store, world) = (open().await, World::new());
    let years = |offset| if (5..8).contains(&offset) { 4 * 365 } else { 0 };
    let history = (0..12).map(|n| ping_at(&world, n, BASE_MS + n as i64 + years(n) * DAY_MS)).collect();
    store.write(world.shard, ShardBatch { history, ..at(1) }).await.unwrap();
    check(&store, &world, &[7, 6, 5, 11, 10, 9, 8, 4, 3, 2, 1, 0]).await;
}

#[tokio::test]
async fn pings_that_arrive_between_two_pages_do_not_disturb() {
    let (store, world) = (open().await, World::new());
    let monitor = world.monitor_id("m");
    let write = async |offsets: std::ops::Range<u64>, day: i64| {
        let history = offsets.map(|offset| ping_at(&world, offset, BASE_MS + day * DAY_MS)).collect();
        store.write(world.shard, ShardBatch { history, ..at(day) }).await.unwrap();
    };
    write(0..5, 0).await;
    write(5..10, 1).await;
    let first = store.history(monitor, 6, None).await.unwrap();
    write(10..12, 1).await;
    write(12..14, 2).await;
    let second = store.history(monitor, 100, first.next.as_deref()).await.unwrap();
    let seen: Vec<_> = first.rows.iter().chain(&second.rows).map(|row| row.offset).collect();
    assert_eq!(seen, [9, 8, 7, 6, 5, 4, 3, 2, 1, 0]);
}
