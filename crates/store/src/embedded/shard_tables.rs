//! What a shard's owner writes and reads back.

use super::EmbeddedStore;
use super::batch::Encoded;
use super::connection::broken;
use super::snapshot;
use super::writer::Safety;
use crate::cell::Cell;
use crate::row::ShardOwner;
use crate::{ChunkKey, ShardBatch, ShardTables, SnapshotWrite, StoreError};
use async_trait::async_trait;
use domain::ids::{ShardId, TransitionId};
use domain::transition::Transition;
use rusqlite::{Connection, OptionalExtension, params};

const TRANSITION: &str = "select cell from transition where id = ?1";
const OWNER: &str = "select address, node, since_ms from shard_owner where shard = ?1";
const CLAIM: &str = "insert into shard_owner (shard, address, node, since_ms) values (?1, ?2, ?3, ?4)
    on conflict do update set address = excluded.address, node = excluded.node, since_ms = excluded.since_ms";
const STEP_DOWN: &str = "delete from shard_owner where shard = ?1 and address = ?2 and node = ?3 and since_ms = ?4";

#[async_trait]
impl ShardTables for EmbeddedStore {
    async fn write(&self, _shard: ShardId, batch: ShardBatch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let encoded = Encoded::new(batch);
        self.writer.run_safely(Safety::Process, encoded.rows(), move |connection| encoded.write(connection)).await
    }

    async fn save_snapshot(&self, shard: ShardId, snapshot: SnapshotWrite) -> Result<(), StoreError> {
        let rows = snapshot.chunks.len() + snapshot.forget.len() + 1;
        self.writer.run(rows, move |connection| snapshot::save(connection, shard, &snapshot)).await
    }

    async fn load_manifest(&self, shard: ShardId) -> Result<Option<Vec<u8>>, StoreError> {
        self.readers.run(move |connection| snapshot::manifest(connection, shard)).await
    }

    async fn load_chunks(&self, shard: ShardId, keys: &[ChunkKey]) -> Result<Vec<Vec<u8>>, StoreError> {
        let keys = keys.to_vec();
        self.readers.run(move |connection| snapshot::chunks(connection, shard, &keys)).await
    }

    async fn transition(&self, _: ShardId, _known_ms: i64, id: TransitionId) -> Result<Option<Transition>, StoreError> {
        self.readers.run(move |connection| transition(connection, id)).await
    }

    async fn claim_shard(&self, shard: ShardId, owner: ShardOwner) -> Result<(), StoreError> {
        let values = move |connection: &Connection| {
            let values = params![shard.0, owner.address, owner.node as i64, owner.since_ms];
            connection.prepare_cached(CLAIM)?.execute(values)
        };
        self.writer.run(1, move |connection| values(connection).map(drop).map_err(broken)).await
    }

    async fn step_down(&self, shard: ShardId, owner: &ShardOwner) -> Result<(), StoreError> {
        let owner = owner.clone();
        let remove = move |connection: &Connection| {
            let values = params![shard.0, owner.address, owner.node as i64, owner.since_ms];
            connection.prepare_cached(STEP_DOWN)?.execute(values)
        };
        self.writer.run(1, move |connection| remove(connection).map(drop).map_err(broken)).await
    }

    async fn shard_owner(&self, shard: ShardId) -> Result<Option<ShardOwner>, StoreError> {
        self.readers.run(move |connection| owner(connection, shard).map_err(broken)).await
    }
}

/// By id alone: one file needs no partition.
pub(super) fn transition(connection: &Connection, id: TransitionId) -> Result<Option<Transition>, StoreError> {
    let cell =
        || connection.prepare_cached(TRANSITION)?.query_row([&id.0[..]], |row| row.get::<_, Vec<u8>>(0)).optional();
    cell().map_err(broken)?.map(|cell| Transition::from_stored(&cell)).transpose()
}

fn owner(connection: &Connection, shard: ShardId) -> rusqlite::Result<Option<ShardOwner>> {
    let read = |row: &rusqlite::Row<'_>| {
        Ok(ShardOwner { address: row.get(0)?, node: row.get::<_, i64>(1)? as u64, since_ms: row.get(2)? })
    };
    connection.prepare_cached(OWNER)?.query_row([shard.0], read).optional()
}
