//! What only a checker wants to know about writes.

use ::store::ChunkKey;
use domain::delivery::Delivery;
use domain::ids::{DeliveryId, MonitorId, ShardId, TenantId, TransitionId};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

/// A state that somebody wrote a delivery to be in.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryWrite {
    /// The client's name.
    pub by: Arc<str>,
    pub hlt_us: i64,
    pub row: Delivery,
    /// Whether it stood: false when a later write was there already.
    pub stood: bool,
}

/// A row that carries a time of the log's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Monitor(TenantId, String),
    Status(TenantId, String),
    History(MonitorId, u64),
    Transition(TransitionId),
    Delivery(DeliveryId),
    Revocation(MonitorId),
    Chunk(ShardId, ChunkKey),
    Manifest(ShardId),
}

#[derive(Default)]
pub(super) struct Audit {
    pub deliveries: BTreeMap<DeliveryId, Vec<DeliveryWrite>>,
    pub conflicts: Vec<String>,
    /// What a row's write of a time held, and who wrote it first.
    written: BTreeMap<(Key, i64), (u64, Arc<str>)>,
}

/// What one call writes: of a row that is in it twice the last state counts.
pub(super) struct Step<'a> {
    by: &'a Arc<str>,
    hlt_us: i64,
    contents: BTreeMap<Key, u64>,
}

impl<'a> Step<'a> {
    pub(super) fn new(by: &'a Arc<str>, hlt_us: i64) -> Self {
        Self { by, hlt_us, contents: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, key: Key, content: &[u8]) {
        // Its keys are fixed: it gives the same for the same bytes everywhere.
        let mut hasher = DefaultHasher::new();
        hasher.write(content);
        self.contents.insert(key, hasher.finish());
    }
}

impl Audit {
    pub(super) fn note(&mut self, step: Step<'_>) {
        let Step { by, hlt_us, contents } = step;
        for (key, content) in contents {
            match self.written.entry((key, hlt_us)) {
                Entry::Vacant(place) => drop(place.insert((content, by.clone()))),
                Entry::Occupied(place) if place.get().0 == content => {}
                Entry::Occupied(place) => {
                    let (key, first) = (&place.key().0, &place.get().1);
                    self.conflicts.push(format!("{key} at {hlt_us} us: `{by}` wrote another content than `{first}`"));
                }
            }
        }
    }

    /// The row is gone: nothing is to be said about it any more.
    pub(super) fn forget(&mut self, key: &Key) {
        let times: Vec<_> = self.written.range((key.clone(), i64::MIN)..=(key.clone(), i64::MAX)).collect();
        let times: Vec<_> = times.into_iter().map(|(place, _)| place.clone()).collect();
        times.iter().for_each(|place| drop(self.written.remove(place)));
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Monitor(tenant, slug) => write!(f, "monitor {tenant}/{slug}"),
            Self::Status(tenant, slug) => write!(f, "status {tenant}/{slug}"),
            Self::History(monitor, offset) => write!(f, "history {monitor}@{offset}"),
            Self::Transition(id) => write!(f, "transition {id}"),
            Self::Delivery(id) => write!(f, "delivery {id}"),
            Self::Revocation(monitor) => write!(f, "revocation {monitor}"),
            Self::Chunk(shard, ChunkKey { kind, index, epoch }) => {
                write!(f, "snapshot_chunk {shard}/{kind}/{index}/{epoch}")
            }
            Self::Manifest(shard) => write!(f, "snapshot_manifest {shard}"),
        }
    }
}
