//! Rows that cannot be read: left out of lists and counted, an error when asked for by name.

use super::counting::counted;
use super::{open, raw};
use std::path::Path;
use store::conformance::world::{World, at, filter, slug_of};
use store::embedded::EmbeddedStore;
use store::{Directory, ShardBatch, ShardTables, StoreError, TenantReads};

/// Nothing, half a version, a version of tomorrow, and a message that is none.
const BAD_CELLS: [&[u8]; 5] = [b"", b"\x00", b"\x00\x02\x08\x01", b"\x00\x01\xff\xff\xff\xff", b"\x00\x01"];

fn damage(directory: &Path, table: &str, condition: &str, cell: &[u8]) {
    let sql = format!("update {table} set cell = ?1 where {condition}");
    assert_eq!(raw(directory).execute(&sql, [cell]).unwrap(), 1, "{sql}");
}

fn is_damaged<T>(answer: Result<T, StoreError>, in_table: &str) -> bool {
    matches!(answer, Err(StoreError::Damaged { table, .. }) if table == in_table)
}

#[tokio::test]
async fn a_damaged_monitor_is_left_out_of_lists() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let world = World::new();
    let monitors = ["a", "b", "c", "d"].map(|slug| world.monitor(slug, &["t"])).to_vec();
    let statuses = ["a", "b", "c", "d"].map(|slug| world.down(slug, 5)).to_vec();
    store.write(world.shard, ShardBatch { monitors, statuses, ..at(1) }).await.unwrap();

    for cell in BAD_CELLS {
        damage(directory.path(), "monitor", "slug = 'b'", cell);
        let before = counted("store_damaged_rows_total{table=monitor}");
        for tags in [&[][..], &["t"]] {
            assert_eq!(world.listed(&*store, tags).await, ["a", "c", "d"]);
        }
        let open = store.open_incidents(world.tenant, 9, None).await.unwrap();
        assert_eq!(open.rows.iter().map(slug_of).collect::<Vec<_>>(), ["a", "c", "d"]);
        assert!(counted("store_damaged_rows_total{table=monitor}") >= before + 3);
        assert!(is_damaged(store.monitor(world.tenant, "b").await, "monitor"));
        assert!(store.monitor(world.tenant, "a").await.unwrap().is_some());
    }
}

#[tokio::test]
async fn pages_go_on_past_damaged_rows() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let world = World::new();
    let monitors = ["a", "b", "c", "d"].map(|slug| world.monitor(slug, &[])).to_vec();
    store.write(world.shard, ShardBatch { monitors, ..at(1) }).await.unwrap();
    damage(directory.path(), "monitor", "slug = 'a'", b"");
    damage(directory.path(), "monitor", "slug = 'd'", b"");
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let page = store.monitors(world.tenant, &filter(&[]), 1, after.as_deref()).await.unwrap();
        seen.extend(page.rows.iter().map(slug_of));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["b", "c"]);
}

#[tokio::test]
async fn a_damaged_status_takes_its_monitor_along() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let world = World::new();
    let monitors = ["a", "b"].map(|slug| world.monitor(slug, &[])).to_vec();
    let statuses = ["a", "b"].map(|slug| world.down(slug, 5)).to_vec();
    store.write(world.shard, ShardBatch { monitors, statuses, ..at(1) }).await.unwrap();
    damage(directory.path(), "status", "slug = 'a'", b"\x00\x02");
    assert_eq!(world.listed(&*store, &[]).await, ["b"]);
    assert!(is_damaged(store.monitor(world.tenant, "a").await, "status"));

    // The owner's next write heals it.
    let statuses = vec![world.down("a", 6)];
    store.write(world.shard, ShardBatch { statuses, ..at(2) }).await.unwrap();
    assert_eq!(world.listed(&*store, &[]).await, ["a", "b"]);
}

#[tokio::test]
async fn one_damaged_ping_hides_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let world = World::new();
    let history: Vec<_> = (0..4).map(|offset| world.ping("m", offset)).collect();
    for row in &history {
        store.write(world.shard, ShardBatch { history: vec![row.clone()], ..at(1) }).await.unwrap();
    }
    for cell in BAD_CELLS {
        damage(directory.path(), "history", "log_offset = 2", cell);
        let before = counted("store_damaged_rows_total{table=history}");
        assert_eq!(listed(&store, &world, 9).await, [3, 1, 0]);
        assert_eq!(listed(&store, &world, 1).await, [3, 1, 0], "one by one");
        assert!(counted("store_damaged_rows_total{table=history}") >= before + 2);
    }
    // A replay that holds the ping in another row heals it.
    store.write(world.shard, ShardBatch { history, ..at(2) }).await.unwrap();
    assert_eq!(listed(&store, &world, 2).await, [3, 2, 1, 0]);
}

/// As long as pages stay short, no page looks at damage for ever.
#[tokio::test]
async fn a_page_ends_amid_many_damaged_pings() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let world = World::new();
    for offset in 0..30 {
        let history = (offset * 10..offset * 10 + 10).map(|offset| world.ping("m", offset)).collect();
        store.write(world.shard, ShardBatch { history, ..at(1) }).await.unwrap();
    }
    let damaged = "log_offset not in (9, 159)";
    let sql = format!("update history set cell = x'' where {damaged}");
    assert_eq!(raw(directory.path()).execute(&sql, ()).unwrap(), 28);
    let expected: Vec<u64> = (150..160).rev().chain((0..10).rev()).collect();
    let first = store.history(world.monitor_id("m"), 3, None).await.unwrap();
    assert!(first.rows.is_empty() && first.next.is_some(), "{first:?}");
    for limit in [1, 2, 3, 10, 11, 100] {
        assert_eq!(listed(&store, &world, limit).await, expected, "pages of {limit}");
    }
}

/// The offsets of all pages.
async fn listed(store: &EmbeddedStore, world: &World, limit: u32) -> Vec<u64> {
    let (mut offsets, mut after) = (Vec::new(), None);
    for _ in 0..1_000 {
        let page = store.history(world.monitor_id("m"), limit, after.as_deref()).await.unwrap();
        offsets.extend(page.rows.iter().map(|row| row.offset));
        after = page.next;
        if after.is_none() {
            return offsets;
        }
    }
    panic!("a list without an end");
}

#[tokio::test]
async fn a_cursor_passes_a_damaged_transition() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let world = World::new();
    let cursor = store.transitions_since(world.tenant, 9, None).await.unwrap().next;
    let rows: Vec<_> = (0..4).map(|nth| world.transition("m", nth, nth as u64)).collect();
    store.write(world.shard, ShardBatch { transitions: rows.clone(), ..at(1) }).await.unwrap();
    damage(directory.path(), "transition", "log_offset = 3", b"");
    damage(directory.path(), "transition", "log_offset = 1", b"");

    let page = store.transitions_since(world.tenant, 9, cursor.as_deref()).await.unwrap();
    assert_eq!(page.rows, [rows[0].clone(), rows[2].clone()]);
    let rest = store.transitions_since(world.tenant, 9, page.next.as_deref()).await.unwrap();
    assert_eq!((rest.rows, rest.next), (vec![], page.next));
    assert_eq!(store.transitions(world.monitor_id("m"), 9, None).await.unwrap().rows.len(), 2);
    assert!(is_damaged(store.transition_by_id(world.tenant, rows[3].id).await, "transition"));
    assert!(is_damaged(store.transition(world.shard, 0, rows[1].id).await, "transition"));
}

#[tokio::test]
async fn damaged_rows_of_the_directory_and_of_channels() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let world = World::new();
    let (a, b) = (world.channel("a"), world.channel("b"));
    for channel in [&a, &b] {
        store.add_channel(channel.clone()).await.unwrap();
    }
    let key = world.api_key("ci");
    store.add_api_key(key.clone()).await.unwrap();
    let deliveries = (0..3).map(|nth| world.delivery(a.id, nth, nth as i64)).collect::<Vec<_>>();
    store.write(world.shard, ShardBatch { deliveries: deliveries.clone(), ..at(1) }).await.unwrap();

    damage(directory.path(), "channel", "name = 'a'", b"\x00\x09");
    damage(directory.path(), "api_key", "true", b"");
    damage(directory.path(), "delivery", "created_ms = 1", b"");
    assert_eq!(store.channels(world.tenant).await, Ok(vec![b]));
    assert!(is_damaged(store.channel(a.id).await, "channel"));
    assert!(is_damaged(store.channel_by_name(world.tenant, "a").await, "channel"));
    assert_eq!(store.api_keys(world.tenant).await, Ok(vec![]));
    assert!(is_damaged(store.api_key(&key.prefix).await, "api_key"));
    assert_eq!(store.deliveries(a.id, 9, None).await.unwrap().rows.len(), 2);
    assert!(is_damaged(store.delivery(deliveries[1].id).await, "delivery"));
}
