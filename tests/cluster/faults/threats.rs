//! What several slots aim at.

use super::scene::Scene;
use std::net::SocketAddr;
use std::time::Duration;
use suites::support::wait::{secs, until};

/// The ports of all brokers.
pub fn broker_ports(scene: &Scene) -> Vec<u16> {
    ports(scene.topology.real().brokers())
}

/// The ports of all database nodes.
pub fn database_ports(scene: &Scene) -> Vec<u16> {
    ports(scene.topology.real().cassandra())
}

/// `host:port`, separated by commas; each port once.
fn ports(list: &str) -> Vec<u16> {
    let address = |text: &str| text.parse::<SocketAddr>().expect("host:port").port();
    let mut ports: Vec<u16> = list.split(',').map(address).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// The broker that leads a shard, such as `kafka-2`.
pub async fn leader_of(scene: &Scene, shard: u16) -> String {
    let leader = until("a leader", secs(30), async || scene.topic(move |topic| topic.leader(shard)).await).await;
    format!("kafka-{leader}")
}

/// Waits until the leader of a shard is another one.
pub async fn until_led_by_another(scene: &Scene, shard: u16, old: &str, patience: Duration) {
    let what = format!("another leader than {old}");
    until(&what, patience, async || {
        let leader = scene.topic(move |topic| topic.leader(shard)).await;
        leader.filter(|leader| format!("kafka-{leader}") != old)
    })
    .await;
}

/// Waits until so many pings were acknowledged that began after an instant.
pub async fn until_acknowledged(scene: &Scene, after_ms: i64, count: usize, patience: Duration) {
    let what = format!("{count} acknowledged pings");
    until(&what, patience, async || {
        let pings = scene.history.pings_between(after_ms, i64::MAX - 1);
        (pings.iter().filter(|one| one.is_acknowledged()).count() >= count).then_some(())
    })
    .await;
}
