//! The cluster an installation moves to.

use super::copy::{AT_ONCE, Moved};
use super::say;
use crate::config::types::Config;
use crate::failure::Failure;
use crate::installation::{Installation, random_u64};
use crate::serve::{Log, Tables};
use domain::ids::{MonitorId, ShardCount, ShardId};
use domain::record::Body;
use domain::time::{Clock, UnixMs};
use eventlog::producer::Producer;
use eventlog::{AppendError, EventLog};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use store::{ShardBatch, Store, StoreError};
use tokio::time::Instant;

/// How long a refused write waits before the next try, and how often it is tried.
const RETRY: Duration = Duration::from_millis(500);
const TRIES: u32 = 60;
/// How long owners may take to apply what was handed over.
const OWNERS: Duration = Duration::from_secs(60);

/// Where everything goes.
pub struct Target {
    log: Arc<dyn EventLog>,
    pub store: Arc<dyn Store>,
    producer: Producer,
    shards: ShardCount,
    place: String,
    clock: Arc<dyn Clock>,
}

impl Target {
    /// Connects. Refused when the cluster has other secrets: every ping URL in use would die.
    pub async fn open(config: &Config, old: &Installation) -> Result<Self, Failure> {
        let file = config.installation_file();
        let hint = "make it with `quietpulse admin installation create --from DATA_DIR --out FILE`";
        let new = Installation::read(&file).map_err(Failure::failed)?;
        let new =
            new.ok_or_else(|| Failure::failed(format_args!("installation: {} is not there; {hint}", file.display())))?;
        if !new.shares_secrets_with(old) {
            let problem = "has other secrets than the data directory, so ping URLs would change";
            return Err(Failure::failed(format_args!("installation: {} {problem}; {hint}", file.display())));
        }
        if config.keeps_its_own_log() {
            return Err(Failure::usage("log.backend: must be \"kafka\" in the configuration of the cluster"));
        }
        let clock: Arc<dyn Clock> = Arc::new(crate::clock::SystemClock);
        let log = Log::open_kafka(config, new.shards).await?.shared();
        let store = Tables::shared_of(config).await?.shared();
        let producer = Producer::new(log.clone(), random()?, random()?, 0);
        let place = format!("the topic {}", config.kafka.topic);
        Ok(Self { log, store, producer, shards: new.shards, place, clock })
    }

    /// All its shards.
    pub fn shards(&self) -> impl Iterator<Item = ShardId> + use<> {
        self.shards.all()
    }

    /// Where a monitor goes.
    pub fn shard_of(&self, monitor: MonitorId) -> ShardId {
        self.shards.shard_of(monitor)
    }

    pub fn now(&self) -> UnixMs {
        self.clock.now()
    }

    /// Appends records of one shard and keeps their order: from one that was not acknowledged on, all are sent again
    /// under the numbers they have, so that the shard knows the repeats.
    pub async fn append(&self, shard: ShardId, bodies: &[(Body, UnixMs)]) -> Result<(), Failure> {
        let payloads: Vec<Vec<u8>> =
            bodies.iter().map(|(body, received)| self.producer.numbered(shard, body, *received)).collect();
        let mut begun = 0;
        for _ in 0..TRIES {
            match self.send(shard, payloads.get(begun..).unwrap_or_default()).await {
                Ok(()) => return Ok(()),
                Err((_, error @ (AppendError::TooLarge | AppendError::Closed))) => return Err(Failure::failed(error)),
                Err((done, _)) => begun += done,
            }
            tokio::time::sleep(RETRY).await;
        }
        Err(Failure::failed("the log of the cluster does not acknowledge; start the move again when it does"))
    }

    async fn send(&self, shard: ShardId, payloads: &[Vec<u8>]) -> Result<(), (usize, AppendError)> {
        let tickets: Vec<_> = payloads.iter().map(|payload| self.log.append(shard, payload.clone())).collect();
        for (done, ticket) in tickets.into_iter().enumerate() {
            ticket.await.map_err(|error| (done, error))?;
        }
        Ok(())
    }

    /// Writes rows. They are the same whenever they are written.
    pub async fn write(&self, monitor: MonitorId, batch: ShardBatch) -> Result<(), Failure> {
        for _ in 0..TRIES {
            match self.store.write(self.shard_of(monitor), batch.clone()).await {
                Ok(()) => return Ok(()),
                Err(StoreError::Busy(_)) => tokio::time::sleep(RETRY).await,
                Err(error) => return Err(Failure::failed(error)),
            }
        }
        Err(Failure::failed("the store of the cluster does not answer; start the move again when it does"))
    }

    /// Where that is, in words.
    pub fn place(&self) -> String {
        self.place.clone()
    }

    /// Waits until the owners of the shards have taken the monitors over, since who asks for one before is told to try
    /// again. A cluster whose evaluators do not run yet takes them over when they do.
    pub async fn wait_for_owners(&self, moved: &[Moved]) {
        let mut last: BTreeMap<ShardId, VecDeque<&Moved>> = BTreeMap::new();
        for one in moved {
            let of_shard = last.entry(self.shard_of(one.monitor)).or_default();
            // They were handed over in order, but for those under way at once.
            if of_shard.len() == AT_ONCE {
                of_shard.pop_front();
            }
            of_shard.push_back(one);
        }
        let mut missing: Vec<&Moved> = last.into_values().flatten().collect();
        let end = Instant::now() + OWNERS;
        loop {
            let mut still = Vec::new();
            for one in missing {
                if !matches!(self.store.monitor(one.tenant, &one.slug).await, Ok(Some(_))) {
                    still.push(one);
                }
            }
            missing = still;
            if missing.is_empty() {
                return;
            }
            if Instant::now() >= end {
                let shards: BTreeSet<u16> = missing.iter().map(|one| self.shard_of(one.monitor).0).collect();
                say(format_args!("no evaluator has taken over the monitors of shards {shards:?} yet"));
                return;
            }
            tokio::time::sleep(RETRY).await;
        }
    }

    /// Writes what is queued.
    pub async fn close(&self) {
        self.log.close().await;
    }
}

fn random() -> Result<u64, Failure> {
    random_u64().map(|drawn| drawn.max(1)).map_err(Failure::failed)
}
