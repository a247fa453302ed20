//! What a shard's owner writes and reads back.

use super::encode::{register, rows, spans};
use super::{ScyllaStore, keys, snapshot};
use crate::cell::Cell;
use crate::row::ShardOwner;
use crate::{ChunkKey, ShardBatch, ShardTables, SnapshotWrite, StoreError};
use async_trait::async_trait;
use domain::ids::{ShardId, TransitionId};
use domain::transition::Transition;

/// The register of a shard's own cells, and their names.
pub(super) const SHARD: &str = "shard";
pub(super) const MANIFEST: &str = "manifest";
const OWNER: &str = "owner";
const CELL_VERSION: [u8; 2] = [0, 1];

#[async_trait]
impl ShardTables for ScyllaStore {
    /// The rows first, and then the feed that points to them.
    async fn write(&self, _shard: ShardId, batch: ShardBatch) -> Result<(), StoreError> {
        let spans = self.spans.unknown(spans(&batch));
        let feed = self.plan_feed(&batch).await?;
        self.db.put_all(rows(&self.db, &batch, &spans)).await?;
        self.spans.learn(&spans);
        self.write_feed(batch.hlt_us, feed).await
    }

    async fn save_snapshot(&self, shard: ShardId, snapshot: SnapshotWrite) -> Result<(), StoreError> {
        snapshot::save(&self.db, shard, snapshot).await
    }

    async fn load_manifest(&self, shard: ShardId) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.register_of(shard, MANIFEST).await?;
        Ok(found.map(|(manifest, _)| manifest))
    }

    async fn load_chunks(&self, shard: ShardId, keys: &[ChunkKey]) -> Result<Vec<Vec<u8>>, StoreError> {
        snapshot::load(&self.db, shard, keys).await
    }

    /// By id alone: that is how the rows lie.
    async fn transition(
        &self,
        _shard: ShardId,
        _known_ms: i64,
        id: TransitionId,
    ) -> Result<Option<Transition>, StoreError> {
        self.transition_of_id(id).await
    }

    /// The last claim stands, whatever the clocks of those who claim: each is dated after the one it found.
    async fn claim_shard(&self, shard: ShardId, owner: ShardOwner) -> Result<(), StoreError> {
        let found = self.register_of(shard, OWNER).await?;
        let after_found = found.map_or(i64::MIN, |(_, written_us)| written_us.saturating_add(1));
        let timestamp_us = owner.since_ms.saturating_mul(1_000).max(after_found);
        self.put_owner(shard, owner_to_cell(&owner), timestamp_us).await
    }

    /// Writes that nobody claims the shard, dated so closely after the claim that any later one outlives it.
    async fn step_down(&self, shard: ShardId, owner: &ShardOwner) -> Result<(), StoreError> {
        match self.register_of(shard, OWNER).await? {
            Some((cell, written_us)) if cell == owner_to_cell(owner) => {
                // Of two cells with one timestamp the larger counts, and this one is the least.
                self.put_owner(shard, CELL_VERSION.to_vec(), written_us.saturating_add(1)).await
            }
            _ => Ok(()),
        }
    }

    async fn shard_owner(&self, shard: ShardId) -> Result<Option<ShardOwner>, StoreError> {
        match self.register_of(shard, OWNER).await? {
            Some((cell, _)) if cell != CELL_VERSION => owner_from_cell(&cell).map(Some),
            _ => Ok(None),
        }
    }
}

impl ScyllaStore {
    /// A cell of a shard and its timestamp.
    async fn register_of(&self, shard: ShardId, name: &str) -> Result<Option<(Vec<u8>, i64)>, StoreError> {
        let key = (SHARD, i64::from(shard.0), name);
        let found = self.db.one::<(Option<Vec<u8>>, Option<i64>)>(&self.db.statements.register, key).await?;
        Ok(found.and_then(|(cell, written_us)| cell.zip(written_us)))
    }

    async fn put_owner(&self, shard: ShardId, cell: Vec<u8>, timestamp_us: i64) -> Result<(), StoreError> {
        let put = register(&self.db, (SHARD, i64::from(shard.0)), OWNER.to_owned(), cell, timestamp_us);
        self.db.put_all(vec![put]).await
    }

    pub(super) async fn transition_of_id(&self, id: TransitionId) -> Result<Option<Transition>, StoreError> {
        let key = (id.0.to_vec(),);
        let found = self.db.one::<(Option<Vec<u8>>, Option<i64>)>(&self.db.statements.transition_by_id, key).await?;
        found.and_then(|(cell, _)| cell).map(|cell| Transition::from_stored(&cell)).transpose()
    }
}

/// Version, node, since, address.
pub(super) fn owner_to_cell(owner: &ShardOwner) -> Vec<u8> {
    [&CELL_VERSION[..], &owner.node.to_be_bytes(), &owner.since_ms.to_be_bytes(), owner.address.as_bytes()].concat()
}

pub(super) fn owner_from_cell(cell: &[u8]) -> Result<ShardOwner, StoreError> {
    let read = || {
        let (node, rest) = cell.strip_prefix(&CELL_VERSION)?.split_first_chunk()?;
        let (since, address) = rest.split_first_chunk()?;
        let address = String::from_utf8(address.to_vec()).ok()?;
        Some(ShardOwner { address, node: u64::from_be_bytes(*node), since_ms: i64::from_be_bytes(*since) })
    };
    read().ok_or_else(|| StoreError::Damaged { table: "register", problem: "not an owner's cell".into() })
}

/// The key of a shard's cell, for a write.
pub(super) fn of_shard(shard: ShardId) -> (&'static str, i64) {
    (SHARD, keys::shard(shard).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_comes_back_and_nobody_is_the_least_cell() {
        let owner = ShardOwner { address: "[::1]:7".into(), node: u64::MAX, since_ms: -5 };
        let cell = owner_to_cell(&owner);
        assert!(cell > CELL_VERSION.to_vec());
        assert_eq!(owner_from_cell(&cell), Ok(owner));
        assert!(owner_from_cell(&cell[..9]).is_err() && owner_from_cell(&[0, 2]).is_err());
    }
}
