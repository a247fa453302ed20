//! A cursor over the transitions that many writers store.

use super::open;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use store::conformance::world::{BASE_MS, World, at};
use store::embedded::EmbeddedStore;
use store::{ShardBatch, ShardTables, Store, TenantReads};
use tokio::task::JoinSet;

const WRITERS: usize = 8;
const EACH: usize = 60;
const DEADLINE: Duration = Duration::from_secs(120);

async fn write(store: Arc<EmbeddedStore>, world: Arc<World>, lane: usize) {
    for nth in 0..EACH {
        let row = world.transition(&format!("m{lane}"), nth, nth as u64);
        // Twice: a rewrite must neither hide a row nor show it again.
        for _ in 0..2 {
            store.write(world.shard, ShardBatch { transitions: vec![row.clone()], ..at(1) }).await.unwrap();
        }
    }
}

/// All that comes after `cursor`, until there are as many as expected.
async fn watch(store: &dyn Store, world: &World, mut cursor: Option<String>, limit: u32) -> Vec<(usize, u64)> {
    let mut seen = Vec::new();
    while seen.len() < WRITERS * EACH {
        let page = store.transitions_since(world.tenant, limit, cursor.as_deref()).await.unwrap();
        seen.extend(page.rows.iter().map(|row| (row.identity.slug[1..].parse().unwrap(), row.offset)));
        cursor = page.next;
    }
    seen
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_misses_nothing_while_many_write() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let world = Arc::new(World::new());
    let cursor = store.transitions_since(world.tenant, 1, None).await.unwrap().next;
    let mut writers = JoinSet::new();
    (0..WRITERS).for_each(|lane| drop(writers.spawn(write(store.clone(), world.clone(), lane))));

    let watchers =
        async { tokio::join!(watch(&*store, &world, cursor.clone(), 3), watch(&*store, &world, cursor, 500)) };
    let (narrow, wide) = tokio::time::timeout(DEADLINE, watchers).await.expect("transitions were passed by");
    writers.join_all().await;
    assert_eq!(narrow, wide, "one order for everybody");
    assert_eq!(narrow.iter().collect::<BTreeSet<_>>().len(), WRITERS * EACH, "each of them once");
    for lane in 0..WRITERS {
        let of_lane: Vec<_> = narrow.iter().filter(|(of, _)| *of == lane).map(|(_, offset)| *offset).collect();
        assert!(of_lane.is_sorted(), "writer {lane} stored them in order");
    }
}

/// Numbers are not given twice, or a cursor taken before would wait for ever.
#[tokio::test]
async fn a_cursor_outlives_expiry_and_a_new_start() {
    let directory = tempfile::tempdir().unwrap();
    let world = World::new();
    let row = |nth: usize| world.transition("m", nth, nth as u64);
    let cursor = {
        let store = open(directory.path());
        let transitions = (0..5).map(row).collect();
        store.write(world.shard, ShardBatch { transitions, ..at(1) }).await.unwrap();
        let cursor = store.transitions_since(world.tenant, 1, None).await.unwrap().next;
        assert_eq!(store.expire(0, BASE_MS * 2).await, Ok(5));
        cursor
    };
    let store = open(directory.path());
    store.write(world.shard, ShardBatch { transitions: vec![row(9)], ..at(2) }).await.unwrap();
    let page = store.transitions_since(world.tenant, 9, cursor.as_deref()).await.unwrap();
    assert_eq!(page.rows, [row(9)]);
}
