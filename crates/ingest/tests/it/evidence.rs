//! Boot records, canaries and readiness.

use crate::support::client::get;
use crate::support::log::Mode;
use crate::support::{Server, eventually};
use domain::ids::ShardId;
use domain::record::Body;
use domain::time::{Clock, UnixMs};
use eventlog::AppendError;
use std::time::Duration;
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
    let server = Server::start_with(|options| options.boot_patience = Duration::ZERO).await;
    assert!(server.ingest.readiness().missing.iter().any(|m| m.contains("boot")));
    server.log.set(Mode::Fail(AppendError::Busy));
    assert!(server.ingest.announce_boot().await.is_err());
    server.log.set(Mode::Ack);
    server.ingest.announce_boot().await.unwrap();
    assert_eq!(shards_of(&server, |body| *body == Body::Boot).len(), 4);
}

fn boots_of(server: &Server, shard: ShardId) -> usize {
    server.log.records().iter().filter(|(of, _, body)| *of == shard && *body == Body::Boot).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn boot_is_patient_with_a_shard_that_does_not_answer_yet_and_may_be_interrupted() {
    let (slow, full) = (ShardId(1), ShardId(3));
    let server = Server::start_with(|options| options.append_timeout = Duration::from_millis(100)).await;
    server.log.set_shard(slow, Mode::Hold);
    server.log.set_shard(full, Mode::Fail(AppendError::Busy));
    // Interrupted: nothing was announced that could be believed.
    assert!(tokio::time::timeout(Duration::from_millis(50), server.ingest.announce_boot()).await.is_err());
    assert!(server.ingest.readiness().missing.iter().any(|m| m.contains("boot")));
    server.log.clear();

    let announcing = tokio::spawn({
        let ingest = server.ingest.clone();
        async move { ingest.announce_boot().await }
    });
    eventually("the slow shard is asked again", || boots_of(&server, slow) == 3).await;
    assert!(!announcing.is_finished() && server.ingest.readiness().missing.iter().any(|m| m.contains("boot")));
    // Those that have answered are not asked again.
    assert_eq!((boots_of(&server, ShardId(0)), boots_of(&server, ShardId(2))), (1, 1));
    server.log.set(Mode::Ack);
    announcing.await.unwrap().unwrap();
    assert!(boots_of(&server, full) == 1 && server.ingest.readiness().ready);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn boot_gives_up_when_its_patience_ends_and_at_once_when_the_log_is_closed() {
    let patience = Duration::from_millis(700);
    let server = Server::start_with(|options| {
        options.append_timeout = Duration::from_millis(100);
        options.boot_patience = patience;
    })
    .await;
    server.log.set_shard(ShardId(2), Mode::Fail(AppendError::Broken));
    let began = std::time::Instant::now();
    assert!(server.ingest.announce_boot().await.is_err());
    assert!(began.elapsed() >= patience, "it gave up after {:?}", began.elapsed());
    server.log.set_shard(ShardId(2), Mode::Fail(AppendError::Closed));
    let began = std::time::Instant::now();
    assert!(server.ingest.announce_boot().await.is_err());
    assert!(began.elapsed() < patience, "it gave up after {:?}", began.elapsed());
}

/// The stretch in which the log was told that pings of a shard were not taken.
fn confessed(server: &Server, shard: ShardId) -> Option<(UnixMs, UnixMs)> {
    server.log.records().into_iter().find_map(|(of, _, body)| match body {
        Body::Deaf { from, to } if of == shard => Some((from, to)),
        _ => None,
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_boot_that_was_repeated_is_no_evidence_where_nobody_else_hears() {
    for alone in [true, false] {
        let server = Server::start_with(|options| {
            options.append_timeout = Duration::from_millis(100);
            options.ready_needs_canaries = alone;
        })
        .await;
        server.log.set_shard(ShardId(1), Mode::Hold);
        let before = server.clock.now();
        let announcing = tokio::spawn({
            let ingest = server.ingest.clone();
            async move { ingest.announce_boot().await }
        });
        eventually("the shard is asked again", || boots_of(&server, ShardId(1)) == 2).await;
        server.log.set(Mode::Ack);
        announcing.await.unwrap().unwrap();
        let after = server.clock.now();
        let stop = CancellationToken::new();
        let canaries = tokio::spawn(server.ingest.clone().run_canaries(stop.clone()));
        eventually("canaries of each shard", || shards_of(&server, |body| *body == Body::Canary).len() == 4).await;
        for shard in server.keys.shards().all() {
            let told = confessed(&server, shard);
            assert_eq!(told.is_some(), alone, "{shard}");
            assert!(told.is_none_or(|(from, to)| from >= before && to <= after && to > from), "{told:?}");
        }
        stop.cancel();
        canaries.await.unwrap();
    }
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
        tokio::time::sleep(Duration::from_millis(25)).await;
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
