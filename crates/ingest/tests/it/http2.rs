//! HTTP/2 with prior knowledge, well behaved and not.

use crate::support::client::{Client, get};
use crate::support::log::Mode;
use crate::support::{Server, eventually};
use std::time::Duration;

fn client() -> reqwest::Client {
    reqwest::Client::builder().http2_prior_knowledge().no_proxy().tls_certs_only([]).build().unwrap()
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pings_work_many_at_a_time() {
    let server = Server::start().await;
    let client = client();
    let url = format!("http://{}/ping/{}", server.address, server.token());
    let asked = (0..200).map(|_| client.post(format!("{url}/fail")).body("x").send());
    for reply in futures::future::join_all(asked).await {
        let reply = reply.unwrap();
        assert_eq!((reply.version(), reply.status().as_u16()), (http::Version::HTTP_2, 200));
        assert_eq!(reply.text().await.unwrap(), "OK");
    }
    assert_eq!(server.pings().len(), 200);
    let reply = client.get(format!("http://{}/page", server.address)).send().await.unwrap();
    assert_eq!(reply.text().await.unwrap(), "a page");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_are_the_same() {
    let server = Server::start().await;
    let client = client();
    let url = format!("http://{}/ping/{}", server.address, server.token());
    let reply = client.get(&url).header("x-long", "a".repeat(9_000)).send().await.unwrap();
    assert_eq!(reply.status().as_u16(), 431);
    let reply = client.get(format!("{url}?msg={}", "a".repeat(9_000))).send().await.unwrap();
    assert_eq!(reply.status().as_u16(), 414);
    let many = (0..101).fold(client.get(&url), |request, n| request.header(format!("x-{n}"), "1"));
    assert_eq!(many.send().await.unwrap().status().as_u16(), 431);
    assert_eq!(server.pings(), []);
    let reply = client.post(&url).body(vec![b'x'; 10_001]).send().await.unwrap();
    assert_eq!(reply.status().as_u16(), 200);
    assert_eq!(server.only_ping().details.unwrap().body.len(), 10_000);
    let reply = client.post(&url).body(vec![b'x'; 1_000_000]).send().await.unwrap();
    assert_eq!((reply.status().as_u16(), reply.headers().get("connection")), (200, None));
    assert_eq!(server.only_ping().details.unwrap().body.len(), 10_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reply_to_head_has_a_length_and_no_body() {
    let server = Server::start().await;
    let client = client();
    let ping = format!("/ping/{}", server.token());
    for (target, status, length) in [(ping.as_str(), 200, "2"), ("/ping/x", 404, "9"), ("/page", 200, "6")] {
        let reply = client.head(format!("http://{}{target}", server.address)).send().await.expect(target);
        let found = reply.headers().get("content-length").map(|length| length.to_str().unwrap().to_owned());
        assert_eq!((reply.status().as_u16(), found.as_deref()), (status, Some(length)), "{target}");
        // A client finds frames of a body there to be a violation of the protocol.
        assert_eq!(reply.bytes().await.expect(target), "", "{target}");
    }
    server.only_ping();
}

/// Sends a POST with `length` bytes as the windows allow. The kinds of the frames of its stream that came, and
/// whether one of them came before the last byte was sent.
async fn post_slowly(client: &mut Client, path: &str, length: usize) -> (Vec<u8>, bool) {
    const PART: usize = 16_000;
    // :method POST, :scheme http by index; :path literal, not indexed (RFC 7541 section 6.2.2).
    let headers = [&[0x83, 0x86, 0x04, path.len() as u8], path.as_bytes()].concat();
    client.send([PREFACE, SETTINGS, &frame(1, 4, 1, &headers)].concat()).await;
    let (mut left, mut of_stream, mut of_connection) = (length, 65_535, 65_535);
    let (mut kinds, mut is_early) = (Vec::new(), false);
    while kinds.last() != Some(&3) {
        if left > 0 && PART <= of_stream && PART <= of_connection {
            let part = PART.min(left);
            left -= part;
            (of_stream, of_connection) = (of_stream - part, of_connection - part);
            client.send(frame(0, u8::from(left == 0), 1, &vec![b'x'; part])).await;
            continue;
        }
        let came = client.frame().await.expect("a frame");
        match (came.kind, came.stream) {
            (8, stream) => {
                let more = u32::from_be_bytes(came.payload.try_into().unwrap()) as usize;
                if stream == 0 { of_connection += more } else { of_stream += more }
            }
            (kind, 1) => {
                kinds.push(kind);
                is_early |= left > 0;
                if left == 0 && kind != 3 && came.flags & 1 == 1 {
                    break;
                }
            }
            _ => {}
        }
    }
    (kinds, is_early)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_body_is_taken_to_its_end_before_the_stream_ends() {
    let server = Server::start().await;
    for path in [format!("/ping/{}", server.token()), String::from("/ping/x")] {
        let mut client = Client::connect(server.address).await;
        let (kinds, is_early) = post_slowly(&mut client, &path, 1_000_000).await;
        assert_eq!((kinds.as_slice(), is_early), ([1, 0].as_slice(), false), "{path}");
    }
    assert_eq!(server.only_ping().details.unwrap().body.len(), 10_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_body_is_not_taken_for_ever() {
    let server = Server::start().await;
    let mut client = Client::connect(server.address).await;
    let path = format!("/ping/{}", server.token());
    let (kinds, is_early) = post_slowly(&mut client, &path, usize::MAX).await;
    assert_eq!((kinds.as_slice(), is_early), ([1, 0, 3].as_slice(), true));
    server.only_ping();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_opens_no_window_is_closed() {
    let server = Server::start_with(|options| options.idle_timeout = Duration::from_millis(300)).await;
    let mut client = Client::connect(server.address).await;
    let path = format!("/ping/{}", server.token());
    // :method GET, :scheme http by index; :path literal, not indexed (RFC 7541 section 6.2.2).
    let headers = [&[0x82, 0x86, 0x04, path.len() as u8], path.as_bytes()].concat();
    let no_window = frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]);
    client.send([PREFACE, &no_window, &frame(1, 5, 1, &headers)].concat()).await;
    client.drain_until_closed().await;
    server.only_ping();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_old_connection_is_replaced_without_losing_a_ping() {
    let server = Server::start_with(|options| options.connection_age = Duration::from_millis(100)).await;
    let client = client();
    let url = format!("http://{}/ping/{}/log", server.address, server.token());
    for _ in 0..100 {
        assert_eq!(client.get(&url).send().await.unwrap().status().as_u16(), 200);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(server.pings().len(), 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_finishes_streams_in_progress() {
    let mut server = Server::start().await;
    let client = client();
    server.log.set(Mode::Hold);
    let asked = tokio::spawn(client.get(format!("http://{}/ping/{}", server.address, server.token())).send());
    eventually("the ping is in the log", || server.log.held() == 1).await;
    server.shutdown.cancel();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.log.release_held();
    assert_eq!(asked.await.unwrap().unwrap().status().as_u16(), 200);
    let serving = server.serving.take().unwrap();
    tokio::time::timeout(Duration::from_secs(9), serving).await.expect("drained in time").unwrap().unwrap();
}

/// The last stream a GOAWAY frame allows for, and its error code (RFC 9113 section 6.8).
fn goaway(payload: &[u8]) -> (u32, u32) {
    let word = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
    (word(0) & 0x7fff_ffff, word(4))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_says_so_and_still_answers_what_was_on_its_way() {
    let mut server = Server::start().await;
    let path = format!("/ping/{}/log", server.token());
    // :method GET, :scheme http by index; :path literal, not indexed (RFC 7541 section 6.2.2).
    let headers = [&[0x82, 0x86, 0x04, path.len() as u8], path.as_bytes()].concat();
    let mut client = Client::connect(server.address).await;
    client.send([PREFACE, SETTINGS, &frame(1, 5, 1, &headers)].concat()).await;
    let (mut ended, mut goaways) = (Vec::new(), Vec::new());
    while let Some(came) = client.frame().await {
        match came.kind {
            // The reply to the first stream: now the end begins.
            0 if came.flags & 1 == 1 => {
                ended.push(came.stream);
                server.shutdown.cancel();
            }
            3 => panic!("stream {} was reset", came.stream),
            // The second stream crosses the first GOAWAY on its way.
            7 => {
                goaways.push(goaway(&came.payload));
                if goaways.len() == 1 {
                    client.send(frame(1, 5, 3, &headers)).await;
                }
            }
            6 if came.flags & 1 == 0 => client.send(frame(6, 1, 0, &came.payload)).await,
            _ => {}
        }
    }
    assert_eq!((ended, goaways), (vec![1, 3], vec![(0x7fff_ffff, 0), (3, 0)]));
    assert!(client.is_closed_cleanly().await);
    drop(client);
    let serving = server.serving.take().unwrap();
    tokio::time::timeout(Duration::from_secs(9), serving).await.expect("drained in time").unwrap().unwrap();
    assert_eq!(server.pings().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_without_requests_is_closed() {
    let server = Server::start_with(|options| options.header_timeout = Duration::from_millis(300)).await;
    let mut client = Client::connect(server.address).await;
    client.send([PREFACE, SETTINGS].concat()).await;
    client.drain_until_closed().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods_end_their_own_connection_only() {
    let server = Server::start_with(|options| options.header_timeout = Duration::from_secs(2)).await;
    // :method GET, :scheme http, :path / by index; :authority omitted.
    let headers = [0x82, 0x86, 0x84];
    let rapid_reset = |n: u32| [frame(1, 5, n * 2 + 1, &headers), frame(3, 0, n * 2 + 1, &[0, 0, 0, 8])].concat();
    let continuation =
        |n: u32| if n == 0 { frame(1, 0, 1, &headers) } else { frame(9, 0, 1, &[0x40, 1, b'a', 1, b'b']) };
    let settings = |_: u32| SETTINGS.to_vec();
    let empty_data = |n: u32| if n == 0 { frame(1, 4, 1, &headers) } else { frame(0, 0, 1, &[]) };
    let floods: [&(dyn Fn(u32) -> Vec<u8> + Sync); 4] = [&rapid_reset, &continuation, &settings, &empty_data];
    for (place, flood) in floods.into_iter().enumerate() {
        let mut client = Client::connect(server.address).await;
        client.send([PREFACE, SETTINGS].concat()).await;
        let mut sent = 0;
        let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
        while client.try_send(flood(sent)).await && tokio::time::Instant::now() < deadline {
            sent += 1;
            client.take_what_came();
            tokio::task::yield_now().await;
        }
        assert!(tokio::time::Instant::now() < deadline, "flood {place} goes on after {sent} frames");
        assert_eq!(get(server.address, &format!("/ping/{}", server.token())).await.0, 200, "flood {place}");
    }
}
