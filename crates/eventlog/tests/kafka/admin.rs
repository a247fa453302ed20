//! Making the topic and judging it.

use crate::support::topic::plan;
use crate::support::{TestTopic, brokers, open, options, shards, unique, within};
use eventlog::EventLog;
use eventlog::kafka::admin::{Severity, TopicPlan, check, create};
use eventlog::kafka::{KafkaLog, KafkaOptions, KafkaSasl, KafkaTls, OpenError, SaslMechanism};

const FIT: [(&str, &str); 2] = [("message.timestamp.type", "LogAppendTime"), ("max.message.bytes", "2097152")];

async fn refusal(options: &KafkaOptions) -> OpenError {
    within(KafkaLog::open(options.clone())).await.err().expect("a refusal")
}

/// A topic with these settings is refused, by `open` and by `check`, in words that name `setting`.
async fn expect_refusal(setting: &str, partitions: i32, settings: &[(&str, &str)]) {
    let topic = TestTopic::with(partitions, settings).await;
    let text = refusal(&topic.options).await.to_string();
    assert!(text.contains(&topic.options.topic) && text.contains(setting), "{text}");
    let findings = within(check(&topic.options, None)).await.unwrap();
    let refused: Vec<_> = findings.iter().filter(|f| f.severity == Severity::Refused).map(|f| f.setting).collect();
    assert_eq!(refused, [setting]);
}

#[tokio::test]
async fn what_was_made_fits_and_making_it_again_changes_nothing() {
    let topic = TestTopic::unmade(&brokers());
    let lines = within(create(&topic.options, &plan(5))).await.unwrap();
    assert!(lines[0].ends_with("made, with 5 partitions in 1 copies"), "{lines:?}");
    let lines = within(create(&topic.options, &plan(5))).await.unwrap();
    assert!(lines[0].ends_with("there already, with 5 partitions"), "{lines:?}");
    let findings = within(check(&topic.options, Some(shards(5)))).await.unwrap();
    let odd: Vec<_> = findings.iter().filter(|f| f.severity != Severity::Ok).map(|f| f.setting).collect();
    assert_eq!(odd, ["replication"], "one broker holds one copy");
    let log = open(&topic.options).await;
    assert_eq!(log.shards(), shards(5));
    assert!(!eventlog::kafka::library_version().is_empty());
}

#[tokio::test]
async fn another_number_of_shards_is_refused() {
    let topic = TestTopic::new(3).await;
    let refused = within(create(&topic.options, &plan(4))).await.unwrap_err().to_string();
    assert!(refused.contains("partitions is 3, wanted: 4"), "{refused}");
    let findings = within(check(&topic.options, Some(shards(4)))).await.unwrap();
    assert!(findings.iter().any(|f| f.setting == "partitions" && f.severity == Severity::Refused));
}

#[tokio::test]
async fn a_topic_without_append_times_is_refused() {
    expect_refusal("message.timestamp.type", 2, &[("max.message.bytes", "2097152")]).await;
}

#[tokio::test]
async fn a_compacted_topic_is_refused() {
    expect_refusal("cleanup.policy", 2, &[FIT[0], FIT[1], ("cleanup.policy", "compact,delete")]).await;
}

#[tokio::test]
async fn a_topic_that_forgets_within_the_hour_is_refused() {
    expect_refusal("retention.ms", 2, &[FIT[0], FIT[1], ("retention.ms", "60000")]).await;
}

#[tokio::test]
async fn a_topic_for_small_records_only_is_refused() {
    expect_refusal("max.message.bytes", 2, &[FIT[0], ("max.message.bytes", "100000")]).await;
}

#[tokio::test]
async fn a_topic_that_nothing_can_be_written_to_is_refused() {
    expect_refusal("min.insync.replicas", 2, &[FIT[0], FIT[1], ("min.insync.replicas", "2")]).await;
}

#[tokio::test]
async fn a_missing_topic_is_named_with_the_remedy() {
    let options = options(&brokers(), &unique("qp-test-none"));
    for refusal in [refusal(&options).await, within(check(&options, None)).await.unwrap_err()] {
        assert!(matches!(&refusal, OpenError::NoTopic { topic } if *topic == options.topic), "{refusal}");
        assert!(refusal.to_string().contains("quietpulse admin topic create"));
    }
}

#[tokio::test]
async fn more_copies_than_brokers_are_refused_by_the_name_of_the_setting() {
    let topic = TestTopic::unmade(&brokers());
    let too_many = TopicPlan { replication: 100, min_in_sync: 2, ..plan(2) };
    let refused = within(create(&topic.options, &too_many)).await.unwrap_err().to_string();
    assert!(refused.starts_with("kafka.replication: "), "{refused}");
}

#[tokio::test]
async fn brokers_that_are_not_there_are_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = refusal(&options(&free.to_string(), "quietpulse.log")).await.to_string();
    assert!(text.starts_with(&format!("no broker of kafka.brokers = \"{free}\" answered")), "{text}");
}

/// A broker that speaks plain text does not do a TLS handshake.
#[tokio::test]
async fn encryption_that_the_brokers_do_not_speak_is_named() {
    let mut options = options(&brokers(), "quietpulse.log");
    options.security.tls = Some(KafkaTls::default());
    let text = refusal(&options).await.to_string();
    assert!(text.contains("kafka.tls"), "{text}");
}

#[tokio::test]
async fn a_login_that_the_brokers_do_not_take_is_named_without_the_password() {
    let mut options = options(&brokers(), "quietpulse.log");
    let (username, password) = ("nobody".to_owned(), "not-a-secret".to_owned());
    options.security.sasl = Some(KafkaSasl { mechanism: SaslMechanism::Plain, username, password });
    assert!(!format!("{options:?}").contains("not-a-secret"));
    let text = refusal(&options).await.to_string();
    assert!(text.contains("kafka.") && !text.contains("not-a-secret"), "{text}");
}
