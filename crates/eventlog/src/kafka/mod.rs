//! The log as a Kafka topic: one partition per shard.
//!
//! Appends go through one librdkafka producer ([`producer`]), reads come from one consumer ([`reader`]), where shards
//! begin and end is asked by a third client ([`bounds`]), and which shards are ours is said by a fourth, the member of a
//! consumer group ([`placement`]). Each has a thread of its own: librdkafka blocks, and no call of it is made on a
//! thread of the async runtime but the hand-over of a record, which does not.

pub mod admin;
mod append_time;
mod bounds;
mod client_log;
mod config;
mod error;
#[cfg(test)]
mod fixture;
mod placement;
mod producer;
mod reader;

use crate::placement::Placement;
use crate::{AppendTicket, Bounds, EventLog, ReadError, ShardReader};
use admin::{Severity, Topic, aside, judge, refused};
use append_time::append_time;
use async_trait::async_trait;
use bounds::Surveyor;
use domain::ids::{ShardCount, ShardId};
pub use error::OpenError;
use placement::GroupPlacement;
use producer::{Appender, Generation};
use reader::Hub;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tracing::warn;

/// How to reach Kafka, and as whom.
#[derive(Clone, Debug)]
pub struct KafkaOptions {
    /// `host:port` of some brokers, separated by commas.
    pub brokers: String,
    pub topic: String,
    /// The consumer group that deals out shards.
    pub group: String,
    /// After this a record that was not acknowledged is reported as timed out.
    pub append_timeout: Duration,
    /// How long a batch waits for more records: 2 to 5 ms.
    pub linger: Duration,
    /// Records and bytes that may wait for their acknowledgement; more are refused as busy.
    pub queue_records: usize,
    pub queue_bytes: usize,
    /// How long a silent member of the group keeps its shards.
    pub session_timeout: Duration,
    pub security: KafkaSecurity,
}

/// Encryption and login.
#[derive(Clone, Debug, Default)]
pub struct KafkaSecurity {
    pub tls: Option<KafkaTls>,
    pub sasl: Option<KafkaSasl>,
}

/// PEM files; an empty path is not used. Without `ca_file` the system's roots count.
#[derive(Clone, Debug, Default)]
pub struct KafkaTls {
    pub ca_file: PathBuf,
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
}

/// A login.
#[derive(Clone)]
pub struct KafkaSasl {
    pub mechanism: SaslMechanism,
    pub username: String,
    pub password: String,
}

impl std::fmt::Debug for KafkaSasl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KafkaSasl({:?} {:?})", self.mechanism, self.username)
    }
}

/// How a password is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaslMechanism {
    Plain,
    ScramSha256,
    ScramSha512,
}

/// [`EventLog`] over a topic.
pub struct KafkaLog {
    options: KafkaOptions,
    shards: ShardCount,
    appender: Appender,
    surveyor: Arc<Surveyor>,
    hub: Arc<Hub>,
}

impl KafkaLog {
    /// Checks the topic and refuses one that would lose or garble the log, naming the topic's setting.
    ///
    /// The producer starts before that, so that it is connected and has its id when the log is open. Only a record
    /// opens the connections to the partitions' leaders, and none is written here: the first record to each shard,
    /// which ingest sends before it is ready, takes that much longer.
    pub async fn open(options: KafkaOptions) -> Result<Arc<Self>, OpenError> {
        let starting = options.clone();
        let first = aside(move || {
            config::check(&starting)?;
            Appender::connect(&starting)
        });
        let first = first.await?;
        let topic = admin::describe(&options).await?;
        let shards = judged(&options, &topic)?;
        aside(move || Self::start(options, shards, first)).await
    }

    fn start(options: KafkaOptions, shards: ShardCount, first: Generation) -> Result<Arc<Self>, OpenError> {
        first.fetch_topic(&options.topic, options.append_timeout)?;
        let appender = Appender::start(first, &options, shards)?;
        let surveyor = Arc::new(Surveyor::start(&options, shards)?);
        let hub = Hub::new(&options, surveyor.clone());
        Ok(Arc::new(Self { options, shards, appender, surveyor, hub }))
    }

    /// Joins the consumer group, which deals out shards. For the process as a whole: once.
    pub fn placement(&self) -> Result<Box<dyn Placement>, OpenError> {
        Ok(Box::new(GroupPlacement::join(&self.options)?))
    }
}

/// The number of shards of a topic that can hold the log.
fn judged(options: &KafkaOptions, topic: &Topic) -> Result<ShardCount, OpenError> {
    let findings = judge(topic, None);
    let unfit = |findings| OpenError::Unfit { topic: options.topic.clone(), findings };
    if let Some(findings) = refused(&findings) {
        return Err(unfit(findings));
    }
    for finding in findings.iter().filter(|finding| finding.severity == Severity::Warning) {
        warn!(topic = options.topic, %finding, "the topic is less safe than it should be");
    }
    let count = u16::try_from(topic.partitions).ok().and_then(ShardCount::new);
    count.ok_or_else(|| unfit(format!("it has {} partitions", topic.partitions)))
}

#[async_trait]
impl EventLog for KafkaLog {
    fn shards(&self) -> ShardCount {
        self.shards
    }

    fn append(&self, shard: ShardId, payload: Vec<u8>) -> AppendTicket {
        self.appender.append(shard, &payload)
    }

    async fn reader(&self, shard: ShardId, from: u64) -> Result<Box<dyn ShardReader>, ReadError> {
        Ok(Box::new(self.hub.reader(shard, from).await?))
    }

    /// Asked of the shard's leader: some milliseconds.
    async fn bounds(&self, shard: ShardId) -> Result<Bounds, ReadError> {
        self.surveyor.bounds(shard).await
    }

    /// Nothing: the topic's own retention takes what is old, needed or not.
    async fn release(&self, _shard: ShardId, _below: u64) {}

    async fn close(&self) {
        self.appender.close().await;
        self.surveyor.close();
        self.hub.close();
    }
}

impl Drop for KafkaLog {
    fn drop(&mut self) {
        self.hub.close();
    }
}

/// The version of the client library that is linked in.
pub fn library_version() -> String {
    rdkafka::util::get_rdkafka_version().1
}
