//! The end of a node while clients hold on to their connections.

use crate::support::Server;
use crate::support::client::{Client, request};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What a client that reuses its connection saw of the whole of it.
struct Seen {
    answered: usize,
    said_close: bool,
    ended_cleanly: bool,
}

/// Pings on one connection until the server ends it. Every request must be answered by 200, and none may be sent
/// in vain: a client that reads "close" sends no more.
async fn ping_until_closed(mut client: Client, target: String, pause: Duration) -> Seen {
    let (mut answered, deadline) = (0, Instant::now() + Duration::from_secs(20));
    loop {
        assert!(Instant::now() < deadline, "the connection is never closed");
        client.send(request("POST", &target, "", b"some words")).await;
        let reply = client.reply().await.unwrap_or_else(|| panic!("request {answered} was not answered"));
        assert_eq!(reply.said(), (200, "OK"));
        answered += 1;
        if reply.header("connection") == Some("close") {
            return Seen { answered, said_close: true, ended_cleanly: client.is_closed_cleanly().await };
        }
        sleep(pause).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_reuse_connections_see_nothing_but_a_last_reply_and_a_clean_end() {
    // Longer than a busy machine may keep a client of this test from its next ping.
    let mut server = Server::start_with(|options| options.quiet_grace = Duration::from_secs(3)).await;
    let target = format!("/ping/{}/log", server.token());
    let mut asking = Vec::new();
    // Some without a pause, some that ping a few times a second.
    for number in 0..40 {
        let client = Client::connect(server.address).await;
        let pause = Duration::from_millis([0, 1, 7, 50, 300][number % 5]);
        asking.push(tokio::spawn(ping_until_closed(client, target.clone(), pause)));
    }
    // One that is quiet for good.
    let mut quiet = Client::connect(server.address).await;
    quiet.send(request("GET", &target, "", b"")).await;
    assert_eq!(quiet.reply().await.unwrap().status, 200);
    crate::support::eventually("all are at it", || server.pings().len() > 400).await;

    server.shutdown.cancel();
    let mut answered = 1;
    for asked in asking {
        let seen = asked.await.unwrap();
        assert!(seen.said_close && seen.ended_cleanly, "after {} replies", seen.answered);
        answered += seen.answered;
    }
    assert!(quiet.is_closed_cleanly().await);
    drop(quiet);
    let serving = server.serving.take().unwrap();
    tokio::time::timeout(Duration::from_secs(9), serving).await.expect("drained in time").unwrap().unwrap();
    // What was answered is in the log, and nothing else is.
    assert_eq!(server.pings().len(), answered);
    assert!(tokio::net::TcpStream::connect(server.address).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_of_which_half_has_come_is_answered() {
    for half in ["POST ", "POST /ping/TOKEN HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n", "BODY"] {
        let mut server = Server::start().await;
        let whole = format!("POST /ping/{} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nwork", server.token());
        let cut = match half {
            "BODY" => whole.len() - 2,
            head => head.replace("TOKEN", &server.token()).len(),
        };
        let mut client = Client::connect(server.address).await;
        client.send(&whole).await;
        assert_eq!(client.reply().await.unwrap().status, 200);
        client.send(&whole[..cut]).await;
        // Another reply on the same worker's loop would prove nothing about these bytes: they are given a moment.
        sleep(Duration::from_millis(100)).await;
        server.shutdown.cancel();
        // Later than quiet connections are closed.
        sleep(Duration::from_millis(1_500)).await;
        client.send(&whole[cut..]).await;
        let reply = client.reply().await.unwrap_or_else(|| panic!("no reply to {half:?}"));
        assert_eq!((reply.said(), reply.header("connection")), ((200, "OK"), Some("close")), "{half:?}");
        assert!(client.is_closed_cleanly().await, "{half:?}");
        drop(client);
        let serving = server.serving.take().unwrap();
        tokio::time::timeout(Duration::from_secs(9), serving).await.expect("drained in time").unwrap().unwrap();
        assert_eq!(server.pings().len(), 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_on_which_nothing_ever_came_does_not_hold_up_the_end() {
    let mut server = Server::start().await;
    let mut silent = Client::connect(server.address).await;
    let mut pinged = Client::connect(server.address).await;
    pinged.send(request("GET", &format!("/ping/{}", server.token()), "", b"")).await;
    assert_eq!(pinged.reply().await.unwrap().status, 200);
    let began = Instant::now();
    server.shutdown.cancel();
    assert!(silent.is_closed_cleanly().await && pinged.is_closed_cleanly().await);
    drop((silent, pinged));
    let serving = server.serving.take().unwrap();
    tokio::time::timeout(Duration::from_secs(9), serving).await.expect("drained in time").unwrap().unwrap();
    // The header timeout is 5 s.
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}
