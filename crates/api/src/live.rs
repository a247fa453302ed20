//! Monitors as they are now: asked of the shard's owner, true to the second. When the owner is away the store
//! answers, and says how old its word is.

use crate::deps::Api;
use crate::metric;
use crate::refusal::{from_store, invalid, no_monitor, owner_away};
use domain::command::{Live, MonitorView};
use domain::ids::{MonitorId, ShardId, TenantId};
use domain::monitor::check_slug;
use std::collections::BTreeMap;
use store::StoredMonitor;
use tonic::Status;
use wire::convert::rows::view_from_wire;

/// The most monitors in one question to an owner: their configurations must fit one message.
const MONITORS_PER_READ: usize = 100;

/// A monitor, and how old its live fields are when the owner did not answer.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub view: MonitorView,
    pub age_ms: Option<i64>,
}

impl Seen {
    /// A monitor as its owner sees it.
    pub fn now(view: MonitorView) -> Self {
        Self { view, age_ms: None }
    }

    /// A monitor as it was last stored.
    pub fn stored(stored: StoredMonitor, now_ms: i64) -> Self {
        let row = stored.row;
        let unpinged = Live { created_ms: row.created_ms, ..Live::default() };
        let (live, known_ms) =
            stored.status.map_or((unpinged, row.changed_ms), |status| (status.live, status.known_ms));
        let (monitor, config, version, generation) = (row.monitor, row.config, row.version, row.generation);
        let view = MonitorView { monitor, config, version, generation, live };
        Self { view, age_ms: Some((now_ms - known_ms).max(0)) }
    }
}

/// What an owner said about the monitors it was asked for.
enum Word {
    Here(Box<MonitorView>),
    /// It knows no such monitor, or a deleted one.
    Gone,
}

impl Api {
    /// The caller's monitor of this slug, or `NOT_FOUND`.
    pub async fn find(&self, tenant: TenantId, slug: &str) -> Result<Seen, Status> {
        check_slug(slug).map_err(invalid)?;
        let monitor = self.deps.keys.monitor_id(tenant, slug);
        let shard = self.deps.keys.shard_of(monitor);
        let words = self.ask_owner(shard, &[monitor]).await;
        match words.and_then(|mut words| words.remove(&monitor)) {
            Some(Word::Here(view)) if is_named(&view, tenant, slug) => Ok(Seen::now(*view)),
            Some(_) => Err(no_monitor()),
            None => self.find_stored(tenant, slug).await,
        }
    }

    /// Stored monitors with what their owners say now. Those an owner knows to be deleted are left out.
    pub async fn refresh(&self, stored: Vec<StoredMonitor>) -> Vec<Seen> {
        let mut of_shard: BTreeMap<ShardId, Vec<MonitorId>> = BTreeMap::new();
        for monitor in stored.iter().map(|stored| stored.row.monitor) {
            of_shard.entry(self.deps.keys.shard_of(monitor)).or_default().push(monitor);
        }
        let asked = of_shard.iter().map(|(shard, monitors)| self.ask_owner(*shard, monitors));
        let mut words: BTreeMap<MonitorId, Word> =
            futures::future::join_all(asked).await.into_iter().flatten().flatten().collect();
        let now_ms = self.deps.clock.now().0;
        let see = |stored: StoredMonitor| match words.remove(&stored.row.monitor) {
            Some(Word::Here(view)) if view.config.identity.tenant == stored.row.config.identity.tenant => {
                Some(Seen::now(*view))
            }
            Some(Word::Gone) => None,
            Some(Word::Here(_)) | None => Some(Seen::stored(stored, now_ms)),
        };
        stored.into_iter().filter_map(see).collect()
    }

    /// What the store does not have may still stand in the log, so that is no word against it.
    async fn find_stored(&self, tenant: TenantId, slug: &str) -> Result<Seen, Status> {
        let stored = self.deps.store.monitor(tenant, slug).await.map_err(from_store)?;
        if stored.is_none() {
            return Err(owner_away());
        }
        let living = stored.filter(|stored| !stored.row.deleted && stored.row.config.identity.tenant == tenant);
        living.map(|stored| Seen::stored(stored, self.deps.clock.now().0)).ok_or_else(no_monitor)
    }

    /// A word for each monitor asked for, save those that an owner which is behind does not know yet; `None` when the
    /// owner is away.
    async fn ask_owner(&self, shard: ShardId, monitors: &[MonitorId]) -> Option<BTreeMap<MonitorId, Word>> {
        let pieces = monitors.chunks(MONITORS_PER_READ).map(|piece| self.ask_piece(shard, piece));
        let words = futures::future::join_all(pieces).await;
        words.into_iter().collect::<Option<Vec<_>>>().map(|words| words.into_iter().flatten().collect())
    }

    async fn ask_piece(&self, shard: ShardId, monitors: &[MonitorId]) -> Option<BTreeMap<MonitorId, Word>> {
        let reply = self.deps.shards.read(shard, monitors, self.limits.read).await.inspect_err(|problem| {
            metric::count_owner_away();
            tracing::debug!(shard = shard.0, code = ?problem.code(), "a shard's owner did not answer a read");
        });
        let reply = reply.ok()?;
        let mut words: BTreeMap<MonitorId, Word> = match reply.is_behind {
            true => BTreeMap::new(),
            false => monitors.iter().map(|monitor| (*monitor, Word::Gone)).collect(),
        };
        for view in reply.views.into_iter().filter(|view| view.row.as_ref().is_some_and(|row| !row.deleted)) {
            let view = view_from_wire(view)
                .map_err(|problem| tracing::error!(%problem, "an owner's view could not be read"))
                .ok()?;
            words.insert(view.monitor, Word::Here(Box::new(view)));
        }
        Some(words)
    }
}

/// Two slugs may, once in a universe, have one id: the monitor that exists is then not the one asked for.
fn is_named(view: &MonitorView, tenant: TenantId, slug: &str) -> bool {
    view.config.identity.tenant == tenant && view.config.identity.slug == slug
}
