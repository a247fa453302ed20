//! A log that is slow, full or gone: 503, and the confession afterwards.

use crate::support::client::{Client, ask, get, request};
use crate::support::log::Mode;
use crate::support::{Server, eventually};
use domain::record::Body;
use domain::time::Clock;
use eventlog::AppendError;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn no_reply_before_the_log_has_answered() {
    let server = Server::start().await;
    server.log.set(Mode::Hold);
    let mut client = Client::connect(server.address).await;
    client.send(request("GET", &format!("/ping/{}", server.token()), "", b"")).await;
    eventually("the ping is in the log", || server.log.held() == 1).await;
    let early = tokio::time::timeout(Duration::from_millis(100), client.reply()).await;
    assert!(early.is_err(), "{early:?}");
    server.log.release_held();
    assert_eq!(client.reply().await.unwrap().said(), (200, "OK"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_log_that_never_acknowledges_is_503_and_leaves_the_shard_deaf() {
    let server = Server::start_with(|options| options.append_timeout = Duration::from_millis(200)).await;
    server.ingest.announce_boot().await.unwrap();
    server.log.set(Mode::Hold);
    let reply = ask(server.address, "GET", &format!("/ping/{}", server.token())).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
    let missing = server.ingest.readiness().missing;
    assert_eq!(missing, ["the log does not acknowledge records of 1 of the shards"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_failure_of_the_log_is_503() {
    let server = Server::start().await;
    let possibly = || server.figures.value("possibly_persisted_total");
    let log_away = || server.figures.value("ingest_shed_total{reason=\"log_away\"}");
    for (error, reason, may_be_there) in [
        (AppendError::Busy, "busy", false),
        (AppendError::Broken, "broken", true),
        (AppendError::Closed, "broken", false),
        (AppendError::TimedOut, "timed_out", true),
    ] {
        server.log.set(Mode::Fail(error));
        let shed = || server.figures.value(&format!("ingest_shed_total{{reason={reason:?}}}"));
        let before = (shed(), possibly(), log_away());
        for suffix in ["", "/start", "/0"] {
            let reply = ask(server.address, "POST", &format!("/ping/{}{suffix}", server.token())).await;
            assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{error:?}");
        }
        // After a time-out the log is known to be away: others are not given to it, but for one a second.
        let (given, away) = (shed() - before.0, log_away() - before.2);
        assert!(given >= 1.0 && given + away == 3.0, "{error:?}: {given} {away}");
        assert_eq!(away > 0.0, error == AppendError::TimedOut, "{error:?}");
        assert_eq!(possibly() - before.1, if may_be_there { given } else { 0.0 }, "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn too_many_that_wait_are_shed() {
    let server = Server::start_with(|options| options.max_inflight = 3).await;
    server.log.set(Mode::Hold);
    let target = format!("/ping/{}/fail", server.token());
    let mut waiting = Vec::new();
    for place in 0..3 {
        let mut client = Client::connect(server.address).await;
        client.send(request("GET", &target, "", b"")).await;
        eventually("the ping is in the log", || server.log.held() == place + 1).await;
        waiting.push(client);
    }
    assert_eq!(get(server.address, &target).await.0, 503);
    assert_eq!(server.log.held(), 3);
    server.log.release_held();
    for client in &mut waiting {
        assert_eq!(client.reply().await.unwrap().status, 200);
    }
    server.log.set(Mode::Ack);
    assert_eq!(get(server.address, &target).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_taken_is_confessed_as_soon_as_the_log_takes_records_again() {
    let server = Server::start_with(|options| options.append_timeout = Duration::from_millis(100)).await;
    let before = server.clock.now();
    server.log.set(Mode::Hold);
    assert_eq!(get(server.address, &format!("/ping/{}", server.token())).await.0, 503);
    let after = server.clock.now();
    let stop = CancellationToken::new();
    let canaries = tokio::spawn(server.ingest.clone().run_canaries(stop.clone()));
    // The first attempts to confess are not acknowledged either.
    eventually("an attempt to confess", || server.log.bodies().iter().any(|body| matches!(body, Body::Deaf { .. })))
        .await;
    server.log.set(Mode::Ack);
    server.log.clear();
    let shard = server.keys.shard_of(server.monitor());
    let confession = || {
        server.log.records().into_iter().find_map(|(of, _, body)| match body {
            Body::Deaf { from, to } if of == shard => Some((from, to)),
            _ => None,
        })
    };
    eventually("a confession that is durable", || confession().is_some()).await;
    let (from, to) = confession().unwrap();
    // The stretch grows while canaries are not taken either; it begins with the ping.
    assert!(from >= before && from <= after && to >= from.plus_ms(90), "{before} {from} {after} {to}");
    eventually("nothing is left to confess", || {
        server.ingest.readiness().missing.iter().all(|missing| !missing.contains("acknowledge"))
    })
    .await;
    stop.cancel();
    canaries.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn clients_that_lose_patience_with_a_slow_log_leave_the_shard_deaf_and_hasty_ones_do_not() {
    let server = Server::start_with(|options| options.append_timeout = Duration::from_secs(60)).await;
    server.ingest.announce_boot().await.unwrap();
    server.log.set(Mode::Hold);
    let target = format!("/ping/{}", server.token());
    let mut hasty = Client::connect(server.address).await;
    hasty.send(request("GET", &target, "", b"")).await;
    eventually("the ping is in the log", || server.log.held() == 1).await;
    drop(hasty);
    let mut patient = Client::connect(server.address).await;
    patient.send(request("GET", &target, "", b"")).await;
    eventually("the ping is in the log", || server.log.held() == 2).await;
    assert!(server.ingest.readiness().ready);
    // A second of waiting is what tells a slow log from a hasty client.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert!(server.ingest.readiness().ready);
    drop(patient);
    eventually("the shard is deaf", || server.ingest.readiness().missing.iter().any(|m| m.contains("acknowledge")))
        .await;
}
