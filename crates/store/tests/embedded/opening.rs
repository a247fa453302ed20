//! What is opened, and what is refused with a reason.

use super::{open, raw};
use store::StoreError;
use store::conformance::world::{World, at};
use store::embedded::EmbeddedStore;
use store::{Directory, ShardBatch, ShardTables, SnapshotWrite, Store, TenantReads};

fn refusal(directory: &std::path::Path) -> String {
    let Err(StoreError::Broken(problem)) = EmbeddedStore::open(directory) else { panic!("it should be refused") };
    problem
}

#[tokio::test]
async fn a_store_that_is_opened_again_holds_all_it_held() {
    let directory = tempfile::tempdir().unwrap();
    let inside = directory.path().join("made/by/the/store");
    let world = World::new();
    let channel = world.channel("ops");
    let batch = ShardBatch {
        monitors: vec![world.monitor("m", &["t"])],
        statuses: vec![world.down("m", 5)],
        history: vec![world.ping("m", 1)],
        transitions: vec![world.transition("m", 1, 1)],
        deliveries: vec![world.delivery(channel.id, 1, 5)],
        ..at(1)
    };
    let snapshot = SnapshotWrite { manifest: b"manifest".to_vec(), ..SnapshotWrite::default() };
    {
        let store = open(&inside);
        store.write(world.shard, batch.clone()).await.unwrap();
        store.save_snapshot(world.shard, snapshot).await.unwrap();
        store.add_channel(channel.clone()).await.unwrap();
    }
    let left: Vec<_> = std::fs::read_dir(&inside).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["store.sqlite"], "a clean end leaves one file");

    let store = open(&inside);
    assert_eq!(world.listed(&*store, &["t"]).await, ["m"]);
    assert_eq!(store.open_incidents(world.tenant, 9, None).await.unwrap().rows.len(), 1);
    assert_eq!(store.history(world.monitor_id("m"), 9, None).await.unwrap().rows, batch.history);
    assert_eq!(store.transitions(world.monitor_id("m"), 9, None).await.unwrap().rows, batch.transitions);
    assert_eq!(store.deliveries(channel.id, 9, None).await.unwrap().rows, batch.deliveries);
    assert_eq!(store.load_manifest(world.shard).await.unwrap().as_deref(), Some(&b"manifest"[..]));
    assert_eq!(store.channels(world.tenant).await.unwrap(), [channel]);
    store.ping().await.unwrap();
}

#[test]
fn a_newer_format_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(open(directory.path()));
    raw(directory.path()).pragma_update(None, "user_version", 1_000).unwrap();
    let problem = refusal(directory.path());
    assert!(problem.contains("store.sqlite has format 1000") && problem.contains("start a newer one"), "{problem}");
    let version: i64 = raw(directory.path()).pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 1_000, "and left as it was");
}

#[test]
fn what_is_not_a_store_is_refused_by_its_name() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("store.sqlite"), "no database, but a text of some length".repeat(200))
        .unwrap();
    assert!(refusal(directory.path()).contains("store.sqlite"));

    let other = tempfile::tempdir().unwrap();
    raw(other.path()).execute_batch("create table theirs (x)").unwrap();
    let problem = refusal(other.path());
    assert!(problem.contains("store.sqlite is not a store"), "{problem}");

    let in_the_way = other.path().join("file");
    std::fs::write(&in_the_way, "").unwrap();
    assert!(refusal(&in_the_way).contains("file"));
}
