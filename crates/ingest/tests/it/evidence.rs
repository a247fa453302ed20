//! Boot records, canaries and readiness.

use crate::support::client::get;
use crate::support::log::Mode;
use crate::support::{Server, eventually};
use domain::ids::ShardId;
use domain::record::Body;
use eventlog::AppendError;
use tokio_util::sync::CancellationToken;

fn shards_of(server: &Server, wanted: impl Fn(&Body) -> bool) -> Vec<ShardId> {
    let mut shards: Vec<_> =
        server.log.records().into_iter().filter(|(_, _, body)| wanted(body)).map(|(shard, _, _)| shard).collect();
    shards.sort_unstable();
    shards.dedup();
    shards
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn boot_is_told_to_every_shard_and_is_durable() {
    let server = Server::start().await;
    assert!(server.ingest.readiness().missing.iter().any(|m| m.contains("boot")));
    server.log.set(Mode::Fail(AppendError::Busy));
    assert!(server.ingest.announce_boot().await.is_err());
    server.log.set(Mode::Ack);
    server.ingest.announce_boot().await.unwrap();
    assert_eq!(shards_of(&server, |body| *body == Body::Boot).len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_canary_token_is_evidence_and_no_ping() {
    let server = Server::start().await;
    let token = server.keys.canary_token(ShardId(2));
    assert_eq!(get(server.address, &format!("/ping/{token}")).await, (200, "OK".into()));
    let records = server.log.records();
    assert_eq!(
        records.iter().map(|(shard, _, body)| (*shard, body.clone())).collect::<Vec<_>>(),
        [(ShardId(2), Body::Canary)]
    );
    server.log.set(Mode::Fail(AppendError::Busy));
    assert_eq!(get(server.address, &format!("/ping/{token}")).await.0, 503);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_quiet_shard_gets_canaries_through_the_public_url() {
    let server = Server::start().await;
    server.ingest.announce_boot().await.unwrap();
    let stop = CancellationToken::new();
    let canaries = tokio::spawn(server.ingest.clone().run_canaries(stop.clone()));
    eventually("a canary of each shard", || shards_of(&server, |body| *body == Body::Canary).len() == 4).await;
    let readiness = server.ingest.readiness();
    assert!(readiness.ready, "{readiness:?}");
    // A shard that pings keep awake needs none.
    server.log.clear();
    for _ in 0..60 {
        assert_eq!(get(server.address, &format!("/ping/{}/log", server.token())).await.0, 200);
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    let awake = server.keys.shard_of(server.monitor());
    let with_canary = shards_of(&server, |body| *body == Body::Canary);
    assert!(!with_canary.contains(&awake) && with_canary.len() == 3, "{with_canary:?}");
    stop.cancel();
    canaries.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_that_cannot_get_through_is_missed_in_readiness() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server::start_with(|options| options.public_url = format!("http://{closed}/")).await;
    server.ingest.announce_boot().await.unwrap();
    let stop = CancellationToken::new();
    let canaries = tokio::spawn(server.ingest.clone().run_canaries(stop.clone()));
    assert!(server.ingest.readiness().ready);
    server.clock.advance(6_000);
    eventually("readiness says so", || server.ingest.readiness().missing.iter().any(|m| m.contains("4 of the shards")))
        .await;
    assert!(shards_of(&server, |body| *body == Body::Canary).is_empty());
    stop.cancel();
    canaries.await.unwrap();
}
