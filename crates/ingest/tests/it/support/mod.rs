//! A running ingest over a log that obeys the test, a real store, and clients that see every byte.

pub mod balancer;
pub mod client;
pub mod engine;
pub mod figures;
pub mod log;
pub mod store;

use self::engine::ScriptedEngine;
use self::figures::Figures;
use self::log::MemoryLog;
use self::store::SwitchedStore;
use domain::ids::{ChannelId, MonitorId, ShardCount, TenantId};
use domain::monitor::{Identity, MonitorConfig, Policy};
use domain::ping::{Ping, PingKind};
use domain::record::Body;
use domain::time::{Clock, UnixMs};
use domain::token::KeyRing;
use eventlog::producer::Producer;
use ingest::{Ingest, IngestDeps, IngestOptions};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const TENANT: TenantId = TenantId(1);
/// A monitor that exists.
pub const SLUG: &str = "backup";
/// Its channel.
pub const CHANNEL: ChannelId = ChannelId(77);

/// The wall clock, moved by what a test says.
pub struct TestClock(AtomicI64);

impl TestClock {
    pub fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> UnixMs {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        UnixMs(since.as_millis() as i64 + self.0.load(Ordering::Relaxed))
    }
}

/// An ingest that serves on a port of its own.
pub struct Server {
    pub address: SocketAddr,
    pub ingest: Ingest,
    pub log: Arc<MemoryLog>,
    pub store: Arc<SwitchedStore>,
    pub engine: Arc<ScriptedEngine>,
    pub keys: KeyRing,
    pub clock: Arc<TestClock>,
    pub figures: Figures,
    pub shutdown: CancellationToken,
    pub serving: Option<JoinHandle<std::io::Result<()>>>,
    _directory: tempfile::TempDir,
}

impl Server {
    /// With the defaults, one worker, and limits short enough for tests to wait for.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub async fn start_with(change: impl FnOnce(&mut IngestOptions)) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        // All servers of a test are nodes of one installation: a token of one is good at the others.
        let keys = KeyRing::new([1; 32], vec![[2; 32]], ShardCount::new(4).unwrap());
        let clock = Arc::new(TestClock(AtomicI64::new(0)));
        let log = MemoryLog::new(keys.shards(), clock.clone());
        let directory = tempfile::tempdir().unwrap();
        let store = SwitchedStore::open(directory.path());
        store.add_tenant(TENANT, 0).await;
        store.add_channel(CHANNEL, TENANT, "ops", "").await;
        store.add_monitor(&keys, TENANT, SLUG, false).await;
        let (engine, shards) = engine::start().await;
        let deps = IngestDeps {
            producer: Producer::new(log.clone(), 9, 1, 0),
            keys: keys.clone(),
            store: store.clone(),
            shards,
            clock: clock.clone(),
        };
        let mut options =
            IngestOptions { workers: 2, public_url: format!("http://{address}"), ..IngestOptions::default() };
        change(&mut options);
        let figures = Figures::default();
        let ingest = metrics::with_local_recorder(&figures, || Ingest::new(deps, options));
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(ingest.clone().serve_http(listener, fallback(), shutdown.clone()));
        let serving = Some(serving);
        Self { address, ingest, log, store, engine, keys, clock, figures, shutdown, serving, _directory: directory }
    }

    pub fn monitor(&self) -> MonitorId {
        self.keys.monitor_id(TENANT, SLUG)
    }

    pub fn token(&self) -> String {
        self.keys.token(self.monitor(), 0)
    }

    pub fn ping_key(&self) -> String {
        self.keys.ping_key(TENANT, 0)
    }

    /// The pings in the log, in order.
    pub fn pings(&self) -> Vec<Ping> {
        let bodies = self.log.bodies().into_iter();
        bodies.filter_map(|body| if let Body::Ping(ping) = body { Some(ping) } else { None }).collect()
    }

    /// The only ping in the log, which is then emptied.
    pub fn only_ping(&self) -> Ping {
        let mut pings = self.pings();
        assert_eq!(pings.len(), 1, "{pings:?}");
        self.log.clear();
        pings.remove(0)
    }

    pub fn kinds(&self) -> Vec<PingKind> {
        self.pings().iter().map(|ping| ping.kind).collect()
    }
}

/// Waits until `holds`, at most ten seconds.
pub async fn eventually(what: &str, holds: impl Fn() -> bool) {
    within(Duration::from_secs(10), what, holds).await;
}

/// Waits until `holds`, at most so long.
pub async fn within(patience: Duration, what: &str, holds: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + patience;
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "waited too long for: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A configuration as the API would store it.
pub fn config(tenant: TenantId, slug: &str) -> MonitorConfig {
    let identity = Identity { tenant, slug: slug.into(), name: slug.into(), ..Identity::default() };
    MonitorConfig { identity, policy: Policy::daily() }
}

/// How many endless pages have been given up.
pub static ENDLESS_PAGES_DROPPED: AtomicUsize = AtomicUsize::new(0);

struct EndlessPage;

impl Drop for EndlessPage {
    fn drop(&mut self) {
        ENDLESS_PAGES_DROPPED.fetch_add(1, Ordering::Relaxed);
    }
}

fn endless() -> axum::body::Body {
    let page = EndlessPage;
    let chunk = move || {
        let _ = &page;
        Some(Ok::<_, std::io::Error>(vec![b'z'; 65_536]))
    };
    axum::body::Body::from_stream(futures::stream::iter(std::iter::from_fn(chunk)))
}

fn block_the_thread() -> &'static str {
    std::thread::sleep(Duration::from_millis(400));
    "slow"
}

/// The rest of the server: pages, one that never ends, one that panics, one that blocks its thread.
fn fallback() -> axum::Router {
    use axum::routing::get;
    axum::Router::new()
        .route("/page", get(async || "a page"))
        .route("/peer", get(async |peer: axum::extract::ConnectInfo<SocketAddr>| peer.0.ip().to_string()))
        .route("/panic", get(async || -> &'static str { panic!("a page that panics") }))
        .route("/busy", get(async || block_the_thread()))
        .route("/endless", get(async || endless()))
}
