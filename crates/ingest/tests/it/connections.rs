//! Several requests on one connection, pages beside pings, and the end of the server.

use crate::support::client::{Client, ask, exchange, get, request};
use crate::support::log::Mode;
use crate::support::{Server, eventually};
use domain::ping::PingKind;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_kept_connection_carries_many_pings() {
    let server = Server::start().await;
    let target = format!("/ping/{}", server.token());
    let mut client = Client::connect(server.address).await;
    for _ in 0..50 {
        client.send(request("POST", &target, "", b"log")).await;
        let reply = client.reply().await.unwrap();
        assert_eq!((reply.said(), reply.header("connection")), ((200, "OK"), None));
    }
    assert_eq!(server.pings().len(), 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn pipelined_requests_are_answered_in_order_each_by_its_own_right() {
    let server = Server::start().await;
    let token = server.token();
    let mut client = Client::connect(server.address).await;
    let mut bytes = request("GET", &format!("/ping/{token}/start"), "", b"");
    bytes.extend(request("GET", "/ping/unknown", "", b""));
    bytes.extend(format!("POST /ping/{token} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").into_bytes());
    bytes.extend(request("GET", &format!("/ping/{token}/fail"), "", b""));
    bytes.extend(request("GET", &format!("/ping/{token}/log"), "Connection: close\r\n", b""));
    client.send(bytes).await;
    let mut statuses = Vec::new();
    while let Some(reply) = client.reply().await {
        statuses.push(reply.status);
    }
    assert_eq!(statuses, [200, 404, 200, 200, 200]);
    assert_eq!(server.kinds(), [PingKind::Start, PingKind::Success, PingKind::Fail, PingKind::Log]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn replies_arrive_although_more_was_sent_than_is_read() {
    let server = Server::start().await;
    let mut bytes = request("GET", &format!("/ping/{}", server.token()), "Connection: close\r\n", b"");
    bytes.extend(vec![b'x'; 300_000]);
    assert_eq!(exchange(server.address, bytes).await.unwrap().said(), (200, "OK"));
    let mut bytes = b"POST /ping/x HTTP/1.1\r\nContent-Length: +5\r\n\r\n".to_vec();
    bytes.extend(vec![b'x'; 300_000]);
    assert_eq!(exchange(server.address, bytes).await.unwrap().status, 400);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn http_1_0_is_answered_and_closed() {
    let server = Server::start().await;
    let mut client = Client::connect(server.address).await;
    client.send(format!("GET /ping/{} HTTP/1.0\r\n\r\n", server.token())).await;
    assert_eq!(client.reply().await.unwrap().said(), (200, "OK"));
    assert!(client.is_closed().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_page_does_not_stand_in_the_way_of_pings() {
    let server = Server::start_with(|options| options.workers = 1).await;
    let address = server.address;
    let page = tokio::spawn(async move { get(address, "/busy").await });
    let target = format!("/ping/{}", server.token());
    let started = Instant::now();
    let mut slowest = Duration::ZERO;
    while started.elapsed() < Duration::from_millis(300) {
        let asked = Instant::now();
        assert_eq!(exchange(address, request("POST", &target, "", b"x")).await.unwrap().status, 200);
        slowest = slowest.max(asked.elapsed());
    }
    assert_eq!(page.await.unwrap(), (200, "slow".into()));
    assert!(slowest < Duration::from_millis(300), "a ping took {slowest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_page_that_panics_costs_one_reply() {
    let server = Server::start().await;
    assert_eq!(get(server.address, "/panic").await.0, 500);
    assert_eq!(get(server.address, &format!("/ping/{}", server.token())).await.0, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_finishes_what_is_in_progress() {
    let mut server = Server::start().await;
    let target = format!("/ping/{}", server.token());
    let mut kept = Client::connect(server.address).await;
    kept.send(request("GET", &target, "", b"")).await;
    assert_eq!(kept.reply().await.unwrap().status, 200);
    server.log.set(Mode::Hold);
    let mut waiting = Client::connect(server.address).await;
    waiting.send(request("GET", &format!("{target}/fail"), "", b"")).await;
    eventually("the ping is in the log", || server.log.held() == 1).await;

    server.shutdown.cancel();
    assert!(kept.is_closed().await);
    server.log.release_held();
    let reply = waiting.reply().await.unwrap();
    assert_eq!((reply.said(), reply.header("connection")), ((200, "OK"), Some("close")));
    drop(waiting);
    let serving = server.serving.take().unwrap();
    tokio::time::timeout(Duration::from_secs(9), serving).await.expect("drained in time").unwrap().unwrap();
    assert!(tokio::net::TcpStream::connect(server.address).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_does_not_wait_for_ever() {
    let mut server = Server::start_with(|options| {
        options.drain_timeout = Duration::from_millis(300);
        options.append_timeout = Duration::from_secs(60);
    })
    .await;
    server.log.set(Mode::Hold);
    let mut waiting = Client::connect(server.address).await;
    waiting.send(request("GET", &format!("/ping/{}", server.token()), "", b"")).await;
    eventually("the ping is in the log", || server.log.held() == 1).await;
    server.shutdown.cancel();
    let serving = server.serving.take().unwrap();
    tokio::time::timeout(Duration::from_secs(5), serving).await.expect("ended in time").unwrap().unwrap();
    assert!(waiting.is_closed().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_old_connection_ends_with_a_reply_that_says_so() {
    let server = Server::start_with(|options| options.connection_age = Duration::from_millis(50)).await;
    let mut client = Client::connect(server.address).await;
    let target = format!("/ping/{}", server.token());
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        assert!(Instant::now() < deadline, "the connection lives for ever");
        client.send(request("GET", &target, "", b"")).await;
        let reply = client.reply().await.expect("a reply");
        assert_eq!(reply.status, 200);
        if reply.header("connection") == Some("close") {
            break;
        }
    }
    assert!(client.is_closed().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_page_nobody_reads_is_given_up() {
    let server = Server::start_with(|options| options.idle_timeout = Duration::from_millis(300)).await;
    let mut client = Client::connect(server.address).await;
    client.send(request("GET", "/endless", "", b"")).await;
    eventually("the page is given up", || crate::support::ENDLESS_PAGES_DROPPED.load(Ordering::Relaxed) == 1).await;
    // It is the connection that was given up, not the client.
    client.drain_until_closed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_client_that_goes_away_leaves_its_ping_in_the_log() {
    let server = Server::start().await;
    server.log.set(Mode::Hold);
    let mut client = Client::connect(server.address).await;
    client.send(request("GET", &format!("/ping/{}", server.token()), "", b"")).await;
    eventually("the ping is in the log", || server.log.held() == 1).await;
    drop(client);
    server.log.release_held();
    server.log.set(Mode::Ack);
    assert_eq!(ask(server.address, "GET", &format!("/ping/{}", server.token())).await.status, 200);
    assert_eq!(server.pings().len(), 2);
}
