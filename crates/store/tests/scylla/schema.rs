//! Steps of the schema: twice, by two at once, and after one that died.

use crate::support::{OwnKeyspace, options, replication};
use std::time::Duration;
use store::scylla::ScyllaStore;
use store::scylla::schema::{apply, status};

/// The lines for people.
async fn applied(keyspace: &str) -> Vec<String> {
    let mut lines = Vec::new();
    apply(&options(keyspace), replication(), &mut |line| lines.push(line)).await.unwrap();
    lines
}

fn mentions(lines: &[String], what: &str) -> bool {
    lines.iter().any(|line| line.contains(what))
}

#[tokio::test]
async fn the_second_time_there_is_nothing_to_do() {
    let keyspace = OwnKeyspace::new().await;
    let fresh = status(&options(&keyspace.name)).await.unwrap();
    assert_eq!(fresh.iter().map(|step| (step.version, step.applied_ms)).collect::<Vec<_>>(), [(1, None)]);
    let first = applied(&keyspace.name).await;
    assert!(mentions(&first, "Cassandra") && mentions(&first, "step 1 (tables)"), "{first:?}");
    let taken = status(&options(&keyspace.name)).await.unwrap();
    assert!(taken.len() == 1 && taken[0].applied_ms > Some(1_600_000_000_000), "{taken:?}");

    let second = applied(&keyspace.name).await;
    assert!(!mentions(&second, "step 1 (tables)") && mentions(&second, "is at step 1"), "{second:?}");
    assert_eq!(status(&options(&keyspace.name)).await.unwrap(), taken);
    ScyllaStore::open(options(&keyspace.name)).await.unwrap();
    keyspace.remove().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_at_once_each_step_is_taken_by_one() {
    let keyspace = OwnKeyspace::new().await;
    let (a, b) = tokio::join!(applied(&keyspace.name), applied(&keyspace.name));
    let takers = [&a, &b].iter().filter(|lines| mentions(lines, "step 1 (tables)")).count();
    assert_eq!(takers, 1, "{a:?}\n{b:?}");
    assert!([&a, &b].iter().any(|lines| mentions(lines, "waiting")), "{a:?}\n{b:?}");
    ScyllaStore::open(options(&keyspace.name)).await.unwrap();
    keyspace.remove().await;
}

/// It died with the lease, after some tables.
#[tokio::test]
async fn who_died_in_the_middle_is_waited_for_and_followed() {
    let keyspace = OwnKeyspace::new().await;
    keyspace.apply().await;
    for cql in [
        "DELETE FROM {ks}.schema_version WHERE part = 0 AND version = 1 IF EXISTS",
        "DROP TABLE {ks}.directory",
        "DROP TABLE {ks}.channel_delivery",
        "INSERT INTO {ks}.schema_version (part, version, holder) VALUES (0, 0, 'dead') IF NOT EXISTS USING TTL 3",
    ] {
        keyspace.run(cql).await;
    }
    let begun = std::time::Instant::now();
    let lines = applied(&keyspace.name).await;
    assert!(mentions(&lines, "waiting") && mentions(&lines, "step 1 (tables)"), "{lines:?}");
    assert!(begun.elapsed() > Duration::from_secs(1), "it waited");
    ScyllaStore::open(options(&keyspace.name)).await.unwrap();
    keyspace.remove().await;
}

#[tokio::test]
async fn a_data_centre_that_is_not_there_is_named() {
    let keyspace = OwnKeyspace::new().await;
    let elsewhere = store::scylla::ScyllaOptions { local_dc: "moon".into(), ..options(&keyspace.name) };
    let refusal = apply(&elsewhere, replication(), &mut |_| {}).await.unwrap_err().to_string();
    assert!(refusal.contains("moon"), "{refusal}");
    keyspace.remove().await;
}
