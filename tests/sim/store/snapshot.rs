//! Snapshots: chunks, then the manifest, then the old chunks go. An older snapshot changes nothing, as in the embedded
//! store: its chunks would be named by no manifest, and what it wants forgotten may be named by the newer one.

use super::audit::{Key, Step};
use super::tables::Tables;
use super::write::put;
use ::store::{ChunkKey, SnapshotWrite, StoreError};
use domain::ids::ShardId;
use rand::Rng;
use rand::rngs::StdRng;
use std::sync::Arc;

impl Tables {
    pub(super) fn save_snapshot(&mut self, by: &Arc<str>, shard: ShardId, snapshot: SnapshotWrite) {
        let SnapshotWrite { hlt_us, chunks, manifest, forget } = snapshot;
        let mut step = chunks_of(by, shard, hlt_us, &chunks);
        step.add(Key::Manifest(shard), &manifest);
        self.audit.note(step);
        let turn = self.next_turn();
        if !put(&mut self.manifests, shard, turn, hlt_us, manifest) {
            return;
        }
        self.chunks.extend(chunks.into_iter().map(|(key, bytes)| ((shard, key), bytes)));
        forget.iter().for_each(|key| drop(self.chunks.remove(&(shard, *key))));
    }

    /// A writer that got no further than some of the chunks.
    pub(super) fn save_some_chunks(&mut self, by: &Arc<str>, shard: ShardId, write: SnapshotWrite, mut dice: StdRng) {
        let some: Vec<_> = write.chunks.into_iter().filter(|_| dice.random()).collect();
        self.audit.note(chunks_of(by, shard, write.hlt_us, &some));
        self.chunks.extend(some.into_iter().map(|(key, bytes)| ((shard, key), bytes)));
    }

    pub(super) fn load_chunks(&self, shard: ShardId, keys: &[ChunkKey]) -> Result<Vec<Vec<u8>>, StoreError> {
        let chunk = |key: &ChunkKey| self.chunks.get(&(shard, *key)).cloned().ok_or_else(|| missing(shard, key));
        keys.iter().map(chunk).collect()
    }

    pub(super) fn corrupt_snapshot(&mut self, shard: ShardId, dice: &mut StdRng) -> Option<String> {
        let manifest = self.manifests.get_mut(&shard).map(|row| ("manifest".to_owned(), row.now_mut()));
        let chunks = self.chunks.iter_mut().filter(|((of, _), _)| *of == shard);
        let chunks = chunks.map(|((_, key), bytes)| (format!("{key:?}"), bytes));
        let mut blobs: Vec<_> = manifest.into_iter().chain(chunks).filter(|(_, bytes)| !bytes.is_empty()).collect();
        if blobs.is_empty() {
            return None;
        }
        let (name, bytes) = blobs.swap_remove(dice.random_range(0..blobs.len()));
        let at = dice.random_range(0..bytes.len());
        bytes[at] ^= dice.random_range(1..=u8::MAX);
        Some(format!("byte {at} of {name} of shard {shard}"))
    }
}

fn chunks_of<'a>(by: &'a Arc<str>, shard: ShardId, hlt_us: i64, chunks: &[(ChunkKey, Vec<u8>)]) -> Step<'a> {
    let mut step = Step::new(by, hlt_us);
    chunks.iter().for_each(|(key, bytes)| step.add(Key::Chunk(shard, *key), bytes));
    step
}

fn missing(shard: ShardId, ChunkKey { kind, index, epoch }: &ChunkKey) -> StoreError {
    let problem = format!("shard {shard} has no chunk {index} of kind {kind} and epoch {epoch}");
    StoreError::Damaged { table: "snapshot_chunk", problem }
}
