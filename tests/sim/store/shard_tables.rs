//! What a shard's owner writes and reads back.

use super::client::SimStoreClient;
use super::faults::Kind;
use super::tables::Tables;
use super::write::{put, tear};
use ::store::row::ShardOwner;
use ::store::{ChunkKey, ShardBatch, ShardTables, SnapshotWrite, Store, StoreError};
use async_trait::async_trait;
use domain::ids::{ShardId, TransitionId};
use domain::transition::Transition;

#[async_trait]
impl ShardTables for SimStoreClient {
    async fn write(&self, _shard: ShardId, mut batch: ShardBatch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let work = |tables: &mut Tables, torn| {
            if let Some(dice) = torn {
                tear(&mut batch, dice);
            }
            tables.write(&self.name, batch);
            Ok(())
        };
        self.tearing(work).await
    }

    async fn save_snapshot(&self, shard: ShardId, snapshot: SnapshotWrite) -> Result<(), StoreError> {
        let work = |tables: &mut Tables, torn| {
            match torn {
                Some(dice) => tables.save_some_chunks(&self.name, shard, snapshot, dice),
                None => tables.save_snapshot(&self.name, shard, snapshot),
            }
            Ok(())
        };
        self.tearing(work).await
    }

    async fn load_manifest(&self, shard: ShardId) -> Result<Option<Vec<u8>>, StoreError> {
        let work = |tables: &Tables, age| Ok(tables.manifests.get(&shard).and_then(|row| row.aged(age)).cloned());
        self.look(Kind::Manifest, work).await
    }

    async fn load_chunks(&self, shard: ShardId, keys: &[ChunkKey]) -> Result<Vec<Vec<u8>>, StoreError> {
        self.look(Kind::Never, |tables, _| tables.load_chunks(shard, keys)).await
    }

    async fn transition(
        &self,
        _shard: ShardId,
        _known_ms: i64,
        id: TransitionId,
    ) -> Result<Option<Transition>, StoreError> {
        self.look(Kind::Outbox, |tables, age| Ok(tables.transition(id, age))).await
    }

    async fn claim_shard(&self, shard: ShardId, owner: ShardOwner) -> Result<(), StoreError> {
        let work = |tables: &mut Tables| {
            tables.put_owner(shard, Some(owner));
            Ok(())
        };
        self.change(work).await
    }

    async fn step_down(&self, shard: ShardId, owner: &ShardOwner) -> Result<(), StoreError> {
        let work = |tables: &mut Tables| {
            let stands = tables.owners.get(&shard).is_some_and(|row| row.now().as_ref() == Some(owner));
            if stands {
                tables.put_owner(shard, None);
            }
            Ok(())
        };
        self.change(work).await
    }

    async fn shard_owner(&self, shard: ShardId) -> Result<Option<ShardOwner>, StoreError> {
        let work =
            |tables: &Tables, age| Ok(tables.owners.get(&shard).and_then(|row| row.aged(age)).cloned().flatten());
        self.look(Kind::Row, work).await
    }
}

impl Tables {
    /// Whoever comes last stands: a claim carries no time of the log's.
    fn put_owner(&mut self, shard: ShardId, owner: Option<ShardOwner>) {
        let turn = self.next_turn();
        put(&mut self.owners, shard, turn, 0, owner);
    }
}

#[async_trait]
impl Store for SimStoreClient {
    async fn expire(&self, history_before_ms: i64, transitions_before_ms: i64) -> Result<u64, StoreError> {
        self.change(|tables| Ok(tables.expire(history_before_ms, transitions_before_ms))).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.change(|_| Ok(())).await
    }
}
