//! Appending where a real broker matters.

use crate::support::{TestTopic, open, within};
use domain::ids::ShardId;
use domain::time::UnixMs;
use eventlog::{Appended, EventLog, MAX_RECORD_BYTES};

const A: ShardId = ShardId(0);

/// A topic that was changed while in use: records carry their sender's time. They are taken, for ticket and reader
/// alike.
#[tokio::test]
async fn a_topic_that_lost_its_append_times_is_still_read() {
    let topic = TestTopic::new(2).await;
    let log = open(&topic.options).await;
    within(log.append(A, b"0".to_vec())).await.unwrap();
    topic.set("message.timestamp.type", "CreateTime").await;
    let mut appended = Vec::new();
    for n in 1..4u64 {
        appended.push(within(log.append(A, n.to_string().into_bytes())).await.unwrap());
    }
    assert!(appended.iter().all(|appended| appended.append > UnixMs(0)));
    let mut reader = within(log.reader(A, 1)).await.unwrap();
    let mut read = Vec::new();
    while read.len() < 3 {
        let records = within(reader.next(10)).await.unwrap();
        read.extend(records.into_iter().map(|r| Appended { offset: r.offset, append: r.append }));
    }
    assert_eq!(read, appended);
}

#[tokio::test]
async fn the_largest_record_there_may_be_is_taken_and_read() {
    let topic = TestTopic::new(2).await;
    let log = open(&topic.options).await;
    // Not compressible.
    let mut state = 1u64;
    let largest: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    })
    .take(MAX_RECORD_BYTES)
    .collect();
    let tickets: Vec<_> = (0..3).map(|_| log.append(A, largest.clone())).collect();
    for ticket in tickets {
        within(ticket).await.unwrap();
    }
    let mut reader = within(log.reader(A, 0)).await.unwrap();
    let mut read = 0;
    while read < 3 {
        let records = within(reader.next(10)).await.unwrap();
        assert!(records.iter().all(|record| record.payload == largest));
        read += records.len();
    }
}

/// Two processes that append to one shard: each keeps its order, and nothing is lost or doubled.
#[tokio::test]
async fn two_logs_share_a_shard() {
    let topic = TestTopic::new(2).await;
    let logs = [open(&topic.options).await, open(&topic.options).await];
    let tasks: Vec<_> = logs
        .into_iter()
        .enumerate()
        .map(|(who, log)| {
            tokio::spawn(async move {
                let tickets: Vec<_> = (0..500u32).map(|n| log.append(A, format!("{who} {n}").into_bytes())).collect();
                let mut offsets = Vec::new();
                for ticket in tickets {
                    offsets.push(within(ticket).await.unwrap().offset);
                }
                offsets
            })
        })
        .collect();
    let mut all = Vec::new();
    for task in tasks {
        let offsets = within(task).await.unwrap();
        assert!(offsets.is_sorted());
        all.extend(offsets);
    }
    all.sort_unstable();
    assert!(all.into_iter().eq(0..1_000));
}
