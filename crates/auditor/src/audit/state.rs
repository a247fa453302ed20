//! Where an auditor begins that cannot begin at the log's first record: the last snapshot.

use domain::command::MonitorView;
use domain::engine::Engine;
use domain::engine::snapshot::Manifest;
use domain::ids::{MonitorId, ShardId};
use domain::record::Params;
use store::{ChunkKey, Store, StoreError};

/// What is taken from a snapshot.
#[derive(Clone, Debug)]
pub struct Known {
    /// The record to go on with.
    pub next_offset: u64,
    pub now_ms: i64,
    pub params: Params,
    pub monitors: Vec<MonitorView>,
    /// Deleted monitors: their slugs may be used again, with tokens of a later generation.
    pub deleted: Vec<MonitorId>,
    /// The shard's monitors are judged elsewhere.
    pub moved: bool,
}

impl Known {
    /// Of an engine.
    pub fn of(engine: &Engine) -> Self {
        let (mut monitors, mut deleted) = (Vec::new(), Vec::new());
        for monitor in engine.leave().map(|adopted| adopted.monitor()) {
            match engine.view(monitor) {
                Some(view) => monitors.push(view),
                None => deleted.push(monitor),
            }
        }
        let (next_offset, now_ms, params) = (engine.next_offset(), engine.now_ms(), engine.params());
        Self { next_offset, now_ms, params, monitors, deleted, moved: engine.has_moved() }
    }

    /// Of the last snapshot; `None`: there is none.
    pub(super) async fn load(shard: ShardId, store: &dyn Store) -> Result<Option<Self>, StoreError> {
        let damaged =
            |error: domain::codec::CodecError| StoreError::Damaged { table: "shard_chunk", problem: error.to_string() };
        let Some(manifest) = manifest(shard, store).await? else { return Ok(None) };
        let key = |piece: &domain::engine::snapshot::Piece| ChunkKey {
            kind: piece.kind,
            index: piece.index,
            epoch: piece.epoch,
        };
        let keys: Vec<ChunkKey> = manifest.pieces.iter().map(key).collect();
        let pieces = store.load_chunks(shard, &keys).await?;
        Engine::restore(shard, &manifest, &pieces).map(|engine| Some(Self::of(&engine))).map_err(damaged)
    }
}

/// Up to where a snapshot covers the log.
pub(super) async fn covered(shard: ShardId, store: &dyn Store) -> Result<u64, StoreError> {
    Ok(manifest(shard, store).await?.map_or(0, |manifest| manifest.next_offset))
}

async fn manifest(shard: ShardId, store: &dyn Store) -> Result<Option<Manifest>, StoreError> {
    let Some(bytes) = store.load_manifest(shard).await? else { return Ok(None) };
    let read = Manifest::decode(&bytes);
    read.map(Some).map_err(|error| StoreError::Damaged { table: "shard_manifest", problem: error.to_string() })
}
