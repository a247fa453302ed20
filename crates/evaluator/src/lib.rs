//! Reads the log of each shard it owns, applies it to the engine, and does what the engine says.
//!
//! - `placement`: which shards are worked on here.
//! - `shard`: one worker per shard: recover, replay, apply, store, publish, snapshot, tick.
//! - `feed`: offers deliveries to notifiers and takes their outcomes back into the log.
//! - `replay`, `digest`: a shard's state without its owner, and what it hashes to.
//! - `service`: answers ingest and API nodes about the shards owned here.
//!
//! It decides nothing: verdicts are the engine's. What it must get right is order. Rows are durable before
//! anybody is told of them, a snapshot comes after the rows it covers, and the log is released after that.

mod digest;
mod feed;
mod metric;
mod placement;
mod replay;
mod service;
mod shard;

pub use digest::{Digest, PieceDigest};
use domain::engine::snapshot::Format;
use domain::ids::ShardId;
use domain::record::Params;
use domain::time::Clock;
use eventlog::placement::Placement;
use eventlog::producer::Producer;
use eventlog::{EventLog, ReadError};
use feed::FeedHub;
pub use feed::{FeedService, Messages, Offers};
use parking_lot::Mutex;
use placement::{Keeper, Starter};
pub use replay::{replay, replay_from_the_start};
pub use service::ShardAnswers;
use shard::Shards;
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
    /// `host:port` under which others reach its gRPC services.
    pub address: String,
    pub node: u64,
    pub snapshot_every: Duration,
    /// How snapshots are written. Every evaluator of the installation must be able to read it.
    pub format: Format,
    /// How long an offer waits for its outcome before it is offered again. Longer than any attempt.
    pub offer_lease: Duration,
}

impl EvaluatorOptions {
    /// The default lease: attempts end within 15 s.
    pub const OFFER_LEASE: Duration = Duration::from_secs(40);
}

/// Why a shard stands still.
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
    /// Ends the streams of notifiers.
    feed_closing: CancellationToken,
    tasks: Mutex<Vec<JoinHandle<()>>>,
}

impl Evaluator {
    /// Starts to follow `placement`: each shard it gives is recovered from its snapshot and gets a worker, which
    /// replays the rest of the log.
    pub fn start(deps: EvaluatorDeps, options: EvaluatorOptions, placement: Box<dyn Placement>) -> Self {
        let hub = Arc::new(FeedHub::new(options.offer_lease));
        let (stopping, shards) = (CancellationToken::new(), Shards::default());
        let starter = Starter { deps: deps.clone(), options, hub: Arc::clone(&hub), shards: shards.clone() };
        let tasks = vec![
            tokio::spawn(Arc::clone(&hub).sweep(stopping.clone())),
            tokio::spawn(Keeper::new(starter).run(placement, stopping.clone())),
        ];
        let feed_closing = stopping.child_token();
        Self { shards, hub, deps, stopping, feed_closing, tasks: Mutex::new(tasks) }
    }

    /// The service notifiers dial.
    pub fn feed_service(&self) -> DeliveryFeedServer<FeedService> {
        DeliveryFeedServer::new(self.feed())
    }

    /// What stands behind that service.
    pub fn feed(&self) -> FeedService {
        FeedService::new(Arc::clone(&self.hub), self.deps.clone(), self.feed_closing.clone())
    }

    /// The service ingest and API nodes ask.
    pub fn shard_service(&self) -> ShardServiceServer<ShardAnswers> {
        ShardServiceServer::new(ShardAnswers::new(self.shards.clone(), self.deps.log.clone()))
    }

    /// Ready when it was given shards (none is an answer too) and each has caught up with the log as it was when the
    /// shard came here.
    pub fn readiness(&self) -> Readiness {
        let missing = self.shards.missing();
        Readiness { ready: missing.is_empty(), missing }
    }

    /// Ends the streams of notifiers, which live as long as both sides do: a port that drains must not wait for them.
    pub fn close_feed(&self) {
        self.feed_closing.cancel();
    }

    /// Ends offering, takes a last snapshot of every shard, steps down and leaves.
    pub async fn stop(&self) {
        self.stopping.cancel();
        let tasks = std::mem::take(&mut *self.tasks.lock());
        for task in tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task of the evaluator ended badly");
            }
        }
    }
}
