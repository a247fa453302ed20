//! What happens to a broker, and what must not happen to the log. Only with `QP_FAULTS=1`: each test starts a broker
//! of its own.

use crate::support::broker::{OwnBroker, Secure};
use crate::support::topic::plan;
use crate::support::{TestTopic, append_numbers, expect_numbers, open, options, unique, within};
use async_trait::async_trait;
use domain::ids::ShardId;
use eventlog::conformance::Harness;
use eventlog::kafka::admin::create;
use eventlog::kafka::{KafkaLog, KafkaOptions, KafkaSasl, KafkaTls, OpenError, SaslMechanism};
use eventlog::placement::PlacementChange;
use eventlog::{AppendError, EventLog, RawRecord};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

const A: ShardId = ShardId(0);
const B: ShardId = ShardId(1);
/// Longer than a message's time-out and a session, which is what leaves producers stuck.
const FREEZE: Duration = Duration::from_secs(12);
/// For everything to be well again after a fault.
const RECOVERY: Duration = Duration::from_secs(90);

/// A log whose broker can be made to stand still.
struct Freezable {
    log: Arc<KafkaLog>,
    // Last: the topic is deleted while its broker is there.
    topic: TestTopic,
    broker: OwnBroker,
}

impl Freezable {
    async fn when_asked(append_timeout: Duration) -> Option<Self> {
        let broker = OwnBroker::when_asked(&[])?;
        let mut topic = TestTopic::at(&broker.brokers, 2).await;
        topic.options.append_timeout = append_timeout;
        let log = open(&topic.options).await;
        // The first record opens the connection.
        within(log.append(B, b"warm".to_vec())).await.unwrap();
        Some(Self { log, topic, broker })
    }

    /// Appends until a record is acknowledged.
    async fn append_at_last(&self, text: &str) -> u64 {
        let trying = async {
            loop {
                if let Ok(appended) = self.log.append(A, text.as_bytes().to_vec()).await {
                    return appended.offset;
                }
            }
        };
        timeout(RECOVERY, trying).await.expect("an acknowledgement after the fault")
    }
}

#[async_trait]
impl Harness for Freezable {
    fn log(&self) -> Arc<dyn EventLog> {
        self.log.clone()
    }

    async fn reopen(&mut self) {
        self.log.close().await;
        self.log = open(&self.topic.options).await;
    }

    async fn stall(&mut self) -> bool {
        self.broker.freeze();
        true
    }

    async fn resume(&mut self) {
        self.broker.thaw();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_busy_at_once() {
    let Some(log) = Freezable::when_asked(Duration::from_secs(30)).await else { return };
    eventlog::conformance::a_full_queue_is_busy_at_once(log).await;
}

/// Appends while the broker stands still time out; after that appends, bounds, readers and placement are well again,
/// and what was acknowledged is where its ticket says.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_froze_is_got_over() {
    let Some(rig) = Freezable::when_asked(Duration::from_secs(3)).await else { return };
    let mut placement = rig.log.placement().unwrap();
    assert!(matches!(within(placement.next()).await, PlacementChange::Gained(shards) if shards.len() == 2));
    let mut reader = within(rig.log.reader(A, 0)).await.unwrap();
    let mut acked = BTreeMap::new();
    acked.insert(rig.append_at_last("before").await, "before".to_owned());
    rig.broker.freeze();
    let frozen = tokio::time::Instant::now();
    let mut lost = 0;
    while frozen.elapsed() < FREEZE {
        assert_eq!(within(rig.log.append(A, b"lost".to_vec())).await, Err(AppendError::TimedOut));
        lost += 1;
    }
    assert!(lost >= 3);
    rig.broker.thaw();
    for n in 0..20 {
        let text = format!("after {n}");
        acked.insert(rig.append_at_last(&text).await, text);
    }
    expect_acked(&mut reader, acked).await;
    assert!(within(rig.log.bounds(A)).await.unwrap().next >= 21);
    regain(placement.as_mut()).await;
    within(placement.leave()).await;
}

/// Reads until each of `acked` was seen at its offset; others in between are records that timed out.
async fn expect_acked(reader: &mut Box<dyn eventlog::ShardReader>, mut acked: BTreeMap<u64, String>) {
    while !acked.is_empty() {
        let records = timeout(RECOVERY, reader.next(100)).await.expect("records").unwrap();
        for RawRecord { offset, payload, .. } in records {
            if let Some(text) = acked.remove(&offset) {
                assert_eq!(payload, text.as_bytes());
            }
        }
    }
}

/// If the session expired, the shards come again.
async fn regain(placement: &mut dyn eventlog::placement::Placement) {
    let regaining = async {
        let mut owned = 2;
        while owned < 2 || placement.obstacle().is_some() {
            match timeout(Duration::from_millis(200), placement.next()).await {
                Ok(PlacementChange::Lost { shards, .. }) => owned -= shards.len(),
                Ok(PlacementChange::Gained(shards)) => owned += shards.len(),
                Err(_) => {}
            }
        }
    };
    timeout(RECOVERY, regaining).await.expect("the shards again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_was_killed_and_started_again_has_what_it_acknowledged() {
    let Some(rig) = Freezable::when_asked(Duration::from_secs(3)).await else { return };
    append_numbers(&rig.log, A, 0..500).await;
    let mut reader = within(rig.log.reader(A, 0)).await.unwrap();
    expect_numbers(&mut reader, 0, 400).await;
    rig.broker.kill();
    assert!(within(rig.log.append(A, b"lost".to_vec())).await.is_err());
    assert!(within(rig.log.bounds(A)).await.is_err(), "nobody knows");
    rig.broker.start_again();
    let next = rig.append_at_last("500").await;
    assert!(next >= 500);
    expect_numbers(&mut reader, 400, 500).await;
    expect_numbers(&mut within(rig.log.reader(A, 0)).await.unwrap(), 0, 500).await;
    expect_acked(&mut reader, BTreeMap::from([(next, "500".to_owned())])).await;
}

fn secure_options(secure: &Secure, mechanism: SaslMechanism) -> KafkaOptions {
    let mut options = options(&secure.brokers, &unique("qp-test"));
    let (username, password) = (secure.username.clone(), secure.password.clone());
    options.security.tls = Some(KafkaTls { ca_file: secure.ca_file.clone(), ..KafkaTls::default() });
    options.security.sasl = Some(KafkaSasl { mechanism, username, password });
    options
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn encrypted_and_logged_in_everything_works_and_else_the_setting_is_named() {
    let Some(broker) = OwnBroker::when_asked(&["--kafka-secure"]) else { return };
    let secure = broker.secure.as_ref().unwrap();
    for mechanism in [SaslMechanism::Plain, SaslMechanism::ScramSha256, SaslMechanism::ScramSha512] {
        let options = secure_options(secure, mechanism);
        within(create(&options, &plan(2))).await.unwrap();
        let log = open(&options).await;
        append_numbers(&log, A, 0..100).await;
        expect_numbers(&mut within(log.reader(A, 0)).await.unwrap(), 0, 100).await;
        let mut placement = log.placement().unwrap();
        assert!(matches!(within(placement.next()).await, PlacementChange::Gained(shards) if shards.len() == 2));
        within(placement.leave()).await;
    }
    expect_refusals(&secure_options(secure, SaslMechanism::Plain)).await;
    expect_refusals(&secure_options(secure, SaslMechanism::ScramSha512)).await;
}

async fn expect_refusals(good: &KafkaOptions) {
    let mut options = good.clone();
    options.security.sasl.as_mut().unwrap().password = "wrong".to_owned();
    let refusal = within(KafkaLog::open(options)).await.err().unwrap();
    assert!(matches!(refusal, OpenError::Login { .. }), "{refusal}");
    assert!(refusal.to_string().contains("kafka.password") && !refusal.to_string().contains("wrong"), "{refusal}");
    let mut options = good.clone();
    // Without the authority that signed the broker's certificate.
    options.security.tls = Some(KafkaTls::default());
    let refusal = within(KafkaLog::open(options)).await.err().unwrap();
    assert!(matches!(refusal, OpenError::Encryption { .. }), "{refusal}");
    assert!(refusal.to_string().contains("kafka.ca_file"), "{refusal}");
    let mut options = good.clone();
    options.security.tls = None;
    let refusal = within(KafkaLog::open(options)).await.err().unwrap().to_string();
    assert!(refusal.contains("kafka.tls"), "{refusal}");
}
