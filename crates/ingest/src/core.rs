//! What all doors share, and the public face of the crate.

use crate::deaf::Hearing;
use crate::gate::{Coalescer, Gate, RateLimiter};
use crate::metric::Metrics;
use crate::options::{IngestDeps, IngestOptions};
use crate::readiness::Readiness;
use crate::skew::Skew;
use crate::valve::Valves;
use crate::{boot, grpc, http, watch};
use domain::time::{Clock, UnixMs};
use domain::token::KeyRing;
use eventlog::producer::Producer;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wire::shard_client::ShardClient;
use wire::v1::ping_service_server::PingServiceServer;

/// Takes pings. Cheap to clone; clones are the same ingest.
#[derive(Clone)]
pub struct Ingest(pub(crate) Arc<Core>);

/// Why a record is not known to be in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unacknowledged {
    /// Busy, too slow, broken or closed. The record may be in the log all the same.
    #[error("the log did not acknowledge the record")]
    Unavailable,
    #[error("the record is larger than the log takes")]
    TooLarge,
}

pub(crate) struct Core {
    pub options: IngestOptions,
    pub producer: Producer,
    pub keys: KeyRing,
    pub shards: ShardClient,
    pub gate: Gate,
    pub limiter: RateLimiter,
    pub coalescer: Coalescer,
    pub hearing: Hearing,
    pub valves: Valves,
    pub skew: Skew,
    pub metrics: Metrics,
    /// Records that wait for the log.
    pub inflight: AtomicUsize,
    /// Bytes of bodies held by pings in progress.
    pub body_bytes: AtomicUsize,
    pub connections: AtomicUsize,
    /// Whether the boot records are durable.
    pub booted: AtomicBool,
    /// Balancers have been told to look elsewhere.
    pub leaving: AtomicBool,
    clock: Arc<dyn Clock>,
    /// What lengths of time are counted from.
    base: Instant,
}

impl Ingest {
    /// Builds it; nothing runs yet. The process's metrics recorder must be installed before.
    pub fn new(deps: IngestDeps, options: IngestOptions) -> Self {
        Self(Arc::new(Core {
            limiter: RateLimiter::new(options.monitor_rate_per_second, options.monitor_burst),
            coalescer: Coalescer::default(),
            hearing: Hearing::new(deps.keys.shards()),
            valves: Valves::new(deps.keys.shards()),
            skew: Skew::new(options.skew_bound),
            metrics: Metrics::register(),
            gate: Gate::new(deps.keys.clone(), Arc::clone(&deps.store)),
            producer: deps.producer,
            keys: deps.keys,
            shards: deps.shards,
            clock: deps.clock,
            base: Instant::now(),
            inflight: AtomicUsize::new(0),
            body_bytes: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            booted: AtomicBool::new(false),
            leaving: AtomicBool::new(false),
            options,
        }))
    }

    /// Serves the ping routes on `listener`, everything else by `fallback`, until `shutdown`; then takes no
    /// more connections, finishes the requests in progress and returns within the drain timeout.
    ///
    /// Pings are served by threads of their own. `fallback` runs on the caller's runtime, so that a slow page
    /// never stands in a ping's way. Fails when the listener or a thread cannot be set up.
    pub async fn serve_http(
        self,
        listener: std::net::TcpListener,
        fallback: axum::Router,
        shutdown: CancellationToken,
    ) -> io::Result<()> {
        http::serve(self.0, listener, fallback, shutdown).await
    }

    /// The gRPC door, for the server to mount; messages are limited to 64 kB.
    pub fn ping_service(&self) -> PingServiceServer<grpc::PingDoor> {
        grpc::service(Arc::clone(&self.0))
    }

    /// Appends a boot record to every shard and returns when all are durable. To be called before the first
    /// ping is taken; may be called again after a failure.
    ///
    /// A log that does not acknowledge is asked again for as long as the boot patience; the error comes after
    /// that, or at once when the log is closed. Safe to drop at any time.
    pub async fn announce_boot(&self) -> Result<(), Unacknowledged> {
        boot::announce(&self.0).await
    }

    /// Proves that every shard is heard, confesses what was not, compares the clocks, and keeps the revocations
    /// fresh, until `shutdown`. To be started after [`Ingest::serve_http`].
    pub async fn run_canaries(self, shutdown: CancellationToken) {
        watch::run(self.0, shutdown).await;
    }

    /// Balancers are told to look elsewhere from now on. The public URL may then lead nowhere, which is no news: of
    /// canaries that do not get through the operator is told no more.
    pub fn leave(&self) {
        self.0.leaving.store(true, Ordering::Relaxed);
    }

    /// What is missing now: boot records, evidence of a shard, the log's acknowledgements, the right time.
    pub fn readiness(&self) -> Readiness {
        Readiness::of(&self.0)
    }
}

impl Core {
    /// The wall clock's reading.
    pub(crate) fn now(&self) -> UnixMs {
        self.clock.now()
    }

    /// Milliseconds from this ingest's making to `instant`, by a clock that nobody sets.
    pub(crate) fn ms_at(&self, instant: Instant) -> u64 {
        instant.saturating_duration_since(self.base).as_millis() as u64
    }

    /// [`Self::ms_at`] now.
    pub(crate) fn ms(&self) -> u64 {
        self.ms_at(Instant::now())
    }
}
