//! Refusals at start, in words.

use crate::support::{OwnKeyspace, options, shared_keyspace};
use std::time::Duration;
use store::StoreError;
use store::scylla::{ScyllaOptions, ScyllaStore, ScyllaTls};

async fn refusal(options: ScyllaOptions) -> StoreError {
    match ScyllaStore::open(options).await {
        Ok(_) => panic!("it was opened"),
        Err(refusal) => refusal,
    }
}

#[tokio::test]
async fn a_keyspace_that_is_not_there_is_refused_with_what_to_do() {
    let refusal = refusal(options("qp_nothing_here")).await.to_string();
    assert!(refusal.contains("qp_nothing_here") && refusal.contains("quietpulse admin schema apply"), "{refusal}");
}

#[tokio::test]
async fn a_schema_without_the_newest_step_is_refused_with_what_to_do() {
    let keyspace = OwnKeyspace::new().await;
    keyspace.apply().await;
    ScyllaStore::open(options(&keyspace.name)).await.unwrap();
    keyspace.run("DELETE FROM {ks}.schema_version WHERE part = 0 AND version = 1 IF EXISTS").await;
    let refusal = refusal(options(&keyspace.name)).await.to_string();
    assert!(refusal.contains("lacks step 1 (tables)"), "{refusal}");
    assert!(refusal.contains("quietpulse admin schema apply"), "{refusal}");
    keyspace.apply().await;
    ScyllaStore::open(options(&keyspace.name)).await.unwrap();
    keyspace.remove().await;
}

#[tokio::test]
async fn a_newer_schema_is_accepted_if_it_says_that_it_can_be() {
    let keyspace = OwnKeyspace::new().await;
    keyspace.apply().await;
    let newer =
        "INSERT INTO {ks}.schema_version (part, version, name, min_reader) VALUES (0, 2, 'more', 1) IF NOT EXISTS";
    keyspace.run(newer).await;
    ScyllaStore::open(options(&keyspace.name)).await.unwrap();
    keyspace.run("UPDATE {ks}.schema_version SET min_reader = 2 WHERE part = 0 AND version = 2 IF EXISTS").await;
    let refusal = refusal(options(&keyspace.name)).await.to_string();
    assert!(refusal.contains("step 2 (more)") && refusal.contains("start a newer one"), "{refusal}");
    keyspace.remove().await;
}

#[tokio::test]
async fn a_node_that_is_not_there_is_busy_and_named() {
    let nowhere = ScyllaOptions { contact_points: vec!["127.0.0.1:1".into()], ..options("q") };
    let nowhere = ScyllaOptions { request_timeout: Duration::from_secs(1), ..nowhere };
    let refusal = refusal(nowhere).await;
    assert!(matches!(&refusal, StoreError::Busy(text) if text.contains("127.0.0.1:1")), "{refusal:?}");
}

#[tokio::test]
async fn a_node_without_tls_is_not_talked_to_in_clear() {
    let directory = tempfile::tempdir().unwrap();
    let ca_file = directory.path().join("ca.pem");
    std::fs::write(&ca_file, CA).unwrap();
    let tls = Some(ScyllaTls { ca_file, ..ScyllaTls::default() });
    let options = ScyllaOptions { tls, request_timeout: Duration::from_secs(2), ..options(shared_keyspace().await) };
    let node = options.contact_points[0].clone();
    let refusal = refusal(options).await;
    assert!(refusal.to_string().contains(&node), "{refusal}");
}

/// A certificate of nobody.
const CA: &str = include_str!("tls/ca.pem");
