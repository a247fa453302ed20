//! What the brokers say about the topic.

use crate::kafka::client_log::ClientLog;
use crate::kafka::{KafkaOptions, OpenError, config};
use futures::executor::block_on;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::metadata::{Metadata, MetadataTopic};
use rdkafka::producer::{BaseProducer, Producer, ProducerContext};
use rdkafka::types::RDKafkaRespErr;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long brokers may take to answer at all.
const ANSWER: Duration = Duration::from_secs(10);
const TRY: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(50);

/// A topic as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::kafka) struct Topic {
    pub partitions: usize,
    /// Copies of the partition that has the fewest.
    pub replication: usize,
    /// The topic's settings, whatever level they were set at.
    pub settings: BTreeMap<String, String>,
}

/// None when there is no such topic. Refused when no broker answers, naming the setting that may be why. Blocks.
pub(super) fn describe_blocking(options: &KafkaOptions) -> Result<Option<Topic>, OpenError> {
    let Some((partitions, replication)) = layout(options)? else { return Ok(None) };
    let settings = settings(options)?;
    Ok(Some(Topic { partitions, replication, settings }))
}

/// Partitions and copies.
fn layout(options: &KafkaOptions) -> Result<Option<(usize, usize)>, OpenError> {
    let log = ClientLog::new("admin");
    let client: BaseProducer<Probe> = config::common(options).create_with_context(Probe(log.clone()))?;
    let deadline = Instant::now() + ANSWER;
    loop {
        let answer = client.client().fetch_metadata(Some(&options.topic), TRY);
        // Collects what the client has to say of itself, and is the pause between two tries.
        client.poll(PAUSE);
        if let Ok(metadata) = answer {
            match topic_of(&metadata, &options.topic)? {
                Found::There(layout) => return Ok(Some(layout)),
                Found::NotThere => return Ok(None),
                Found::NotYet => {}
            }
        }
        if log.is_hopeless() || Instant::now() > deadline {
            return Err(log.explain(options));
        }
    }
}

enum Found {
    There((usize, usize)),
    NotThere,
    /// It has no leader at the moment.
    NotYet,
}

fn topic_of(metadata: &Metadata, name: &str) -> Result<Found, OpenError> {
    let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else { return Ok(Found::NotThere) };
    match topic.error() {
        None => Ok(Found::There(layout_of(topic))),
        Some(
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART
            | RDKafkaRespErr::RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC
            | RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID,
        ) => Ok(Found::NotThere),
        Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) => Ok(Found::NotYet),
        Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED) => {
            let found = format!("may not see topic {name:?}");
            Err(OpenError::Setting { setting: "kafka.username", found })
        }
        Some(code) => Err(OpenError::Client(KafkaError::MetadataFetch(code.into()))),
    }
}

fn layout_of(topic: &MetadataTopic) -> (usize, usize) {
    let copies = topic.partitions().iter().map(|partition| partition.replicas().len());
    (topic.partitions().len(), copies.min().unwrap_or(0))
}

fn settings(options: &KafkaOptions) -> Result<BTreeMap<String, String>, OpenError> {
    let client = admin(options)?;
    let asked = AdminOptions::new().request_timeout(Some(ANSWER));
    let resource = ResourceSpecifier::Topic(&options.topic);
    let answer = block_on(client.describe_configs([&resource], &asked))?;
    let described = match answer.into_iter().next() {
        Some(Ok(described)) => described,
        Some(Err(RDKafkaErrorCode::TopicAuthorizationFailed)) => {
            let found = "may not read the topic's settings (DescribeConfigs)".to_owned();
            return Err(OpenError::Setting { setting: "kafka.username", found });
        }
        Some(Err(code)) => return Err(OpenError::Client(KafkaError::AdminOp(code))),
        None => return Err(OpenError::Client(KafkaError::AdminOp(RDKafkaErrorCode::BadMessage))),
    };
    Ok(described.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect())
}

/// A client for administration. Dropping it blocks.
pub(super) fn admin(options: &KafkaOptions) -> Result<AdminClient<ClientLog>, OpenError> {
    Ok(config::common(options).create_with_context(ClientLog::new("admin"))?)
}

/// The context of a client that is only asked for metadata.
struct Probe(ClientLog);

impl ClientContext for Probe {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.error(error, reason);
    }
}

impl ProducerContext for Probe {
    type DeliveryOpaque = ();

    /// Nothing is sent.
    fn delivery(&self, _: &DeliveryResult<'_>, (): ()) {}
}
