//! Making the topic, and judging one that is there.

mod describe;
mod judge;

use super::{KafkaOptions, OpenError, config};
use crate::MAX_RECORD_BYTES;
pub(super) use describe::Topic;
use describe::describe_blocking;
use domain::ids::ShardCount;
use futures::executor::block_on;
pub use judge::{Finding, Severity};
pub(super) use judge::{judge, refused};
use rdkafka::admin::{AdminOptions, NewTopic, TopicReplication};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::time::{Duration, Instant};
use tokio::task::spawn_blocking;

/// How long the brokers may take to make a topic.
const MAKE: Duration = Duration::from_secs(30);

/// The topic to make.
#[derive(Clone, Copy, Debug)]
pub struct TopicPlan {
    pub shards: ShardCount,
    pub replication: u16,
    /// How many copies must have a record before it counts as written.
    pub min_in_sync: u16,
    pub retain_for: Duration,
}

/// Makes the topic. Safe twice: one that is there and fits is left as it is, one that does not fit is refused, not
/// changed. Returns lines for people.
pub async fn create(options: &KafkaOptions, plan: &TopicPlan) -> Result<Vec<String>, OpenError> {
    let (options, plan) = (options.clone(), *plan);
    aside(move || create_blocking(&options, &plan)).await
}

/// Judges the topic; `shards`: how many partitions it is to have. Refused when it does not exist.
pub async fn check(options: &KafkaOptions, shards: Option<ShardCount>) -> Result<Vec<Finding>, OpenError> {
    Ok(judge(&describe(options).await?, shards))
}

/// The topic as it is.
pub(super) async fn describe(options: &KafkaOptions) -> Result<Topic, OpenError> {
    let options = options.clone();
    aside(move || {
        config::check(&options)?;
        describe_blocking(&options)?.ok_or(OpenError::NoTopic { topic: options.topic })
    })
    .await
}

/// The client library blocks: never on a thread that others need.
pub(super) async fn aside<T, F>(work: F) -> Result<T, OpenError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, OpenError> + Send + 'static,
{
    spawn_blocking(work).await.map_err(std::io::Error::other)?
}

fn create_blocking(options: &KafkaOptions, plan: &TopicPlan) -> Result<Vec<String>, OpenError> {
    config::check(options)?;
    let topic = &options.topic;
    if let Some(there) = describe_blocking(options)? {
        let first = format!("topic {topic}: there already, with {} partitions", there.partitions);
        return report(topic, first, &there, plan);
    }
    make(options, plan)?;
    let there = describe_made(options)?;
    let (shards, copies) = (there.partitions, there.replication);
    report(topic, format!("topic {topic}: made, with {shards} partitions in {copies} copies"), &there, plan)
}

fn report(topic: &str, first: String, there: &Topic, plan: &TopicPlan) -> Result<Vec<String>, OpenError> {
    let findings = judge(there, Some(plan.shards));
    if let Some(findings) = refused(&findings) {
        return Err(OpenError::Unfit { topic: topic.to_owned(), findings });
    }
    let mut lines = vec![first];
    lines.extend(findings.iter().filter(|f| f.severity == Severity::Warning).map(|f| format!("warning: {f}")));
    if there.replication != usize::from(plan.replication) {
        let wanted = plan.replication;
        lines.push(format!("warning: its partitions have {} copies, {wanted} were asked for", there.replication));
    }
    Ok(lines)
}

fn make(options: &KafkaOptions, plan: &TopicPlan) -> Result<(), OpenError> {
    let in_sync = plan.min_in_sync.to_string();
    let retain_ms = plan.retain_for.as_millis().to_string();
    let largest = (2 * MAX_RECORD_BYTES).to_string();
    let topic = NewTopic::new(
        &options.topic,
        i32::from(plan.shards.get()),
        TopicReplication::Fixed(i32::from(plan.replication)),
    )
    .set("message.timestamp.type", "LogAppendTime")
    .set("cleanup.policy", "delete")
    .set("retention.ms", &retain_ms)
    .set("retention.bytes", "-1")
    .set("min.insync.replicas", &in_sync)
    .set("unclean.leader.election.enable", "false")
    .set("max.message.bytes", &largest)
    // As the producer compressed it: no work for the brokers.
    .set("compression.type", "producer");
    let client = describe::admin(options)?;
    let asked = AdminOptions::new().request_timeout(Some(MAKE)).operation_timeout(Some(MAKE));
    let answer = block_on(client.create_topics([&topic], &asked))?;
    match answer.into_iter().next() {
        // Somebody was quicker.
        Some(Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(()),
        Some(Err((_, code))) => Err(refusal(code)),
        None => Err(refusal(RDKafkaErrorCode::Fail)),
    }
}

fn refusal(code: RDKafkaErrorCode) -> OpenError {
    let setting = match code {
        RDKafkaErrorCode::InvalidReplicationFactor => "kafka.replication",
        RDKafkaErrorCode::InvalidConfig => "kafka.min_in_sync",
        RDKafkaErrorCode::InvalidTopic => "kafka.topic",
        RDKafkaErrorCode::ClusterAuthorizationFailed | RDKafkaErrorCode::TopicAuthorizationFailed => "kafka.username",
        other => return OpenError::Client(KafkaError::AdminOp(other)),
    };
    OpenError::Setting { setting, found: format!("the brokers refuse to make the topic: {code}") }
}

/// A topic that was just made is known to all brokers a moment later.
fn describe_made(options: &KafkaOptions) -> Result<Topic, OpenError> {
    let deadline = Instant::now() + MAKE;
    loop {
        if let Some(there) = describe_blocking(options)? {
            return Ok(there);
        }
        if Instant::now() > deadline {
            return Err(OpenError::NoTopic { topic: options.topic.clone() });
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
