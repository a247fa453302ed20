//! Many equal pings of one monitor.

use crate::support::client::{Client, request};
use crate::support::log::Mode;
use crate::support::{Server, eventually};
use domain::ping::PingKind;

async fn pings(server: &Server, target: &str, body: &[u8], count: usize) {
    let mut client = Client::connect(server.address).await;
    for _ in 0..count {
        client.send(request("POST", target, "", body)).await;
        assert_eq!(client.reply().await.unwrap().said(), (200, "OK"));
    }
}

async fn server() -> Server {
    Server::start_with(|options| {
        options.monitor_rate_per_second = 1;
        options.monitor_burst = 5;
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn above_the_rate_equal_successes_share_a_record() {
    let server = server().await;
    pings(&server, &format!("/ping/{}", server.token()), b"", 500).await;
    let recorded = server.pings().len();
    // Five at once, and then one that stands for a second of others; the test may take a few seconds.
    assert!((6..50).contains(&recorded), "{recorded} records");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_says_more_is_never_coalesced() {
    let server = server().await;
    let token = server.token();
    pings(&server, &format!("/ping/{token}"), b"", 20).await;
    server.log.clear();
    let rid = "rid=00000000-0000-0000-0000-000000000001";
    for (target, body) in [
        (format!("{token}/start"), b"".as_slice()),
        (format!("{token}/fail"), b""),
        (format!("{token}/log"), b""),
        (format!("{token}/0"), b""),
        (format!("{token}/1"), b""),
        (format!("{token}?{rid}"), b""),
        (format!("{token}?metric=count:1"), b""),
        (format!("{token}?duration=5"), b""),
        (format!("{token}?msg=x"), b""),
        (token.clone(), b"body"),
    ] {
        pings(&server, &format!("/ping/{target}"), body, 10).await;
        assert_eq!(server.pings().len(), 10, "{target}");
        server.log.clear();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn other_monitors_are_not_affected() {
    let server = server().await;
    pings(&server, &format!("/ping/{}", server.token()), b"", 50).await;
    server.log.clear();
    let other = server.keys.token(domain::ids::MonitorId(12_345), 0);
    pings(&server, &format!("/ping/{other}"), b"", 3).await;
    assert_eq!(server.kinds(), [PingKind::Success; 3]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn those_who_share_a_record_wait_for_it() {
    let server = server().await;
    let target = format!("/ping/{}", server.token());
    pings(&server, &target, b"", 5).await;
    server.log.set(Mode::Hold);
    let mut waiting = Vec::new();
    for _ in 0..10 {
        let mut client = Client::connect(server.address).await;
        client.send(request("GET", &target, "", b"")).await;
        waiting.push(client);
    }
    eventually("one of them is in the log", || server.log.held() == 1).await;
    let early = tokio::time::timeout(std::time::Duration::from_millis(100), waiting[9].reply()).await;
    assert!(early.is_err(), "{early:?}");
    assert_eq!(server.log.held(), 1);
    server.log.release_held();
    for client in &mut waiting {
        assert_eq!(client.reply().await.unwrap().said(), (200, "OK"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_record_that_failed_stands_for_nobody() {
    let server = server().await;
    let target = format!("/ping/{}", server.token());
    pings(&server, &target, b"", 5).await;
    server.log.clear();
    server.log.set(Mode::Fail(eventlog::AppendError::Busy));
    let mut client = Client::connect(server.address).await;
    for _ in 0..10 {
        client.send(request("POST", &target, "", b"")).await;
        assert_eq!(client.reply().await.unwrap().status, 503);
    }
    server.log.set(Mode::Ack);
    pings(&server, &target, b"", 1).await;
    assert_eq!(server.pings().len(), 1);
}
