//! Pages are bounded in bytes, and reads in number.

use super::open;
use store::conformance::world::{World, at};
use store::{ShardBatch, ShardTables, TenantReads};
use tokio::task::JoinSet;

#[tokio::test]
async fn a_page_of_large_bodies_stays_small() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let world = World::new();
    let large = |offset| {
        let mut row = world.ping("m", offset);
        row.details.body = vec![7; 100_000];
        row
    };
    store.write(world.shard, ShardBatch { history: (0..60).map(large).collect(), ..at(1) }).await.unwrap();
    let page = store.history(world.monitor_id("m"), 1_000, None).await.unwrap();
    let bytes: usize = page.rows.iter().map(|row| row.details.body.len()).sum();
    assert!((1_900_000..=2_300_000).contains(&bytes), "{bytes} bytes");
    assert!(page.next.is_some());
}

#[tokio::test]
async fn a_page_holds_a_thousand_rows_at_most_and_one_at_least() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let world = World::new();
    let history = (0..1_500).map(|offset| world.ping("m", offset)).collect();
    store.write(world.shard, ShardBatch { history, ..at(1) }).await.unwrap();
    for (asked, given) in [(u32::MAX, 1_000), (0, 1)] {
        assert_eq!(store.history(world.monitor_id("m"), asked, None).await.unwrap().rows.len(), given);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_reads_than_connections_are_all_answered() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let mut reads = JoinSet::new();
    for _ in 0..200 {
        let store = store.clone();
        reads.spawn(async move { store.monitor(World::new().tenant, "m").await });
    }
    assert!(reads.join_all().await.into_iter().all(|read| read == Ok(None)));
}
