//! The appending side against the client library's own mock of a cluster, which can be told to be down, slow, or
//! hostile. What a real broker does is in `tests/kafka`.

use super::*;
use crate::Appended;
use crate::kafka::fixture;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use std::time::Duration;
use tokio::time::timeout;

const BROKER: i32 = 1;
const SHARD: ShardId = ShardId(0);

/// One broker with one topic of two partitions, and an appender to it.
struct Rig {
    cluster: MockCluster<'static, DefaultProducerContext>,
    appender: Appender,
}

impl Rig {
    fn new(change: impl FnOnce(&mut KafkaOptions)) -> Self {
        Self::prepared(|_| {}, change)
    }

    fn prepared(
        prepare: impl FnOnce(&MockCluster<'static, DefaultProducerContext>),
        change: impl FnOnce(&mut KafkaOptions),
    ) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        let mut options = fixture::options();
        options.brokers = cluster.bootstrap_servers();
        change(&mut options);
        cluster.create_topic(&options.topic, 2, 1).unwrap();
        prepare(&cluster);
        let first = Appender::connect(&options).unwrap();
        let appender = Appender::start(first, &options, ShardCount::new(2).unwrap()).unwrap();
        Self { cluster, appender }
    }

    fn append(&self, text: &str) -> AppendTicket {
        self.appender.append(SHARD, text.as_bytes())
    }

    /// Records with the client library, and the number of the producer.
    fn waiting(&self) -> (usize, u32) {
        let current = self.appender.shared.current.read();
        let generation = current.as_ref().unwrap();
        (generation.waiting().0, generation.number())
    }

    /// Appends until a record is acknowledged.
    async fn append_at_last(&self) -> Appended {
        within(async {
            loop {
                if let Ok(appended) = self.append("again").await {
                    return appended;
                }
            }
        })
        .await
    }
}

async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(30), future).await.expect("an answer within 30 seconds")
}

#[tokio::test]
async fn records_are_acknowledged_with_their_places() {
    let rig = Rig::new(|_| {});
    for n in 0..3 {
        assert_eq!(within(rig.append("x")).await.unwrap().offset, n);
    }
    assert_eq!(rig.waiting(), (0, 0));
}

/// The broker answers after 20 s. The library looks at its time-outs once a second; the ticket does not wait for it.
#[tokio::test]
async fn a_ticket_times_out_by_our_clock() {
    let rig = Rig::new(|options| options.append_timeout = Duration::from_millis(1_200));
    rig.append_at_last().await;
    rig.cluster.broker_round_trip_time(BROKER, Duration::from_secs(20)).unwrap();
    assert_eq!(within(rig.append("late")).await, Err(AppendError::TimedOut));
    assert_eq!(rig.waiting(), (1, 0), "the library has not given it up yet");
}

#[tokio::test]
async fn an_acknowledgement_after_the_time_out_is_dropped() {
    let rig = Rig::new(|options| options.append_timeout = Duration::from_secs(2));
    rig.append_at_last().await;
    rig.cluster.broker_round_trip_time(BROKER, Duration::from_millis(2_200)).unwrap();
    assert_eq!(within(rig.append("late")).await, Err(AppendError::TimedOut));
    rig.cluster.broker_round_trip_time(BROKER, Duration::ZERO).unwrap();
    let next = rig.append_at_last().await;
    assert!(next.offset >= 1, "{next:?}");
    within(rig.appender.close()).await;
    assert_eq!(rig.appender.shared.open.load(Ordering::SeqCst), 0, "each ticket is counted off once");
}

#[tokio::test]
async fn a_full_queue_is_busy_at_once_and_the_rest_is_sent_later() {
    let rig = Rig::new(|options| {
        options.queue_records = 100;
        options.append_timeout = Duration::from_secs(20);
    });
    within(rig.append("first")).await.unwrap();
    rig.cluster.broker_down(BROKER).unwrap();
    let mut queued: Vec<_> = (0..100).map(|_| rig.append("x")).collect();
    let mut refused = rig.append("y");
    assert_eq!(futures::poll!(&mut refused), std::task::Poll::Ready(Err(AppendError::Busy)));
    assert!(futures::poll!(&mut queued[0]).is_pending());
    rig.cluster.broker_up(BROKER).unwrap();
    for (n, ticket) in queued.into_iter().enumerate() {
        assert_eq!(within(ticket).await.unwrap().offset, 1 + n as u64);
    }
    assert_eq!(within(rig.append("z")).await.unwrap().offset, 101, "nothing that was refused is there");
}

#[tokio::test]
async fn bytes_are_bounded_too() {
    let rig = Rig::new(|options| options.queue_bytes = 1_000);
    rig.cluster.broker_down(BROKER).unwrap();
    let first = rig.appender.append(SHARD, &[0; 2_000]);
    let mut second = rig.append("x");
    assert_eq!(futures::poll!(&mut second), std::task::Poll::Ready(Err(AppendError::Busy)));
    rig.cluster.broker_up(BROKER).unwrap();
    within(first).await.unwrap();
}

#[tokio::test]
async fn a_producer_that_gets_nothing_through_is_replaced() {
    let rig = Rig::new(|options| options.append_timeout = Duration::from_millis(500));
    rig.append_at_last().await;
    rig.cluster.broker_down(BROKER).unwrap();
    within(async {
        while rig.waiting().1 == 0 {
            assert!(rig.append("lost").await.is_err());
        }
    })
    .await;
    rig.cluster.broker_up(BROKER).unwrap();
    rig.append_at_last().await;
    assert!(rig.waiting().1 >= 1);
}

/// Without the right to write idempotently the library calls the producer fatally broken, for good.
#[tokio::test]
async fn a_producer_that_broke_for_good_is_replaced() {
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
    let rig = Rig::prepared(|cluster| cluster.request_errors(RDKafkaApiKey::InitProducerId, &[denied]), |_| {});
    rig.append_at_last().await;
    assert_eq!(rig.waiting().1, 1);
}

#[tokio::test]
async fn closing_waits_for_every_outcome_and_refuses_what_comes_after() {
    let rig = Rig::new(|options| options.append_timeout = Duration::from_secs(1));
    rig.append_at_last().await;
    rig.cluster.broker_down(BROKER).unwrap();
    let mut stuck = rig.append("stuck");
    within(rig.appender.close()).await;
    assert_eq!(futures::poll!(&mut stuck), std::task::Poll::Ready(Err(AppendError::TimedOut)));
    assert_eq!(within(rig.append("more")).await, Err(AppendError::Closed));
    within(rig.appender.close()).await;
}

/// Dropping tickets, at any moment, leaves nothing open and nobody waiting.
#[tokio::test]
async fn dropped_tickets_are_counted_off_as_well() {
    let rig = Rig::new(|_| {});
    for n in 0..500 {
        let mut ticket = rig.append("x");
        if n % 2 == 0 {
            let _ = futures::poll!(&mut ticket);
        }
    }
    within(rig.append("last")).await.unwrap();
    within(rig.appender.close()).await;
    assert_eq!(rig.appender.shared.open.load(Ordering::SeqCst), 0);
}
