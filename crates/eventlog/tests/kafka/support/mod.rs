//! A topic of one's own on the broker under test.

pub mod broker;
pub mod topic;

use domain::ids::{ShardCount, ShardId};
use eventlog::EventLog;
use eventlog::kafka::{KafkaLog, KafkaOptions, KafkaSecurity};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
pub use topic::TestTopic;

/// The broker under test.
pub fn brokers() -> String {
    std::env::var("QP_KAFKA").expect("QP_KAFKA = host:port of a Kafka broker; `make test-cluster` starts one")
}

/// A name that nobody else uses.
pub fn unique(prefix: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() & 0xffff_ffff_ffff;
    format!("{prefix}-{now:x}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

pub fn options(brokers: &str, topic: &str) -> KafkaOptions {
    KafkaOptions {
        brokers: brokers.to_owned(),
        topic: topic.to_owned(),
        group: format!("{topic}-group"),
        append_timeout: Duration::from_secs(20),
        linger: Duration::from_millis(2),
        queue_records: 5_000,
        queue_bytes: 32 << 20,
        session_timeout: Duration::from_secs(6),
        security: KafkaSecurity::default(),
    }
}

pub fn shards(count: u16) -> ShardCount {
    ShardCount::new(count).unwrap()
}

pub async fn open(options: &KafkaOptions) -> Arc<KafkaLog> {
    within(KafkaLog::open(options.clone())).await.unwrap()
}

/// Appends `numbers` as text, one behind the other, and waits for all.
pub async fn append_numbers(log: &KafkaLog, shard: ShardId, numbers: std::ops::Range<u64>) {
    let mut open = std::collections::VecDeque::new();
    for n in numbers {
        open.push_back(log.append(shard, n.to_string().into_bytes()));
        // Below what the queue takes.
        if open.len() >= 2_000 {
            within(open.pop_front().unwrap()).await.unwrap();
        }
    }
    for ticket in open {
        within(ticket).await.unwrap();
    }
}

/// Reads the records `from .. to` and checks that each is there, once, in order.
pub async fn expect_numbers(reader: &mut Box<dyn eventlog::ShardReader>, from: u64, to: u64) {
    let mut next = from;
    while next < to {
        for record in within(reader.next((to - next).min(1_000) as usize)).await.unwrap() {
            assert_eq!((record.offset, &record.payload[..]), (next, next.to_string().as_bytes()));
            next += 1;
        }
    }
}

/// Fails rather than hangs.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.expect("an answer within a minute")
}
