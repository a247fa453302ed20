//! What keeps the log and the store, opened as the configuration says. Above this everybody sees two traits.

use super::open::Place;
use crate::config::types::{Config, LogBackend, StoreBackend};
use crate::failure::Failure;
use domain::ids::ShardCount;
use domain::time::Clock;
use eventlog::EventLog;
use eventlog::embedded::{EmbeddedLog, EmbeddedLogOptions};
use eventlog::placement::{EveryShard, Placement};
use std::sync::Arc;
use store::Store;
use store::embedded::EmbeddedStore;

/// Appends that may wait for a commit of the embedded log: about a second of a busy machine.
const QUEUE_RECORDS: usize = 65_536;

/// An open log.
#[derive(Clone)]
pub enum Log {
    Embedded(Arc<EmbeddedLog>),
    #[cfg(feature = "cluster")]
    Kafka(Arc<eventlog::kafka::KafkaLog>),
}

impl Log {
    /// Opens it; the embedded one in the data directory.
    pub async fn open(config: &Config, place: &Place, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let shards = place.installation.shards;
        match config.log.backend {
            LogBackend::Embedded => tokio::task::block_in_place(|| open_embedded(config, place, clock)),
            #[cfg(feature = "cluster")]
            LogBackend::Kafka => Self::open_kafka(config, shards).await,
            #[cfg(not(feature = "cluster"))]
            LogBackend::Kafka => Err(not_built("log.backend", shards)),
        }
    }

    /// Opens it as it is now, while others may work with it. Nothing may be appended, and the embedded one ends
    /// where it ends now.
    pub async fn open_to_read(config: &Config, place: &Place) -> Result<Self, Failure> {
        let shards = place.installation.shards;
        match config.log.backend {
            LogBackend::Embedded => {
                let opened = tokio::task::block_in_place(|| EmbeddedLog::open_to_read(&place.directory, shards));
                opened.map(Self::Embedded).map_err(|error| Failure::failed(format_args!("the log: {error}")))
            }
            #[cfg(feature = "cluster")]
            LogBackend::Kafka => Self::open_kafka(config, shards).await,
            #[cfg(not(feature = "cluster"))]
            LogBackend::Kafka => Err(not_built("log.backend", shards)),
        }
    }

    /// Opens a topic that must have so many partitions.
    #[cfg(feature = "cluster")]
    pub async fn open_kafka(config: &Config, shards: ShardCount) -> Result<Self, Failure> {
        let log = eventlog::kafka::KafkaLog::open(super::cluster::kafka_options(config)).await;
        let log = log.map_err(|error| Failure::failed(format_args!("the log: {error}")))?;
        same_shards(config, log.shards(), shards)?;
        Ok(Self::Kafka(log))
    }

    /// As everybody else sees it.
    pub fn shared(&self) -> Arc<dyn EventLog> {
        match self {
            Self::Embedded(log) => log.clone(),
            #[cfg(feature = "cluster")]
            Self::Kafka(log) => log.clone(),
        }
    }

    /// Says which shards this process is to own.
    pub fn placement(&self) -> Result<Box<dyn Placement>, Failure> {
        match self {
            Self::Embedded(log) => Ok(Box::new(EveryShard::of(log.shards()))),
            #[cfg(feature = "cluster")]
            Self::Kafka(log) => log.placement().map_err(|error| Failure::failed(format_args!("the log: {error}"))),
        }
    }
}

/// An open store.
#[derive(Clone)]
pub enum Tables {
    Embedded(Arc<EmbeddedStore>),
    #[cfg(feature = "cluster")]
    Scylla(Arc<store::scylla::ScyllaStore>),
}

impl Tables {
    /// Opens it; the embedded one in the data directory.
    pub async fn open(config: &Config, place: &Place) -> Result<Self, Failure> {
        let shards = place.installation.shards;
        match config.store.backend {
            StoreBackend::Embedded => {
                let opened = tokio::task::block_in_place(|| EmbeddedStore::open(&place.directory));
                opened.map(Self::Embedded).map_err(Failure::failed)
            }
            #[cfg(feature = "cluster")]
            StoreBackend::Scylla => {
                let opened = store::scylla::ScyllaStore::open(super::cluster::scylla_options(config, shards)).await;
                opened.map(Self::Scylla).map_err(Failure::failed)
            }
            #[cfg(not(feature = "cluster"))]
            StoreBackend::Scylla => Err(not_built("store.backend", shards)),
        }
    }

    /// Opens it to be looked at, while others may work with it.
    pub async fn open_to_read(config: &Config, place: &Place) -> Result<Self, Failure> {
        match config.store.backend {
            StoreBackend::Embedded => {
                let opened = tokio::task::block_in_place(|| EmbeddedStore::open_to_read(&place.directory));
                opened.map(Self::Embedded).map_err(Failure::failed)
            }
            StoreBackend::Scylla => Self::open(config, place).await,
        }
    }

    /// Opens a store that does not lie in a data directory.
    pub async fn shared_of(config: &Config) -> Result<Self, Failure> {
        #[cfg(feature = "cluster")]
        if config.store.backend == StoreBackend::Scylla {
            let shards = ShardCount::new(1).ok_or_else(|| Failure::failed("one shard"))?;
            let opened = store::scylla::ScyllaStore::open(super::cluster::scylla_options(config, shards)).await;
            return opened.map(Self::Scylla).map_err(Failure::failed);
        }
        let what = format!("{:?}", config.store.backend).to_lowercase();
        Err(Failure::usage(format_args!("store.backend: is \"{what}\", so no other process shares the store")))
    }

    /// As everybody else sees it.
    pub fn shared(&self) -> Arc<dyn Store> {
        match self {
            Self::Embedded(store) => store.clone(),
            #[cfg(feature = "cluster")]
            Self::Scylla(store) => store.clone(),
        }
    }
}

fn open_embedded(config: &Config, place: &Place, clock: Arc<dyn Clock>) -> Result<Log, Failure> {
    let options = EmbeddedLogOptions {
        directory: place.directory.clone(),
        shards: place.installation.shards,
        retain_bytes: config.log.retain_bytes.0,
        retain_ms: config.log.retain_for.as_ms(),
        queue_records: QUEUE_RECORDS,
    };
    let log = EmbeddedLog::open(options, clock);
    log.map(Log::Embedded).map_err(|error| Failure::failed(format_args!("the log: {error}")))
}

/// Where every record lies depends on it.
#[cfg(feature = "cluster")]
fn same_shards(config: &Config, found: ShardCount, made: ShardCount) -> Result<(), Failure> {
    if found == made {
        return Ok(());
    }
    let (topic, file) = (&config.kafka.topic, config.installation_file());
    Err(Failure::failed(format_args!(
        "kafka.topic: {topic} has {} partitions, but the installation of {} was made with {} shards",
        found.get(),
        file.display(),
        made.get()
    )))
}

#[cfg(not(feature = "cluster"))]
fn not_built(setting: &str, _: ShardCount) -> Failure {
    Failure::usage(format_args!("{setting}: not in this build"))
}
