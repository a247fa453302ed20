//! Snapshots: chunks, then the manifest that makes them count, then the forgotten ones go. A reader that finds
//! a chunk gone has an old manifest: it loads the new one.

use super::db::Db;
use super::encode::{pair, register};
use super::keys;
use super::put::{Put, Table, in_order};
use super::shard_tables::{MANIFEST, of_shard};
use crate::{ChunkKey, SnapshotWrite, StoreError};
use domain::ids::ShardId;
use scylla::value::CqlValue::{self, BigInt, Blob, Int, SmallInt};

/// Chunks read at once: some hundreds of kilobytes each, one to an answer.
const LOADS: usize = 16;

pub(super) async fn save(db: &Db, shard: ShardId, snapshot: SnapshotWrite) -> Result<(), StoreError> {
    let hlt = snapshot.hlt_us;
    db.put_all(snapshot.chunks.into_iter().map(|(key, bytes)| put(db, shard, key, bytes, hlt)).collect()).await?;
    db.put_all(vec![register(db, of_shard(shard), MANIFEST.to_owned(), snapshot.manifest, hlt)]).await?;
    db.put_all(snapshot.forget.iter().map(|key| drop_chunk(db, shard, *key, hlt)).collect()).await
}

/// In the order asked.
pub(super) async fn load(db: &Db, shard: ShardId, keys: &[ChunkKey]) -> Result<Vec<Vec<u8>>, StoreError> {
    in_order(LOADS, keys.iter().map(|key| load_one(db, shard, *key))).await
}

async fn load_one(db: &Db, shard: ShardId, key: ChunkKey) -> Result<Vec<u8>, StoreError> {
    let found = db.one::<(Option<Vec<u8>>,)>(&db.statements.chunk, place(shard, key).to_vec()).await?;
    found.and_then(|(bytes,)| bytes).ok_or_else(|| missing(shard, key))
}

/// The columns of the key.
fn place(shard: ShardId, key: ChunkKey) -> [CqlValue; 5] {
    [
        Int(keys::shard(shard)),
        SmallInt(key.kind.into()),
        Int(keys::chunk_group(key.index)),
        Int(key.index as i32),
        BigInt(key.epoch as i64),
    ]
}

fn partition(shard: ShardId, key: ChunkKey) -> (Table, u128) {
    let group = i64::from(key.kind) << 32 | i64::from(keys::chunk_group(key.index));
    (Table::ShardChunk, pair(shard.0.into(), group))
}

fn put(db: &Db, shard: ShardId, key: ChunkKey, bytes: Vec<u8>, hlt: i64) -> Put<'_> {
    let values = place(shard, key).into_iter().chain([Blob(bytes), BigInt(hlt)]).collect();
    Put { partition: partition(shard, key), statement: &db.statements.put_chunk, values }
}

fn drop_chunk(db: &Db, shard: ShardId, key: ChunkKey, hlt: i64) -> Put<'_> {
    let values = [BigInt(hlt)].into_iter().chain(place(shard, key)).collect();
    Put { partition: partition(shard, key), statement: &db.statements.drop_chunk, values }
}

fn missing(shard: ShardId, key: ChunkKey) -> StoreError {
    let ChunkKey { kind, index, epoch } = key;
    let problem = format!("shard {shard} has no chunk {index} of kind {kind} and epoch {epoch}");
    StoreError::Damaged { table: "shard_chunk", problem }
}
