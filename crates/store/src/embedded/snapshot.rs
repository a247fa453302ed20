//! Snapshots: chunks, manifest and the forgetting of old chunks are one transaction.

use super::connection::broken;
use crate::{ChunkKey, SnapshotWrite, StoreError, metric};
use domain::ids::ShardId;
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

const PUT_MANIFEST: &str = "insert into snapshot_manifest (shard, hlt, bytes) values (?1, ?2, ?3)
    on conflict do update set hlt = excluded.hlt, bytes = excluded.bytes where excluded.hlt >= hlt";
const PUT_CHUNK: &str = "insert into snapshot_chunk (shard, kind, idx, epoch, bytes) values (?1, ?2, ?3, ?4, ?5)
    on conflict do update set bytes = excluded.bytes";
const FORGET_CHUNK: &str = "delete from snapshot_chunk where shard = ?1 and kind = ?2 and idx = ?3 and epoch = ?4";
const MANIFEST: &str = "select bytes from snapshot_manifest where shard = ?1";
const CHUNK: &str = "select bytes from snapshot_chunk where shard = ?1 and kind = ?2 and idx = ?3 and epoch = ?4";

/// Keeps a snapshot. An older one than what is stored changes nothing: its chunks would be named by no
/// manifest, and what it wants forgotten may be named by the newer one.
pub(super) fn save(connection: &Connection, shard: ShardId, snapshot: &SnapshotWrite) -> Result<(), StoreError> {
    if put_manifest(connection, shard, snapshot).map_err(broken)? == 0 {
        metric::count_stale_writes(1);
        return Ok(());
    }
    put_chunks(connection, shard, snapshot).map_err(broken)?;
    forget(connection, shard, snapshot).map_err(broken)
}

fn put_manifest(connection: &Connection, shard: ShardId, snapshot: &SnapshotWrite) -> rusqlite::Result<usize> {
    connection.prepare_cached(PUT_MANIFEST)?.execute(params![shard.0, snapshot.hlt_us, snapshot.manifest])
}

fn put_chunks(connection: &Connection, shard: ShardId, snapshot: &SnapshotWrite) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(PUT_CHUNK)?;
    snapshot.chunks.iter().try_for_each(|(key, bytes)| {
        statement.execute(params![shard.0, key.kind, key.index, key.epoch as i64, bytes]).map(drop)
    })
}

fn forget(connection: &Connection, shard: ShardId, snapshot: &SnapshotWrite) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(FORGET_CHUNK)?;
    snapshot
        .forget
        .iter()
        .try_for_each(|key| statement.execute(params![shard.0, key.kind, key.index, key.epoch as i64]).map(drop))
}

pub(super) fn manifest(connection: &Connection, shard: ShardId) -> Result<Option<Vec<u8>>, StoreError> {
    let read = || connection.prepare_cached(MANIFEST)?.query_row([shard.0], |row| row.get(0)).optional();
    read().map_err(broken)
}

/// In the order asked, from one state of the file.
pub(super) fn chunks(connection: &Connection, shard: ShardId, keys: &[ChunkKey]) -> Result<Vec<Vec<u8>>, StoreError> {
    let transaction = connection.unchecked_transaction().map_err(broken)?;
    let mut statement = transaction.prepare_cached(CHUNK).map_err(broken)?;
    keys.iter().map(|key| chunk(&mut statement, shard, key)).collect()
}

fn chunk(statement: &mut CachedStatement<'_>, shard: ShardId, key: &ChunkKey) -> Result<Vec<u8>, StoreError> {
    let values = params![shard.0, key.kind, key.index, key.epoch as i64];
    let bytes = statement.query_row(values, |row| row.get(0)).optional().map_err(broken)?;
    bytes.ok_or_else(|| missing(shard, key))
}

fn missing(shard: ShardId, key: &ChunkKey) -> StoreError {
    let ChunkKey { kind, index, epoch } = key;
    let problem = format!("shard {shard} has no chunk {index} of kind {kind} and epoch {epoch}");
    StoreError::Damaged { table: "snapshot_chunk", problem }
}
