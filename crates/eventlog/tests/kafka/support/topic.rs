//! Makes a topic and deletes it at the end.

use super::{brokers, options, shards, unique, within};
use eventlog::kafka::KafkaOptions;
use eventlog::kafka::admin::{TopicPlan, create};
use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use std::time::Duration;

pub struct TestTopic {
    pub options: KafkaOptions,
}

pub fn plan(partitions: u16) -> TopicPlan {
    let retain_for = Duration::from_secs(7 * 86_400);
    TopicPlan { shards: shards(partitions), replication: 1, min_in_sync: 1, retain_for }
}

impl TestTopic {
    pub async fn new(partitions: u16) -> Self {
        Self::at(&brokers(), partitions).await
    }

    pub async fn at(brokers: &str, partitions: u16) -> Self {
        let topic = Self::unmade(brokers);
        within(create(&topic.options, &plan(partitions))).await.unwrap();
        topic
    }

    /// Only the name.
    pub fn unmade(brokers: &str) -> Self {
        Self { options: options(brokers, &unique("qp-test")) }
    }

    /// With other settings than the product would choose.
    pub async fn with(partitions: i32, settings: &[(&str, &str)]) -> Self {
        let topic = Self::unmade(&brokers());
        let mut new = NewTopic::new(&topic.options.topic, partitions, TopicReplication::Fixed(1));
        for (setting, value) in settings {
            new = new.set(setting, value);
        }
        let made = within(topic.admin().create_topics([&new], &AdminOptions::new())).await.unwrap();
        made.into_iter().for_each(|made| drop(made.unwrap()));
        topic
    }

    pub fn admin(&self) -> AdminClient<DefaultClientContext> {
        ClientConfig::new().set("bootstrap.servers", &self.options.brokers).create().unwrap()
    }

    pub async fn delete_records(&self, partition: i32, below: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.options.topic, partition, Offset::Offset(below)).unwrap();
        let deleted = within(self.admin().delete_records(&list, &AdminOptions::new())).await.unwrap();
        deleted.elements().iter().for_each(|element| element.error().unwrap());
    }

    pub async fn set(&self, setting: &str, value: &str) {
        let change = AlterConfig::new(ResourceSpecifier::Topic(&self.options.topic)).set(setting, value);
        let changed = within(self.admin().alter_configs([&change], &AdminOptions::new())).await.unwrap();
        changed.into_iter().for_each(|changed| drop(changed.unwrap()));
    }
}

impl Drop for TestTopic {
    fn drop(&mut self) {
        let deleting = self.admin();
        let asked = AdminOptions::new().request_timeout(Some(Duration::from_secs(10)));
        // The broker may be gone with the test, and another test may have deleted it.
        let _ = futures::executor::block_on(deleting.delete_topics(&[&self.options.topic], &asked));
    }
}
