//! Nobody judges for a while; that only delays.

use super::gather::sync;
use super::scene::{Scene, is_long};
use rand::rngs::StdRng;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use std::time::{Duration, Instant};
use suites::support::runner::Shown;
use suites::support::topology::Node;
use suites::support::wait::{secs, until};

/// How much quicker than it was written the log must be read, in full lengths.
const RATE: f64 = 20.0;

/// All evaluators are frozen, and go on with what has piled up (F35).
pub async fn f35_evaluators_lag_and_catch_up(scene: &Scene, _: &mut StdRng) -> Shown {
    scene.evaluators().iter().for_each(|node| node.signal("STOP"));
    tokio::time::sleep(scene.length(45, 600)).await;
    let lag = Lag::measure(scene, scene.length(45, 600)).await;
    scene.evaluators().iter().for_each(|node| node.signal("CONT"));
    lag.catch_up(scene, "f35 frozen").await;
    Ok(())
}

/// All evaluators have ended, and new ones begin with what has piled up.
pub async fn f35_evaluators_are_away_and_catch_up(scene: &Scene, _: &mut StdRng) -> Shown {
    for node in scene.evaluators() {
        assert!(node.term().await.success(), "{} ends in order", node.name);
    }
    tokio::time::sleep(scene.length(60, 600)).await;
    let lag = Lag::measure(scene, scene.length(60, 600)).await;
    futures::future::join_all(scene.evaluators().iter().map(|node| node.start())).await;
    lag.catch_up(scene, "f35 away").await;
    Ok(())
}

/// What has piled up.
struct Lag {
    ends: Vec<u64>,
    records: u64,
    length: Duration,
}

impl Lag {
    async fn measure(scene: &Scene, length: Duration) -> Self {
        let ends = scene.topic(|topic| topic.ends()).await;
        let snapshots = scene.stored.snapshots().await;
        let behind = snapshots.iter().map(|one| ends[usize::from(one.shard)].saturating_sub(one.next_offset));
        let records = behind.sum();
        assert!(records > 0, "nobody fell behind");
        Self { ends, records, length }
    }

    /// How much quicker than it was written it is applied, rejoining and storing included.
    async fn catch_up(self, scene: &Scene, name: &str) {
        let began = Instant::now();
        scene.until_applied(&self.ends).await;
        let took = began.elapsed();
        let rate = self.length.as_secs_f64() / took.as_secs_f64();
        println!(
            "{name}: {} records of {:.0?} applied and stored in {took:.1?}, {rate:.0}x real time",
            self.records, self.length
        );
        assert!(!is_long() || rate >= RATE, "{rate:.1}x, at least {RATE}x is wanted");
    }
}

/// What the group has noted does not count: wrong notes and none at all lead to the same verdicts (F37).
pub async fn f37_the_groups_offsets_are_lost(scene: &Scene, _: &mut StdRng) -> Shown {
    for node in scene.evaluators() {
        node.kill().await;
    }
    tokio::time::sleep(scene.length(5, 30)).await;
    let ends = scene.topic(|topic| topic.ends()).await;
    let (brokers, group) = (scene.topology.real().brokers().to_owned(), scene.topology.topic().to_owned());
    until("the group takes a note that skips everything", secs(60), async || {
        let (brokers, group, ends) = (brokers.clone(), group.clone(), ends.clone());
        sync(move || note_the_ends(&brokers, &group, &ends)).await.ok()
    })
    .await;
    restart(scene).await;
    scene.until_applied(&ends).await;
    for node in scene.evaluators() {
        node.kill().await;
    }
    until("the group is gone", secs(60), async || forget(&brokers, &group).await.then_some(())).await;
    restart(scene).await;
    Ok(())
}

async fn restart(scene: &Scene) {
    let nodes: Vec<&Node> = scene.evaluators();
    futures::future::join_all(nodes.iter().map(|node| node.start())).await;
}

/// Commits the end of every partition in the group's name, as the group is named after the topic.
fn note_the_ends(brokers: &str, group: &str, ends: &[u64]) -> rdkafka::error::KafkaResult<()> {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", brokers).set("group.id", group).create()?;
    let mut list = TopicPartitionList::new();
    for (shard, end) in (0..).zip(ends) {
        list.add_partition_offset(group, shard, Offset::Offset(i64::try_from(*end).expect("an offset")))?;
    }
    consumer.commit(&list, CommitMode::Sync)
}

async fn forget(brokers: &str, group: &str) -> bool {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().expect("a client");
    let deleted = admin.delete_groups(&[group], &AdminOptions::new().operation_timeout(Some(secs(10)))).await;
    deleted.is_ok_and(|groups| groups.iter().all(Result::is_ok))
}
