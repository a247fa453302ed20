//! Reading what a topic can do to a reader: fill up behind it, forget before it, and skip.

use crate::support::{TestTopic, append_numbers, expect_numbers, open, within};
use domain::ids::ShardId;
use eventlog::kafka::KafkaLog;
use eventlog::{Bounds, EventLog, ReadError, ShardReader};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::sync::Arc;
use std::time::Duration;

const A: ShardId = ShardId(0);
const B: ShardId = ShardId(1);
/// More than a reader's queue and what the client fetches ahead hold together.
const MANY: u64 = 60_000;

async fn reader(log: &Arc<KafkaLog>, shard: ShardId, from: u64) -> Box<dyn ShardReader> {
    within(log.reader(shard, from)).await.unwrap()
}

/// Fills the queue of a reader that takes one record, up to where its partition is paused; the reader of `B` goes on.
async fn fill(log: &Arc<KafkaLog>) -> (Box<dyn ShardReader>, Box<dyn ShardReader>) {
    append_numbers(log, A, 0..MANY).await;
    let mut slow = reader(log, A, 0).await;
    assert_eq!(take_one(&mut slow).await, 0);
    let mut quick = reader(log, B, 0).await;
    append_numbers(log, B, 0..20_000).await;
    expect_numbers(&mut quick, 0, 20_000).await;
    (slow, quick)
}

/// Exactly one record, so that the rest stays in the queue.
async fn take_one(reader: &mut Box<dyn ShardReader>) -> u64 {
    within(reader.next(1)).await.unwrap()[0].offset
}

#[tokio::test]
async fn a_reader_with_a_full_queue_holds_up_no_other_and_loses_nothing() {
    let topic = TestTopic::new(2).await;
    let log = open(&topic.options).await;
    let (mut slow, _quick) = fill(&log).await;
    expect_numbers(&mut slow, 1, MANY).await;
}

#[tokio::test]
async fn only_the_reader_whose_records_are_gone_ends() {
    let topic = TestTopic::new(2).await;
    let log = open(&topic.options).await;
    let (mut behind, mut other) = fill(&log).await;
    let below = MANY - 10;
    topic.delete_records(0, below as i64).await;
    let mut next = 1;
    let end = loop {
        match within(behind.next(1_000)).await {
            Ok(records) => {
                assert!(records.iter().map(|record| record.offset).eq(next..next + records.len() as u64));
                next += records.len() as u64;
            }
            Err(end) => break end,
        }
    };
    assert_eq!(end, ReadError::OutOfRange { shard: A, wanted: next, first: below, next: MANY });
    assert_eq!(within(behind.next(1)).await, Err(end), "it stays ended");
    append_numbers(&log, B, 20_000..20_100).await;
    expect_numbers(&mut other, 20_000, 20_100).await;
    // The shard itself is well: a reader that begins where the log does reads on, at the same consumer.
    drop(behind);
    expect_numbers(&mut reader(&log, A, below).await, below, MANY).await;
}

#[tokio::test]
async fn a_reader_that_begins_before_the_log_is_refused_with_the_bounds() {
    let topic = TestTopic::new(2).await;
    let log = open(&topic.options).await;
    append_numbers(&log, A, 0..100).await;
    topic.delete_records(0, 40).await;
    assert_eq!(within(log.bounds(A)).await, Ok(Bounds { first: 40, next: 100 }));
    let refused = within(log.reader(A, 39)).await.err();
    assert_eq!(refused, Some(ReadError::OutOfRange { shard: A, wanted: 39, first: 40, next: 100 }));
    expect_numbers(&mut reader(&log, A, 40).await, 40, 100).await;
}

/// A transaction, which nobody should write here, leaves a marker that takes an offset and is no record.
#[tokio::test]
async fn a_hole_in_the_offsets_stops_its_reader_and_names_both_sides() {
    let topic = TestTopic::new(2).await;
    let log = open(&topic.options).await;
    append_numbers(&log, A, 0..2).await;
    let (mut broken, mut other) = (reader(&log, A, 0).await, reader(&log, B, 0).await);
    expect_numbers(&mut broken, 0, 2).await;
    let name = topic.options.topic.clone();
    let brokers = topic.options.brokers.clone();
    tokio::task::spawn_blocking(move || write_transaction(&brokers, &name)).await.unwrap();
    expect_numbers(&mut broken, 2, 3).await;
    // The coordinator writes the marker when it likes.
    within(async { while log.bounds(A).await.unwrap().next < 4 {} }).await;
    append_numbers(&log, A, 4..5).await;
    append_numbers(&log, B, 0..1).await;
    let end = within(broken.next(1)).await.unwrap_err();
    assert_eq!(end, ReadError::Broken("shard 0 goes from offset 3 on to 4".to_owned()));
    expect_numbers(&mut other, 0, 1).await;
}

/// One record "2" to the first partition.
fn write_transaction(brokers: &str, topic: &str) {
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", brokers).set("transactional.id", topic).create().unwrap();
    let patience = Duration::from_secs(30);
    producer.init_transactions(patience).unwrap();
    producer.begin_transaction().unwrap();
    let record: BaseRecord<'_, (), str> = BaseRecord::to(topic).partition(0).payload("2");
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.commit_transaction(patience).unwrap();
}

#[tokio::test]
async fn bounds_of_many_shards_are_asked_at_once() {
    let topic = TestTopic::new(32).await;
    let log = open(&topic.options).await;
    for shard in log.shards().all() {
        append_numbers(&log, shard, 0..u64::from(shard.0)).await;
    }
    for _ in 0..20 {
        let asked = log.shards().all().map(|shard| log.bounds(shard));
        let answers = within(futures::future::join_all(asked)).await;
        for (next, answer) in answers.into_iter().enumerate() {
            assert_eq!(answer, Ok(Bounds { first: 0, next: next as u64 }));
        }
    }
}

/// What was acknowledged before the question is in the answer: who has just pinged sees it.
#[tokio::test]
async fn bounds_are_never_behind_an_acknowledgement() {
    let topic = TestTopic::new(2).await;
    let log = open(&topic.options).await;
    let tasks: Vec<_> = [A, B].into_iter().map(|shard| tokio::spawn(append_and_ask(log.clone(), shard))).collect();
    for task in tasks {
        within(task).await.unwrap();
    }
}

async fn append_and_ask(log: Arc<KafkaLog>, shard: ShardId) {
    for n in 0..100 {
        assert_eq!(log.append(shard, b"x".to_vec()).await.unwrap().offset, n);
        assert_eq!(log.bounds(shard).await.unwrap().next, n + 1);
    }
}

/// Nobody is left waiting when the log closes, whatever it was doing.
#[tokio::test]
async fn closing_ends_readers_that_wait_and_those_that_come() {
    let topic = TestTopic::new(2).await;
    let log = open(&topic.options).await;
    let mut readers = Vec::new();
    for _ in 0..3 {
        readers.push(reader(&log, A, 0).await);
    }
    let waiting: Vec<_> =
        readers.into_iter().map(|mut reader| tokio::spawn(async move { reader.next(1).await })).collect();
    within(log.close()).await;
    for waiting in waiting {
        assert_eq!(within(waiting).await.unwrap(), Err(ReadError::Closed));
    }
    assert_eq!(within(log.reader(B, 0)).await.err(), Some(ReadError::Closed));
    assert_eq!(within(log.bounds(A)).await, Err(ReadError::Closed));
}
