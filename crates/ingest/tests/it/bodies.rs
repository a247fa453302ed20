//! Bodies of pings: whatever they are, the ping counts.

use crate::support::Server;
use crate::support::client::{Client, exchange, request};
use crate::support::log::Mode;
use std::time::{Duration, Instant};

fn chunked(target: &str, chunks: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("POST {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").into_bytes();
    for chunk in chunks {
        bytes.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        bytes.extend_from_slice(chunk);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_body_is_stored_raw_whatever_its_type() {
    let server = Server::start().await;
    let target = format!("/ping/{}", server.token());
    let gzip_like = b"\x1f\x8b\x08\x00\xff\xfe\x00bomb";
    let nested = "[".repeat(5_000);
    let cases: [(&str, &[u8]); 5] = [
        ("Content-Type: text/plain\r\n", b"all good\n"),
        ("Content-Type: application/x-www-form-urlencoded\r\n", b"create=1&rid=x"),
        ("Content-Type: application/json\r\n", nested.as_bytes()),
        ("Content-Encoding: gzip\r\n", gzip_like),
        ("Content-Type: \x01odd\r\n", b"\xff\xfe\xfd"),
    ];
    for (headers, body) in cases {
        let reply = exchange(server.address, request("POST", &target, headers, body)).await;
        if headers.contains('\x01') {
            // A control character in a header is no HTTP (RFC 9110 section 5.5).
            assert_eq!(reply.unwrap().status, 400);
            continue;
        }
        assert_eq!(reply.unwrap().said(), (200, "OK"), "{headers}");
        let details = server.only_ping().details.unwrap();
        assert_eq!((details.body.as_slice(), details.body_cut), (body, false), "{headers}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_chunked_body_is_stored_like_any_other() {
    let server = Server::start().await;
    let bytes = chunked(&format!("/ping/{}/fail", server.token()), &[b"disk ", b"full"]);
    assert_eq!(exchange(server.address, bytes).await.unwrap().said(), (200, "OK"));
    assert_eq!(server.only_ping().details.unwrap().body, b"disk full");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_long_body_is_cut_at_the_limit_and_the_connection_goes_on() {
    let server = Server::start().await;
    let target = format!("/ping/{}", server.token());
    let mut client = Client::connect(server.address).await;
    for (length, is_cut) in [(9_999, false), (10_000, false), (10_001, true), (100_000, true)] {
        client.send(request("POST", &target, "", &vec![b'x'; length])).await;
        assert_eq!(client.reply().await.unwrap().said(), (200, "OK"));
        let details = server.only_ping().details.unwrap();
        assert_eq!((details.body.len(), details.body_cut), (length.min(10_000), is_cut));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn far_too_long_a_body_stops_being_read_and_the_ping_counts() {
    let server = Server::start().await;
    let target = format!("/ping/{}", server.token());
    let mut client = Client::connect(server.address).await;
    // The whole megabyte is sent before the reply is looked at, as simple clients do.
    client.send(request("POST", &target, "", &vec![b'x'; 1_000_000])).await;
    let reply = client.reply().await.unwrap();
    assert_eq!((reply.said(), reply.header("connection")), ((200, "OK"), Some("close")));
    assert!(client.is_closed().await);
    let details = server.only_ping().details.unwrap();
    assert_eq!((details.body.len(), details.body_cut), (10_000, true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_endless_body_is_answered_and_cut_off() {
    let server = Server::start().await;
    let mut client = Client::connect(server.address).await;
    client
        .send(format!("POST /ping/{} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", server.token()))
        .await;
    let chunk = [b"1000\r\n".as_slice(), &[b'y'; 4096], b"\r\n"].concat();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(10) && client.try_send(&chunk).await {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert!(started.elapsed() < Duration::from_secs(10), "the server never stops reading");
    assert_eq!(client.reply().await.unwrap().said(), (200, "OK"));
    assert_eq!(server.only_ping().details.unwrap().body.len(), 10_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_slow_body_is_given_up() {
    let server = Server::start_with(|options| options.request_timeout = Duration::from_millis(300)).await;
    let mut client = Client::connect(server.address).await;
    client.send(format!("POST /ping/{} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nx", server.token())).await;
    let reply = client.reply().await.unwrap();
    assert_eq!((reply.status, reply.header("connection")), (408, Some("close")));
    drop(client);
    assert_eq!(server.pings(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn expect_continue_is_answered_and_need_not_be_followed() {
    let server = Server::start_with(|options| options.request_timeout = Duration::from_millis(300)).await;
    let head = format!(
        "POST /ping/{} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n",
        server.token()
    );
    let mut client = Client::connect(server.address).await;
    client.send(&head).await;
    assert_eq!(client.reply().await.unwrap().status, 100);
    client.send("ok").await;
    assert_eq!(client.reply().await.unwrap().said(), (200, "OK"));
    assert_eq!(server.only_ping().details.unwrap().body, b"ok");

    let mut client = Client::connect(server.address).await;
    client.send(&head).await;
    assert_eq!(client.reply().await.unwrap().status, 100);
    assert_eq!(client.reply().await.unwrap().status, 408);
    assert_eq!(server.pings(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn lengths_and_chunks_that_are_none_are_refused_and_close() {
    let server = Server::start().await;
    let target = format!("/ping/{}", server.token());
    for length in ["-1", "+5", "5,6", "0x5", "5 5", "99999999999999999999999", "5\r\nContent-Length: 6"] {
        let mut client = Client::connect(server.address).await;
        client.send(format!("POST {target} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\nhello")).await;
        assert_eq!(client.reply().await.expect(length).status, 400, "{length}");
        assert!(client.is_closed().await, "{length}");
    }
    for chunk in ["ffffffffffffffff1\r\n", "zz\r\n", "-1\r\n", "5\r\nhelloworld\r\n"] {
        let mut client = Client::connect(server.address).await;
        client
            .send(format!("POST {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n"))
            .await;
        assert_eq!(client.reply().await.expect(chunk).status, 400, "{chunk}");
        assert!(client.is_closed().await, "{chunk}");
    }
    assert_eq!(server.pings(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_length_said_twice_is_refused_and_closes() {
    let server = Server::start().await;
    let target = format!("/ping/{}", server.token());
    let twice = format!("POST {target} HTTP/1.1\r\nContent-Length: 5\r\nHost: x\r\nCONTENT-length:5\r\n\r\nhello");
    let first = request("POST", &target, "", b"Content-Length: 5\r\nContent-Length: 5\r\n\r\n");
    for (before, byte_by_byte) in [(vec![], false), (vec![], true), (first.clone(), false), (first, true)] {
        let mut client = Client::connect(server.address).await;
        let bytes = [before.as_slice(), twice.as_bytes()].concat();
        for part in bytes.chunks(if byte_by_byte { 1 } else { bytes.len() }) {
            client.try_send(part).await;
            tokio::task::yield_now().await;
        }
        if !before.is_empty() {
            assert_eq!(client.reply().await.unwrap().said(), (200, "OK"));
            server.only_ping();
        }
        assert_eq!(client.reply().await.unwrap().status, 400, "{byte_by_byte}");
        assert!(client.is_closed().await);
    }
    assert_eq!(server.pings(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_chunk_larger_than_any_body_is_refused_and_closes() {
    let server = Server::start().await;
    let target = format!("/ping/{}", server.token());
    for chunk in ["ffffffffffffffff\r\nx", "2\r\nok\r\n10000000000;a=b\r\nx"] {
        let mut client = Client::connect(server.address).await;
        let started = Instant::now();
        client.send(format!("POST {target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}")).await;
        let reply = client.reply().await.unwrap();
        assert_eq!((reply.status, reply.header("connection")), (400, Some("close")), "{chunk}");
        assert!(started.elapsed() < Duration::from_secs(5) && client.is_closed().await, "{chunk}");
    }
    assert_eq!(server.pings(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_body_the_log_does_not_take_is_dropped_and_the_ping_counts() {
    let server = Server::start().await;
    server.log.set(Mode::AtMost(1_000));
    let bytes = request("POST", &format!("/ping/{}/fail", server.token()), "", &[b'x'; 5_000]);
    assert_eq!(exchange(server.address, bytes).await.unwrap().said(), (200, "OK"));
    let details = server.only_ping().details.unwrap();
    assert_eq!((details.body.len(), details.body_cut), (0, true));
}
