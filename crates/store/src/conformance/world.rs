//! Rows for the rules, and for a backend's own tests. Every world has a tenant, a shard and ids of its own.

use crate::row::{ApiKeyRow, ChannelRow, Scope};
use crate::{MonitorFilter, ShardBatch, Store, StoredMonitor};
use domain::command::{IncidentView, Live, Status};
use domain::delivery::{Delivery, DeliveryState};
use domain::engine::effects::{HistoryRow, MonitorRow, StatusRow};
use domain::ids::{ChannelId, DeliveryId, MonitorId, ShardId, TenantId, TransitionId};
use domain::monitor::{Identity, MonitorConfig, Policy};
use domain::ping::{PingDetails, PingKind, PingSummary};
use domain::transition::{Reason, Transition, TransitionKind};
use std::hash::{BuildHasher, RandomState};

/// Where the rules' time begins.
pub const BASE_MS: i64 = 1_800_000_000_000;

/// Draws ids from names: the same name gives the same id, in one world.
pub struct World {
    pub tenant: TenantId,
    pub shard: ShardId,
    seed: RandomState,
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    pub fn new() -> Self {
        let seed = RandomState::new();
        let drawn = seed.hash_one("world");
        Self { tenant: TenantId((drawn >> 32) as u32), shard: ShardId(drawn as u16), seed }
    }

    /// Another tenant with another shard.
    pub fn neighbour(&self) -> Self {
        Self { shard: ShardId(self.shard.0.wrapping_add(1)), ..Self::new() }
    }

    /// A number that stands for `name` in this world only.
    pub fn id(&self, name: &str) -> u64 {
        self.seed.hash_one(name)
    }

    fn wide_id(&self, name: &str) -> [u8; 16] {
        (u128::from(self.id(name)) << 64 | u128::from(self.seed.hash_one((name, "low")))).to_be_bytes()
    }

    pub fn monitor_id(&self, slug: &str) -> MonitorId {
        MonitorId(self.id(slug))
    }

    pub fn monitor(&self, slug: &str, tags: &[&str]) -> MonitorRow {
        let identity = Identity {
            tenant: self.tenant,
            slug: slug.into(),
            name: format!("Monitor {slug} \u{fc}"),
            description: "line\nline".into(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
        };
        MonitorRow {
            monitor: self.monitor_id(slug),
            config: MonitorConfig { identity, policy: Policy::daily() },
            version: 1,
            generation: 0,
            created_ms: BASE_MS,
            changed_ms: BASE_MS,
            deleted: false,
        }
    }

    pub fn status(&self, slug: &str, status: Status) -> StatusRow {
        let live = Live { status, pings: 3, created_ms: BASE_MS, deadline_ms: Some(BASE_MS + 5), ..Live::default() };
        StatusRow { monitor: self.monitor_id(slug), tenant: self.tenant, slug: slug.into(), live, known_ms: BASE_MS }
    }

    /// A status with an open incident.
    pub fn down(&self, slug: &str, opened_ms: i64) -> StatusRow {
        let id = TransitionId(self.wide_id(slug));
        let mut row = self.status(slug, Status::Down);
        row.live.incident = Some(IncidentView { id, opened_ms, acknowledged: false });
        row
    }

    pub fn ping(&self, slug: &str, offset: u64) -> HistoryRow {
        let ping = PingSummary {
            kind: PingKind::Success,
            at_ms: BASE_MS + offset as i64,
            number: offset as u32 + 1,
            duration_ms: None,
            metrics: Vec::new(),
            run: None,
        };
        let details = PingDetails { method: "POST".into(), ..PingDetails::default() };
        HistoryRow { monitor: self.monitor_id(slug), offset, ping, ignored: String::new(), coalesced: 0, details }
    }

    /// The `nth` transition of a monitor, concluded at `offset`.
    pub fn transition(&self, slug: &str, nth: usize, offset: u64) -> Transition {
        Transition {
            id: TransitionId(self.wide_id(&format!("{slug} {nth}"))),
            monitor: self.monitor_id(slug),
            identity: self.monitor(slug, &["db"]).config.identity,
            kind: TransitionKind::Down,
            reason: Reason::Missed,
            from: Status::Up,
            to: Status::Down,
            occurred_ms: BASE_MS + offset as i64,
            known_ms: BASE_MS + offset as i64 + 3_000,
            offset,
            version: 1,
            expected_ms: Some(BASE_MS),
            deadline_ms: Some(BASE_MS + 1),
            last_ping: Some(self.ping(slug, offset).ping),
            incident: None,
            zone: "Europe/Berlin".into(),
            schedule: "every 5 min".into(),
            grace_secs: 60,
            detail: String::new(),
            run_started_ms: None,
            blind: Some((1, 2)),
            retracts: None,
            channels: vec![ChannelId::LOG],
        }
    }

    pub fn delivery(&self, channel: ChannelId, nth: usize, created_ms: i64) -> Delivery {
        Delivery {
            id: DeliveryId(self.wide_id(&format!("{channel} {nth}"))),
            tenant: self.tenant,
            monitor: self.monitor_id("m"),
            channel,
            transitions: vec![TransitionId(self.wide_id("m"))],
            state: DeliveryState::Queued,
            attempts: 0,
            created_ms,
            changed_ms: created_ms,
            due_ms: 0,
            error: String::new(),
        }
    }

    pub fn api_key(&self, name: &str) -> ApiKeyRow {
        ApiKeyRow {
            prefix: format!("qpk_{:016x}", self.id(name)),
            tenant: self.tenant,
            name: name.into(),
            sha256: [7; 32],
            scope: Scope::Write,
            created_ms: BASE_MS,
            revoked: false,
        }
    }

    pub fn channel(&self, name: &str) -> ChannelRow {
        ChannelRow {
            id: ChannelId(self.id(name)),
            tenant: self.tenant,
            name: name.into(),
            kind: "webhook".into(),
            settings: vec![0, 1, 255],
            version: 1,
            created_ms: BASE_MS,
            changed_ms: BASE_MS,
            disabled: String::new(),
            deleted: false,
        }
    }

    pub async fn write(&self, store: &dyn Store, batch: ShardBatch) {
        store.write(self.shard, batch).await.unwrap();
    }

    pub async fn stored(&self, store: &dyn Store, slug: &str) -> Option<StoredMonitor> {
        store.monitor(self.tenant, slug).await.unwrap()
    }

    /// The slugs of the first thousand monitors with these tags.
    pub async fn listed(&self, store: &dyn Store, tags: &[&str]) -> Vec<String> {
        let page = store.monitors(self.tenant, &filter(tags), 1_000, None).await.unwrap();
        assert_eq!(page.next, None);
        page.rows.iter().map(slug_of).collect()
    }
}

pub fn filter(tags: &[&str]) -> MonitorFilter {
    MonitorFilter { tags: tags.iter().map(|tag| (*tag).to_owned()).collect() }
}

pub fn slug_of(stored: &StoredMonitor) -> String {
    stored.row.config.identity.slug.clone()
}

/// An empty batch, `tick` microseconds after the rules' beginning.
pub fn at(tick: i64) -> ShardBatch {
    ShardBatch { hlt_us: BASE_MS * 1_000 + tick, ..ShardBatch::default() }
}
