//! Snapshots, and who answers for a shard.

use super::world::{World, at};
use crate::row::ShardOwner;
use crate::{ChunkKey, SnapshotWrite, Store, StoreError};

fn key(kind: u8, index: u32, epoch: u64) -> ChunkKey {
    ChunkKey { kind, index, epoch }
}

fn chunk(kind: u8, index: u32, epoch: u64) -> (ChunkKey, Vec<u8>) {
    (key(kind, index, epoch), format!("{kind} {index} {epoch}").into_bytes())
}

fn snapshot(tick: i64, manifest: &str, chunks: Vec<(ChunkKey, Vec<u8>)>, forget: Vec<ChunkKey>) -> SnapshotWrite {
    SnapshotWrite { hlt_us: at(tick).hlt_us, chunks, manifest: manifest.into(), forget }
}

async fn manifest(world: &World, store: &dyn Store) -> Option<String> {
    let bytes = store.load_manifest(world.shard).await.unwrap();
    bytes.map(|bytes| String::from_utf8(bytes).unwrap())
}

pub async fn a_snapshot_comes_back_as_it_was_kept(store: &dyn Store) {
    let world = World::new();
    assert_eq!(manifest(&world, store).await, None);
    assert_eq!(store.load_chunks(world.shard, &[]).await, Ok(vec![]));

    let large = (key(1, 2, u64::from(u32::MAX) + 9), (0..1_000_000u32).map(|n| (n * 7) as u8).collect::<Vec<u8>>());
    let empty = (key(0, 0, 0), Vec::new());
    let write = snapshot(1, "first", vec![large.clone(), empty.clone(), chunk(0, 1, 0)], vec![]);
    for _ in 0..2 {
        store.save_snapshot(world.shard, write.clone()).await.unwrap();
    }
    assert_eq!(manifest(&world, store).await.as_deref(), Some("first"));
    let asked = [key(0, 1, 0), large.0, empty.0, key(0, 1, 0)];
    let read = store.load_chunks(world.shard, &asked).await.unwrap();
    assert!(read == [chunk(0, 1, 0).1, large.1, empty.1, chunk(0, 1, 0).1], "in the order asked");
}

/// Chunks that are kept need not be written again.
pub async fn a_snapshot_replaces_the_one_before(store: &dyn Store) {
    let world = World::new();
    let first = snapshot(1, "first", vec![chunk(0, 0, 10), chunk(0, 1, 10)], vec![]);
    store.save_snapshot(world.shard, first).await.unwrap();
    let second = snapshot(2, "second", vec![chunk(0, 0, 20)], vec![key(0, 0, 10)]);
    store.save_snapshot(world.shard, second).await.unwrap();

    assert_eq!(manifest(&world, store).await.as_deref(), Some("second"));
    let read = store.load_chunks(world.shard, &[key(0, 0, 20), key(0, 1, 10)]).await;
    assert_eq!(read, Ok(vec![chunk(0, 0, 20).1, chunk(0, 1, 10).1]));
    let forgotten = store.load_chunks(world.shard, &[key(0, 0, 10)]).await;
    assert!(matches!(forgotten, Err(StoreError::Damaged { .. })), "{forgotten:?}");
}

pub async fn a_missing_chunk_is_damage(store: &dyn Store) {
    let world = World::new();
    store.save_snapshot(world.shard, snapshot(1, "m", vec![chunk(1, 1, 1)], vec![])).await.unwrap();
    for missing in [key(0, 1, 1), key(1, 0, 1), key(1, 1, 0)] {
        let read = store.load_chunks(world.shard, &[key(1, 1, 1), missing]).await;
        assert!(matches!(read, Err(StoreError::Damaged { .. })), "{missing:?} gave {read:?}");
    }
}

/// What a believed owner that lags behind the true one writes last.
pub async fn an_older_snapshot_changes_nothing(store: &dyn Store) {
    let world = World::new();
    let newer = snapshot(9, "newer", vec![chunk(0, 0, 20)], vec![]);
    store.save_snapshot(world.shard, newer).await.unwrap();
    let older = snapshot(8, "older", vec![chunk(0, 0, 15)], vec![]);
    store.save_snapshot(world.shard, older).await.unwrap();
    assert_eq!(manifest(&world, store).await.as_deref(), Some("newer"));
    assert_eq!(store.load_chunks(world.shard, &[key(0, 0, 20)]).await, Ok(vec![chunk(0, 0, 20).1]));
}

pub async fn shards_keep_their_snapshots_apart(store: &dyn Store) {
    let one = World::new();
    let two = one.neighbour();
    store.save_snapshot(one.shard, snapshot(1, "one", vec![chunk(0, 0, 1)], vec![])).await.unwrap();
    let other = snapshot(1, "two", vec![(key(0, 0, 1), b"two".to_vec())], vec![key(0, 0, 7)]);
    store.save_snapshot(two.shard, other).await.unwrap();
    assert_eq!(manifest(&one, store).await.as_deref(), Some("one"));
    assert_eq!(store.load_chunks(one.shard, &[key(0, 0, 1)]).await, Ok(vec![chunk(0, 0, 1).1]));
    assert_eq!(store.load_chunks(two.shard, &[key(0, 0, 1)]).await, Ok(vec![b"two".to_vec()]));
}

pub async fn the_last_claim_is_the_hint(store: &dyn Store) {
    let world = World::new();
    let owner =
        |node: u64| ShardOwner { address: format!("[::1]:{node}"), node: u64::MAX - node, since_ms: node as i64 };
    assert_eq!(store.shard_owner(world.shard).await, Ok(None));
    for node in [1, 2] {
        store.claim_shard(world.shard, owner(node)).await.unwrap();
        assert_eq!(store.shard_owner(world.shard).await, Ok(Some(owner(node))));
    }
    for _ in 0..2 {
        store.step_down(world.shard, &owner(2)).await.unwrap();
        assert_eq!(store.shard_owner(world.shard).await, Ok(None));
    }
}

/// An owner that was stopped for a while does not take away its successor's claim.
pub async fn only_its_own_claim_is_taken_back(store: &dyn Store) {
    let world = World::new();
    let owner = |since_ms: i64| ShardOwner { address: "127.0.0.1:1".into(), node: 1, since_ms };
    store.claim_shard(world.shard, owner(1)).await.unwrap();
    store.claim_shard(world.shard, owner(2)).await.unwrap();
    store.step_down(world.shard, &owner(1)).await.unwrap();
    assert_eq!(store.shard_owner(world.shard).await, Ok(Some(owner(2))));
}
