//! A topic and a keyspace for the day, and the real log and store on them.

use domain::ids::ShardCount;
use eventlog::kafka::admin::TopicPlan;
use eventlog::kafka::{KafkaLog, KafkaOptions, KafkaSecurity};
use std::sync::Arc;
use std::time::Duration;
use store::scylla::schema::{self, Replication};
use store::scylla::{ScyllaOptions, ScyllaStore};
use suites::support::topology::{Lease, Real};

/// Shards of the day.
pub const SHARDS: ShardCount = ShardCount::new(2).expect("not zero");

/// Where the day takes place.
pub struct Grounds {
    pub log: Arc<KafkaLog>,
    pub store: Arc<ScyllaStore>,
    pub lease: Lease,
    pub real: Arc<Real>,
}

impl Grounds {
    pub async fn prepare() -> Self {
        let real = Real::shared(1, 1).await;
        let lease = Lease::take(&real).await;
        let kafka = kafka_options(&real, real.fresh_topic());
        let week = Duration::from_secs(7 * 86_400);
        let plan = TopicPlan { shards: SHARDS, replication: 1, min_in_sync: 1, retain_for: week };
        eventlog::kafka::admin::create(&kafka, &plan).await.expect("a topic");
        let scylla = scylla_options(&real, lease.keyspace());
        if lease.is_new() {
            schema::apply(&scylla, Replication { factor: 1 }, &mut |_| {}).await.expect("a schema");
        }
        let log = KafkaLog::open(kafka).await.expect("the log opens");
        let store = ScyllaStore::open(scylla).await.expect("the store opens");
        Self { log, store, lease, real }
    }
}

fn kafka_options(real: &Real, topic: String) -> KafkaOptions {
    KafkaOptions {
        brokers: real.brokers().to_owned(),
        group: topic.clone(),
        topic,
        append_timeout: Duration::from_secs(5),
        linger: Duration::from_millis(3),
        queue_records: 20_000,
        queue_bytes: 16 << 20,
        session_timeout: Duration::from_secs(6),
        security: KafkaSecurity::default(),
    }
}

fn scylla_options(real: &Real, keyspace: &str) -> ScyllaOptions {
    ScyllaOptions {
        contact_points: real.cassandra().split(',').map(str::to_owned).collect(),
        keyspace: keyspace.to_owned(),
        local_dc: String::new(),
        username: String::new(),
        password: String::new(),
        tls: None,
        request_timeout: Duration::from_secs(10),
        shards: SHARDS,
        history_for: Duration::from_secs(90 * 86_400),
        transitions_for: Duration::from_secs(400 * 86_400),
    }
}
