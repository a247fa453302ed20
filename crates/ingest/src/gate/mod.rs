//! Whose ping is this? Tokens answer for themselves; slugs are looked up in memory, and in the store only
//! when memory does not know. Unknown, forged and revoked look alike from outside.

mod coalesce;
mod rate;
mod read_through;
mod revocations;

pub(crate) use coalesce::{Coalescer, SharedAck};
pub(crate) use rate::RateLimiter;
use read_through::{Known, ReadThrough};

use crate::signal::Refused;
use domain::ids::{ChannelId, MonitorId, ShardId, TenantId};
use domain::token::{KeyRing, TokenClaim};
use revocations::Revocations;
use std::sync::Arc;
use std::time::Duration;
use store::{Store, StoreError};

/// How long a slug that exists is remembered; a deletion is heard of through the revocations.
const FOUND_FOR: Duration = Duration::from_secs(300);
/// How long a slug that does not exist is remembered.
const MISSING_FOR: Duration = Duration::from_secs(2);
/// How long a tenant's ping key generation and channels are remembered.
const TENANT_FOR: Duration = Duration::from_secs(10);
/// How long a ping waits for the store before it goes on without it.
const STORE_PATIENCE: Duration = Duration::from_millis(500);
const MAX_SLUGS: usize = 400_000;
const MAX_TENANTS: usize = 50_000;

/// What a genuine token is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenTarget {
    Monitor { monitor: MonitorId, generation: u8 },
    Canary { shard: ShardId },
}

/// What a genuine ping key and a slug are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlugTarget {
    pub tenant: TenantId,
    pub monitor: MonitorId,
    pub existence: Existence,
}

/// What is known of a slug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existence {
    Found,
    Missing,
    /// The store did not answer: better a ping for nobody than a ping lost.
    StoreAway,
}

/// The checks, and what they remember. Every table is bounded.
pub(crate) struct Gate {
    keys: KeyRing,
    store: Arc<dyn Store>,
    revocations: Revocations,
    /// Slugs by the monitor id they stand for: whether it exists.
    slugs: ReadThrough<MonitorId, bool>,
    /// The generation of a tenant's ping key; `None`: no such tenant.
    tenants: ReadThrough<TenantId, Option<u8>>,
    channels: ReadThrough<TenantId, Arc<[ChannelId]>>,
}

impl Gate {
    pub(crate) fn new(keys: KeyRing, store: Arc<dyn Store>) -> Self {
        Self {
            keys,
            store,
            revocations: Revocations::default(),
            slugs: ReadThrough::new(MAX_SLUGS, STORE_PATIENCE),
            tenants: ReadThrough::new(MAX_TENANTS, STORE_PATIENCE),
            channels: ReadThrough::new(MAX_TENANTS, STORE_PATIENCE),
        }
    }

    /// The shard that holds a monitor.
    pub(crate) fn shard_of(&self, monitor: MonitorId) -> ShardId {
        self.keys.shard_of(monitor)
    }

    /// Opens a token without IO.
    pub(crate) fn by_token(&self, token: &str) -> Result<TokenTarget, Refused> {
        match self.keys.open(token).ok_or(Refused::NotFound)? {
            TokenClaim::Canary { shard } => Ok(TokenTarget::Canary { shard }),
            TokenClaim::Monitor { monitor, generation } if self.revocations.is_dead(monitor, generation) => {
                Err(Refused::NotFound)
            }
            TokenClaim::Monitor { monitor, generation } => Ok(TokenTarget::Monitor { monitor, generation }),
        }
    }

    /// Opens a ping key and looks the slug up. Upper case in a slug is refused before any look-up.
    pub(crate) async fn by_slug(&self, key: &str, slug: &str) -> Result<SlugTarget, Refused> {
        if slug.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(Refused::InvalidUrl);
        }
        let (tenant, generation) = self.keys.open_ping_key(key).ok_or(Refused::NotFound)?;
        self.check_ping_key(tenant, generation).await?;
        let monitor = self.keys.monitor_id(tenant, slug);
        Ok(SlugTarget { tenant, monitor, existence: self.existence(tenant, slug, monitor).await })
    }

    /// The channels a new monitor of `tenant` gets: all that take deliveries. `None`: the store is away and
    /// they are not remembered.
    pub(crate) async fn enabled_channels(&self, tenant: TenantId) -> Option<Arc<[ChannelId]>> {
        let store = Arc::clone(&self.store);
        let load = move || async move { Ok((enabled_channels(&*store, tenant).await?, TENANT_FOR)) };
        match self.channels.get(tenant, load).await {
            Known::Fresh(channels) | Known::Stale(channels) => Some(channels),
            Known::Away => None,
        }
    }

    /// The engine said that this monitor exists.
    pub(crate) fn remember_found(&self, monitor: MonitorId) {
        self.slugs.put(monitor, true, FOUND_FOR);
    }

    /// Reads the revocations again. Monitors whose revocation is new are forgotten by slug as well, since a
    /// deletion is a revocation of all generations.
    pub(crate) async fn refresh_revocations(&self) -> Result<(), StoreError> {
        let rows = self.store.revocations().await?;
        self.revocations.replace(&rows).into_iter().for_each(|monitor| self.slugs.forget(&monitor));
        Ok(())
    }

    async fn check_ping_key(&self, tenant: TenantId, generation: u8) -> Result<(), Refused> {
        let store = Arc::clone(&self.store);
        let load =
            move || async move { Ok((store.tenant(tenant).await?.map(|row| row.ping_key_generation), TENANT_FOR)) };
        match self.tenants.get(tenant, load).await {
            Known::Fresh(current) | Known::Stale(current) if current == Some(generation) => Ok(()),
            Known::Fresh(_) | Known::Stale(_) => Err(Refused::NotFound),
            Known::Away => Ok(()),
        }
    }

    async fn existence(&self, tenant: TenantId, slug: &str, monitor: MonitorId) -> Existence {
        let load = || {
            let (store, slug) = (Arc::clone(&self.store), slug.to_owned());
            async move { Ok(remembered_for(store.monitor(tenant, &slug).await?.is_some_and(|found| !found.row.deleted))) }
        };
        match self.slugs.get(monitor, load).await {
            Known::Fresh(true) | Known::Stale(true) => Existence::Found,
            Known::Fresh(false) => Existence::Missing,
            Known::Stale(false) | Known::Away => Existence::StoreAway,
        }
    }
}

fn remembered_for(exists: bool) -> (bool, Duration) {
    (exists, if exists { FOUND_FOR } else { MISSING_FOR })
}

async fn enabled_channels(store: &dyn Store, tenant: TenantId) -> Result<Arc<[ChannelId]>, StoreError> {
    let rows = store.channels(tenant).await?;
    let enabled = rows.iter().filter(|row| row.disabled.is_empty() && !row.deleted).map(|row| row.id);
    Ok(enabled.take(domain::monitor::MAX_CHANNELS).collect())
}
