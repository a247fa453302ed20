//! What the services stand on. All of it is given: this crate opens no file, no port and no clock.

use crate::gate::Gate;
use async_trait::async_trait;
use domain::egress::EgressPolicy;
use domain::time::Clock;
use domain::token::KeyRing;
use eventlog::producer::Producer;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use store::row::ChannelRow;
use store::seal::Sealer;
use wire::shard_client::ShardClient;

/// Sends one test message to a channel, now.
#[async_trait]
pub trait ChannelTester: Send + Sync + 'static {
    /// `Err` says in words what went wrong, without secrets.
    async fn test(&self, channel: ChannelRow) -> Result<(), String>;
}

/// Copies log and store while the process runs.
#[async_trait]
pub trait Backup: Send + Sync + 'static {
    /// Copies into `directory`, which must be empty or absent; gives the bytes written.
    async fn backup(&self, directory: &Path) -> Result<u64, String>;
}

/// Everything the services need.
#[derive(Clone)]
pub struct ApiDeps {
    pub store: Arc<dyn Store>,
    pub producer: Producer,
    pub keys: KeyRing,
    pub shards: ShardClient,
    pub sealer: Sealer,
    pub clock: Arc<dyn Clock>,
    pub tester: Arc<dyn ChannelTester>,
    pub backup: Arc<dyn Backup>,
    /// Where people reach the ping routes, e.g. `https://ping.example.org`.
    pub public_url: String,
    /// Where webhooks may go.
    pub egress: EgressPolicy,
}

/// How much one key may ask, and how long a call may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Calls under way at once under one key; open `Watch` streams count.
    pub calls_at_once: usize,
    /// Calls a second under one key, on average; as many again may come in one burst.
    pub calls_per_second: u32,
    /// The longest a call takes, except `Watch` and `Backup`.
    pub call: Duration,
    /// How long an append to the log may take.
    pub append: Duration,
    /// How long the engine's answer to a command may take; long enough for another owner to take the shard over.
    pub answer: Duration,
    /// How long the shard's owner may take to show a monitor before the store is asked.
    pub read: Duration,
    /// How often `Watch` looks for news.
    pub watch_every: Duration,
    /// How long a key is believed without asking the store again; a revoked one lives on this long elsewhere.
    pub key_trusted: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls_at_once: 100,
            calls_per_second: 1_000,
            call: Duration::from_secs(15),
            append: Duration::from_secs(5),
            answer: Duration::from_secs(12),
            read: Duration::from_secs(2),
            watch_every: Duration::from_millis(500),
            key_trusted: Duration::from_secs(3),
        }
    }
}

/// What all four services share.
pub(crate) struct Api {
    pub deps: ApiDeps,
    pub limits: Limits,
    pub gate: Gate,
    /// Held by whoever revokes a key: two at once must not both see another admin key left.
    pub revoking: tokio::sync::Mutex<()>,
    /// Held by the backup that runs.
    pub backing_up: tokio::sync::Mutex<()>,
}

impl Api {
    pub fn new(deps: ApiDeps, limits: Limits) -> Self {
        let gate = Gate::new(deps.store.clone(), limits);
        Self { deps, limits, gate, revoking: Default::default(), backing_up: Default::default() }
    }
}
