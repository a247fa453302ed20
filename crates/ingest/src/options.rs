//! What ingest is built from, and its limits.

use domain::egress::Cidr;
use domain::time::Clock;
use domain::token::KeyRing;
use eventlog::producer::Producer;
use std::sync::Arc;
use std::time::Duration;
use wire::shard_client::ShardClient;

/// The neighbours of ingest.
#[derive(Clone)]
pub struct IngestDeps {
    pub producer: Producer,
    pub keys: KeyRing,
    pub store: Arc<dyn store::Store>,
    pub shards: ShardClient,
    pub clock: Arc<dyn Clock>,
}

/// Limits and addresses. Every queue, body and table of this crate has its bound here.
#[derive(Clone, Debug)]
pub struct IngestOptions {
    /// How long the log may take to acknowledge before the client is told 503. W is derived from it.
    pub append_timeout: Duration,
    /// Bytes of a ping's body that are stored; ten times as many are read.
    pub body_limit_bytes: usize,
    /// Threads that serve pings, each with a runtime of its own.
    pub workers: usize,
    /// Connections of all workers together; above it the longest idle ones are closed.
    pub max_connections: usize,
    /// Pings that may wait for the log at one time; above it 503.
    pub max_inflight: usize,
    /// How long a client may take to send a request's head.
    pub header_timeout: Duration,
    /// How long a client may take to send a request's body.
    pub request_timeout: Duration,
    /// How long a connection may stand without a request in progress.
    pub idle_timeout: Duration,
    /// How long a connection may live; the reply after that is its last.
    pub connection_age: Duration,
    /// How long requests in progress may take after the shutdown began.
    pub drain_timeout: Duration,
    /// How long after the shutdown began a quiet connection may still bring a request, whose reply says that it
    /// is the last; at most a third of the drain timeout. Who keeps a connection busy loses nothing that way.
    pub quiet_grace: Duration,
    /// What ping URLs begin with, e.g. `https://ping.example.org`; canaries go there.
    pub public_url: String,
    /// Whether canaries must get through for readiness: true where this process is the only one that takes pings.
    /// Behind a balancer that asks for readiness it must be false. There canaries that fail would make every
    /// node unready, no canary would get through to any, and it would never end.
    pub ready_needs_canaries: bool,
    /// How far this machine's clock may lie from the log's. Zero: they are not compared.
    pub skew_bound: Duration,
    /// How long the boot records are tried again while the log does not acknowledge them.
    pub boot_patience: Duration,
    /// Sustained pings a second of one monitor; above it equal successes are coalesced.
    pub monitor_rate_per_second: u32,
    /// Pings of one monitor that may come at once before the rate counts.
    pub monitor_burst: u32,
    /// Peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<Cidr>,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self {
            append_timeout: Duration::from_secs(3),
            body_limit_bytes: 10_000,
            workers: std::thread::available_parallelism().map_or(2, usize::from),
            max_connections: 10_000,
            max_inflight: 20_000,
            header_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            connection_age: Duration::from_secs(600),
            drain_timeout: Duration::from_secs(9),
            quiet_grace: Duration::from_secs(1),
            public_url: String::from("http://127.0.0.1:8080"),
            ready_needs_canaries: true,
            skew_bound: Duration::from_secs(1),
            boot_patience: Duration::from_secs(60),
            monitor_rate_per_second: 10,
            monitor_burst: 60,
            trusted_proxies: Vec::new(),
        }
    }
}
