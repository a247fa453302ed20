//! A snapshot that is replaced while another node loads it.

use crate::support::open;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use store::conformance::world::{World, at};
use store::scylla::ScyllaStore;
use store::{ChunkKey, ShardTables, SnapshotWrite, StoreError};

const CHUNKS: u32 = 6;
const SNAPSHOTS: u64 = 40;

fn keys(epoch: u64) -> Vec<ChunkKey> {
    (0..CHUNKS).map(|index| ChunkKey { kind: 0, index, epoch }).collect()
}

/// Every chunk says its epoch, as does the manifest.
fn snapshot(epoch: u64) -> SnapshotWrite {
    let chunks = keys(epoch).into_iter().map(|key| (key, epoch.to_be_bytes().repeat(5_000))).collect();
    let forget = if epoch > 1 { keys(epoch - 1) } else { Vec::new() };
    SnapshotWrite { hlt_us: at(epoch as i64).hlt_us, chunks, manifest: epoch.to_be_bytes().to_vec(), forget }
}

async fn manifest(store: &ScyllaStore, world: &World) -> u64 {
    let manifest = store.load_manifest(world.shard).await.unwrap().unwrap();
    u64::from_be_bytes(manifest.try_into().unwrap())
}

/// Loads what the manifest names; one that was replaced meanwhile is loaded again.
async fn load(store: &ScyllaStore, world: &World) -> u64 {
    loop {
        let epoch = manifest(store, world).await;
        match store.load_chunks(world.shard, &keys(epoch)).await {
            Ok(chunks) => {
                let whole = chunks.iter().all(|chunk| *chunk == epoch.to_be_bytes().repeat(5_000));
                assert!(whole && chunks.len() == CHUNKS as usize, "snapshot {epoch} is mixed with another");
                return epoch;
            }
            Err(StoreError::Damaged { .. }) => {
                assert!(manifest(store, world).await > epoch, "snapshot {epoch} stands and lacks a chunk");
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_loads_gets_one_whole_snapshot() {
    let (writer, reader) = (open().await, open().await);
    let world = Arc::new(World::new());
    writer.save_snapshot(world.shard, snapshot(1)).await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let writing = {
        let (world, done) = (world.clone(), done.clone());
        tokio::spawn(async move {
            for epoch in 2..=SNAPSHOTS {
                writer.save_snapshot(world.shard, snapshot(epoch)).await.unwrap();
            }
            done.store(true, Ordering::Release);
        })
    };
    let (mut last, mut loads) = (0, 0);
    while !done.load(Ordering::Acquire) {
        let epoch = load(&reader, &world).await;
        assert!(epoch >= last, "snapshot {epoch} after {last}");
        (last, loads) = (epoch, loads + 1);
    }
    writing.await.unwrap();
    assert_eq!(load(&reader, &world).await, SNAPSHOTS);
    assert!(loads > 1, "it was loaded only {loads} times meanwhile");
}
