//! Heads of requests: too large, too slow, too many.

use crate::support::client::{Client, exchange, request};
use crate::support::{Server, eventually};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn heads_are_bounded_in_every_direction() {
    let server = Server::start().await;
    let target = format!("/ping/{}", server.token());
    let many: String = (0..101).map(|n| format!("X-{n}: 1\r\n")).collect();
    let enough: String = (0..98).map(|n| format!("X-{n}: 1\r\n")).collect();
    let long = format!("X-Long: {}\r\n", "a".repeat(9_000));
    let huge: String = (0..20).map(|n| format!("X-{n}: {}\r\n", "a".repeat(8_000))).collect();
    let cases = [
        (target.clone(), many, 431),
        (target.clone(), enough, 200),
        (target.clone(), long, 431),
        (target.clone(), huge, 431),
        (format!("{target}?msg={}", "a".repeat(9_000)), String::new(), 414),
        (format!("/ping/{}", "a".repeat(10_000)), String::new(), 414),
        (format!("{target}?msg={}", "a".repeat(7_000)), String::new(), 200),
    ];
    for (target, headers, status) in cases {
        let reply = exchange(server.address, request("GET", &target, &headers, b"")).await;
        assert_eq!(reply.expect("a reply").status, status, "{} {}", target.len(), headers.len());
    }
    assert_eq!(server.pings().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_no_http_gets_400() {
    let server = Server::start().await;
    for bytes in [
        "\x16\x03\x01\x02\x00\x01",
        "GET / HTTP/9.9\r\n\r\n",
        "GET /ping/a b HTTP/1.1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nXX",
    ] {
        let mut client = Client::connect(server.address).await;
        client.send(bytes).await;
        client.send("\r\n\r\n").await;
        let status = client.reply().await.map(|reply| reply.status);
        assert!(matches!(status, None | Some(400)), "{bytes:?}: {status:?}");
        assert!(client.is_closed().await, "{bytes:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_slow_head_is_cut_off_and_others_are_served() {
    let server = Server::start_with(|options| options.header_timeout = Duration::from_millis(400)).await;
    let mut slow = Client::connect(server.address).await;
    let started = Instant::now();
    let trickle = tokio::spawn(async move {
        slow.send(b"GET /ping/").await;
        while slow.try_send(b"a").await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        started.elapsed()
    });
    let target = format!("/ping/{}", server.token());
    assert_eq!(exchange(server.address, request("GET", &target, "", b"")).await.unwrap().status, 200);
    let cut_after = trickle.await.unwrap();
    assert!(cut_after > Duration::from_millis(390) && cut_after < Duration::from_secs(5), "{cut_after:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_slow_second_head_is_cut_off_but_a_quiet_connection_is_not() {
    let server = Server::start_with(|options| options.header_timeout = Duration::from_millis(300)).await;
    let target = format!("/ping/{}", server.token());
    let mut quiet = Client::connect(server.address).await;
    let mut slow = Client::connect(server.address).await;
    for client in [&mut quiet, &mut slow] {
        client.send(request("GET", &target, "", b"")).await;
        assert_eq!(client.reply().await.unwrap().status, 200);
    }
    let started = Instant::now();
    slow.send(b"GET /pi").await;
    assert!(slow.is_closed().await);
    assert!(started.elapsed() > Duration::from_millis(290));
    quiet.send(request("GET", &target, "", b"")).await;
    assert_eq!(quiet.reply().await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_connection_that_never_speaks_is_cut_off() {
    let server = Server::start_with(|options| options.header_timeout = Duration::from_millis(200)).await;
    assert!(Client::connect(server.address).await.is_closed().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_idle_connection_is_closed_after_the_idle_timeout() {
    let server = Server::start_with(|options| options.idle_timeout = Duration::from_millis(200)).await;
    let mut client = Client::connect(server.address).await;
    client.send(request("GET", &format!("/ping/{}", server.token()), "", b"")).await;
    assert_eq!(client.reply().await.unwrap().status, 200);
    assert!(client.is_closed().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn idle_connections_make_room_for_others() {
    let server = Server::start_with(|options| {
        options.max_connections = 40;
        options.header_timeout = Duration::from_secs(60);
    })
    .await;
    let target = format!("/ping/{}", server.token());
    let mut idle = Vec::new();
    for _ in 0..200 {
        idle.push(Client::connect(server.address).await);
    }
    for _ in 0..20 {
        assert_eq!(exchange(server.address, request("GET", &target, "", b"")).await.unwrap().status, 200);
    }
    eventually("20 pings", || server.pings().len() == 20).await;
    let mut closed = 0;
    for client in &mut idle[..150] {
        closed += usize::from(client.is_closed().await);
    }
    assert_eq!(closed, 150);
}
