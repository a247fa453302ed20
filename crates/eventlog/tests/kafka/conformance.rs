//! The log on Kafka under the rules that every backend obeys.

use crate::support::{TestTopic, open};
use async_trait::async_trait;
use eventlog::EventLog;
use eventlog::conformance::Harness;
use eventlog::kafka::KafkaLog;
use std::sync::Arc;

/// Declines to stall, since others use the broker (`faults` has that rule with a broker of its own), and to age
/// records, since a topic's retention asks nobody what was released (`read` deletes records instead).
struct OnKafka {
    topic: TestTopic,
    log: Option<Arc<KafkaLog>>,
}

async fn on_kafka() -> OnKafka {
    let topic = TestTopic::new(3).await;
    let log = Some(open(&topic.options).await);
    OnKafka { topic, log }
}

#[async_trait]
impl Harness for OnKafka {
    fn log(&self) -> Arc<dyn EventLog> {
        self.log.clone().unwrap()
    }

    async fn reopen(&mut self) {
        if let Some(log) = self.log.take() {
            log.close().await;
        }
        self.log = Some(open(&self.topic.options).await);
    }
}

eventlog::eventlog_conformance!(on_kafka);
