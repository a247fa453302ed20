//! Copies taken while the store is written.

use super::open;
use std::sync::atomic::{AtomicU64, Ordering};
use store::conformance::world::{World, at};
use store::{ShardBatch, ShardTables, StoreError, TenantReads};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_taken_amid_writes_is_one_state_of_the_store() {
    let (directory, into) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let target = into.path().join("copy");
    let store = open(directory.path());
    let world = World::new();
    let (acked, stop) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
    let step = |number: u64| {
        let transitions = vec![world.transition("m", number as usize, number)];
        ShardBatch { history: vec![world.ping("m", number)], transitions, ..at(number as i64) }
    };
    let writes = async {
        let mut number = 0;
        while number < stop.load(Ordering::Relaxed) {
            number += 1;
            store.write(world.shard, step(number)).await.unwrap();
            acked.store(number, Ordering::Relaxed);
        }
        number
    };
    let copy = async {
        while acked.load(Ordering::Relaxed) < 50 {
            tokio::task::yield_now().await;
        }
        let before = acked.load(Ordering::Relaxed);
        let (from, into) = (store.clone(), target.clone());
        let bytes = tokio::task::spawn_blocking(move || from.backup(&into)).await.unwrap().unwrap();
        stop.store(acked.load(Ordering::Relaxed) + 20, Ordering::Relaxed);
        (before, bytes)
    };
    let (written, (before, bytes)) = tokio::join!(writes, copy);
    assert_eq!(bytes, std::fs::metadata(target.join("store.sqlite")).unwrap().len());

    let copied = open(&target);
    let pings = copied.history(world.monitor_id("m"), 1_000, None).await.unwrap().rows;
    let transitions = copied.transitions(world.monitor_id("m"), 1_000, None).await.unwrap().rows;
    let newest = pings.first().map(|row| row.offset).unwrap();
    assert!(before <= newest && newest < written, "{before} <= {newest} < {written}");
    assert_eq!((pings.len(), transitions.len()), (newest as usize, newest as usize), "a prefix without holes");
    copied.write(world.shard, step(written + 1)).await.unwrap();
}

#[tokio::test]
async fn a_copy_overwrites_nothing_and_leaves_no_parts() {
    let (directory, into) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let store = open(directory.path());
    let own_place = store.backup(directory.path());
    assert!(matches!(own_place, Err(StoreError::Conflict(_))), "{own_place:?}");

    std::fs::write(into.path().join("store.sqlite.part"), "of a copy that was cut off").unwrap();
    store.backup(into.path()).unwrap();
    let before = std::fs::read(into.path().join("store.sqlite")).unwrap();
    let again = store.backup(into.path());
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
    assert_eq!(std::fs::read(into.path().join("store.sqlite")).unwrap(), before);
    assert_eq!(std::fs::read_dir(into.path()).unwrap().count(), 1);
}
