//! One task a shard.

use super::shard::ShardAudit;
use crate::metric;
use domain::ids::ShardId;
use domain::time::Clock;
use eventlog::EventLog;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What an auditor works with. It writes to none of it.
#[derive(Clone)]
pub struct AuditorDeps {
    pub log: Arc<dyn EventLog>,
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
}

/// How it works.
#[derive(Clone, Debug)]
pub struct AuditorOptions {
    /// How old a record is before it is judged again.
    pub behind: Duration,
    /// Monitors of a shard that are watched at most: the second opinion looks at each of them at every record.
    pub monitors: usize,
    /// How long the store keeps transitions. Older ones are not missed.
    pub transitions_for: Duration,
}

/// A running auditor. Clones share.
#[derive(Clone)]
pub struct Auditor {
    deps: AuditorDeps,
    options: AuditorOptions,
    troubles: Troubles,
}

/// Why shards are not audited now, by shard.
#[derive(Clone, Default)]
pub(super) struct Troubles(Arc<Mutex<BTreeMap<ShardId, String>>>);

impl Troubles {
    pub(super) fn set(&self, shard: ShardId, trouble: String) {
        self.0.lock().insert(shard, trouble);
    }

    pub(super) fn clear(&self, shard: ShardId) {
        self.0.lock().remove(&shard);
    }
}

impl Auditor {
    pub fn new(deps: AuditorDeps, options: AuditorOptions) -> Self {
        Self { deps, options, troubles: Troubles::default() }
    }

    /// Audits every shard of the log until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut shards = JoinSet::new();
        for shard in self.deps.log.shards().all() {
            metric::set_lag(shard.0, 0.0);
            let audit = ShardAudit::new(shard, self.deps.clone(), self.options.clone(), self.troubles.clone());
            shards.spawn(audit.run(stop.clone()));
        }
        while let Some(ended) = shards.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "the audit of a shard ended badly");
            }
        }
    }

    /// What keeps it from its work, for `/readyz`.
    pub fn missing(&self) -> Vec<String> {
        let troubles = self.troubles.0.lock();
        troubles.iter().map(|(shard, trouble)| format!("the audit of shard {shard}: {trouble}")).collect()
    }
}
