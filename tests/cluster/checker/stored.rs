//! What the database holds: verdicts, deliveries, and where each shard's snapshot stands.

use super::facts::{Delivery, Snapshot, Verdict};
use crate::history::now_ms;
use domain::engine::snapshot::Manifest;
use domain::ids::{ChannelId, MonitorId, ShardCount, ShardId};
use domain::transition::Transition;
use futures::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use store::scylla::{ScyllaOptions, ScyllaStore};
use store::{Page, ShardTables, StoreError, TenantReads};
use suites::support::topology::Topology;
use suites::support::wait::{secs, until};

/// A page of whatever is listed.
const PAGE: u32 = 1_000;
/// Questions at once.
const AT_ONCE: usize = 16;
/// A database whose nodes come and go may need to be asked again.
const PATIENCE: Duration = Duration::from_secs(120);

/// A reader of the store.
pub struct Stored {
    store: Arc<ScyllaStore>,
    shards: ShardCount,
}

impl Stored {
    pub async fn open(topology: &Topology) -> Self {
        let shards = ShardCount::new(topology.shape().shards).expect("some shards");
        let options = ScyllaOptions {
            contact_points: topology.real().cassandra().split(',').map(str::to_owned).collect(),
            keyspace: topology.keyspace().to_owned(),
            local_dc: String::new(),
            username: String::new(),
            password: String::new(),
            tls: None,
            request_timeout: secs(5),
            shards,
            history_for: Duration::ZERO,
            transitions_for: Duration::ZERO,
        };
        Self { store: ScyllaStore::open(options).await.expect("the store opens"), shards }
    }

    /// Every verdict of these monitors.
    pub async fn verdicts(&self, monitors: impl IntoIterator<Item = u64>) -> Vec<Verdict> {
        let of = |monitor| self.verdicts_of(MonitorId(monitor));
        let verdicts: Vec<Vec<Verdict>> = futures::stream::iter(monitors).map(of).buffered(AT_ONCE).collect().await;
        verdicts.into_iter().flatten().collect()
    }

    async fn verdicts_of(&self, monitor: MonitorId) -> Vec<Verdict> {
        let rows = all(async |after: Option<&str>| self.store.transitions(monitor, PAGE, after).await).await;
        let shard = self.shards.shard_of(monitor).0;
        rows.into_iter().map(|row| verdict(shard, row)).collect()
    }

    /// Which of these deliveries have not ended.
    pub async fn still_open(&self, deliveries: Vec<Delivery>) -> Vec<Delivery> {
        let mut open = Vec::new();
        for known in deliveries {
            let id = known.id.parse().expect("a delivery's id");
            let now = self.store.delivery(id).await.ok().flatten().map_or(known, delivery);
            open.extend((!now.is_terminal()).then_some(now));
        }
        open
    }

    /// Every delivery of these channels.
    pub async fn deliveries(&self, channels: &[u64]) -> Vec<Delivery> {
        let mut deliveries = Vec::new();
        for channel in channels {
            let rows = all(async |after: Option<&str>| self.store.deliveries(ChannelId(*channel), PAGE, after).await);
            deliveries.extend(rows.await.into_iter().map(delivery));
        }
        deliveries
    }

    /// Where every shard's snapshot stands; a shard that cannot be asked now is left out.
    pub async fn snapshots(&self) -> Vec<Snapshot> {
        let mut snapshots = Vec::new();
        for shard in self.shards.all() {
            if let Ok(next_offset) = self.covered(shard).await {
                snapshots.push(Snapshot { at_ms: now_ms(), shard: shard.0, next_offset });
            }
        }
        snapshots
    }

    async fn covered(&self, shard: ShardId) -> Result<u64, StoreError> {
        let manifest = self.store.load_manifest(shard).await?;
        Ok(manifest.map_or(0, |bytes| Manifest::decode(&bytes).expect("a manifest").next_offset))
    }
}

/// All pages, each asked for until it comes.
async fn all<T>(page: impl AsyncFn(Option<&str>) -> Result<Page<T>, StoreError>) -> Vec<T> {
    let (mut rows, mut after) = (Vec::new(), None::<String>);
    loop {
        let next = until("a page of the store", PATIENCE, async || page(after.as_deref()).await.ok()).await;
        rows.extend(next.rows);
        match next.next {
            Some(more) => after = Some(more),
            None => return rows,
        }
    }
}

fn verdict(shard: u16, row: Transition) -> Verdict {
    Verdict {
        id: row.id.to_string(),
        shard,
        monitor: row.monitor.0,
        slug: row.identity.slug,
        kind: row.kind.word().to_owned(),
        reason: row.reason.word().to_owned(),
        occurred_ms: row.occurred_ms,
        known_ms: row.known_ms,
        offset: row.offset,
        expected_ms: row.expected_ms,
        deadline_ms: row.deadline_ms,
        incident: row.incident.map(|incident| incident.id.to_string()),
        blind_ms: row.blind,
        retracts: row.retracts.map(|id| id.to_string()),
        channels: row.channels.len(),
    }
}

fn delivery(row: domain::delivery::Delivery) -> Delivery {
    Delivery {
        id: row.id.to_string(),
        monitor: row.monitor.0,
        transitions: row.transitions.iter().map(ToString::to_string).collect(),
        state: row.state.word().to_owned(),
        attempts: row.attempts,
        created_ms: row.created_ms,
        error: row.error,
    }
}
