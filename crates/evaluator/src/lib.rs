//! Reads the log of each shard it owns, applies it to the engine, and does what the engine says.
//!
//! - `shard`: one worker per shard: recover, replay, apply, store, publish, snapshot, tick.
//! - `feed`: offers deliveries to notifiers and takes their outcomes back into the log.
//! - `service`: answers ingest and API nodes about the shards owned here.
//!
//! It decides nothing: verdicts are the engine's. What it must get right is order. Rows are durable before
//! anybody is told of them, a snapshot comes after the rows it covers, and the log is released after that.

mod feed;
mod metric;
mod service;
mod shard;

use domain::ids::ShardId;
use domain::record::Params;
use domain::time::Clock;
use eventlog::producer::Producer;
use eventlog::{EventLog, ReadError};
use feed::FeedHub;
pub use feed::FeedService;
use parking_lot::Mutex;
pub use service::ShardAnswers;
use shard::worker::Worker;
use shard::{ShardHandle, Shards};
use std::sync::Arc;
use std::time::Duration;
use store::{Store, StoreError};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wire::v1::delivery_feed_server::DeliveryFeedServer;
use wire::v1::shard_service_server::ShardServiceServer;

/// What an evaluator works with.
#[derive(Clone)]
pub struct EvaluatorDeps {
    pub log: Arc<dyn EventLog>,
    pub store: Arc<dyn Store>,
    pub producer: Producer,
    pub clock: Arc<dyn Clock>,
}

/// How it works.
#[derive(Clone, Debug)]
pub struct EvaluatorOptions {
    /// W, C and the rules' version; a change is written to the log and counts from there.
    pub params: Params,
    /// The shards it owns.
    pub shards: Vec<ShardId>,
    /// `host:port` under which others reach its gRPC services.
    pub address: String,
    pub node: u64,
    pub snapshot_every: Duration,
    /// How long an offer waits for its outcome before it is offered again. Longer than any attempt.
    pub offer_lease: Duration,
}

impl EvaluatorOptions {
    /// The default lease: attempts end within 15 s.
    pub const OFFER_LEASE: Duration = Duration::from_secs(40);
}

/// Why an evaluator did not start.
#[derive(Debug, thiserror::Error)]
pub enum EvaluatorError {
    #[error("shard {shard}: {source}")]
    Store { shard: ShardId, source: StoreError },
    #[error("shard {shard}: {source}")]
    Log { shard: ShardId, source: ReadError },
    #[error(
        "shard {shard}: the snapshot cannot be read ({source}), and the log no longer reaches back to its beginning"
    )]
    Snapshot { shard: ShardId, source: domain::codec::CodecError },
}

/// Whether it can do its job, and what is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Readiness {
    pub ready: bool,
    pub missing: Vec<String>,
}

/// A running evaluator.
pub struct Evaluator {
    shards: Shards,
    hub: Arc<FeedHub>,
    deps: EvaluatorDeps,
    stopping: CancellationToken,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Evaluator {
    /// Recovers every shard from its snapshot and starts its worker, which replays the rest of the log.
    pub async fn start(deps: EvaluatorDeps, options: EvaluatorOptions) -> Result<Self, EvaluatorError> {
        let hub = Arc::new(FeedHub::new(options.offer_lease));
        let stopping = CancellationToken::new();
        let mut shards = Vec::new();
        let mut tasks = vec![tokio::spawn(Arc::clone(&hub).sweep(stopping.clone()))];
        for shard in &options.shards {
            let worker = Worker::recover(*shard, &deps, &options, Arc::clone(&hub)).await?;
            shards.push(worker.handle());
            tasks.push(tokio::spawn(worker.run(stopping.clone())));
        }
        Ok(Self { shards: Shards::new(shards), hub, deps, stopping, tasks: Mutex::new(tasks) })
    }

    /// The service notifiers dial.
    pub fn feed_service(&self) -> DeliveryFeedServer<FeedService> {
        let service = FeedService::new(Arc::clone(&self.hub), self.deps.clone(), self.stopping.clone());
        DeliveryFeedServer::new(service)
    }

    /// The service ingest and API nodes ask.
    pub fn shard_service(&self) -> ShardServiceServer<ShardAnswers> {
        ShardServiceServer::new(ShardAnswers::new(self.shards.clone(), self.deps.log.clone()))
    }

    /// Ready when every shard has caught up with the log as it was at the start.
    pub fn readiness(&self) -> Readiness {
        let behind = |handle: &&Arc<ShardHandle>| !handle.has_caught_up();
        let missing: Vec<String> = self.shards.iter().filter(behind).map(|h| h.state_in_words()).collect();
        Readiness { ready: missing.is_empty(), missing }
    }

    /// Ends offering, takes a last snapshot of every shard and steps down.
    pub async fn stop(&self) {
        self.stopping.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a shard's worker ended badly");
            }
        }
    }
}
