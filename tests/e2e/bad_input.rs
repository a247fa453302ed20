//! What no client should send. Each case ends by showing that the server answers others as if nothing had been.

use std::time::{Duration, Instant};
use suites::cases;
use suites::support::http::{self, Connection};
use suites::support::qp::Monitor;
use suites::support::runner::Shown;
use suites::support::server::Server;
use suites::support::settings::Settings;
use suites::support::wait::{secs, until};

cases! {
    heads_that_are_too_large_are_refused,
    lengths_and_chunks_that_are_none_are_refused,
    odd_paths_name_no_ping_and_odd_headers_lose_none,
    a_body_is_cut_and_never_costs_its_ping,
    slow_clients_are_let_go_and_delay_nobody,
    a_second_request_behind_the_first_answers_for_itself,
    idle_connections_do_not_keep_others_out,
    a_server_out_of_files_recovers_when_connections_end,
    ten_thousand_open_runs_are_bounded,
}

async fn heads_that_are_too_large_are_refused() -> Shown {
    let (mut server, monitor) = started().await;
    let headers = |count: usize| (0..count).map(|n| format!("x-{n}: y\r\n")).collect::<String>();
    let table = [
        ("a token of 10 kB", format!("GET /ping/{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(10_000)), 414),
        ("101 headers", format!("GET {} HTTP/1.1\r\nhost: x\r\n{}\r\n", monitor.path, headers(101)), 431),
        (
            "a header of 9 kB",
            format!("GET {} HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", monitor.path, "y".repeat(9_000)),
            431,
        ),
        (
            "a head of 500 kB",
            format!("GET {} HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", monitor.path, "y".repeat(500_000)),
            431,
        ),
    ];
    for (what, request, status) in &table {
        let reply = http::raw(server.http, request.as_bytes()).await;
        assert_eq!(reply.map(|reply| reply.status), Some(*status), "{what}");
    }
    assert_unharmed(&mut server, &monitor).await;
    assert_eq!(server.until_pings("job", 1).await.len(), 1, "none of them was a ping");
    Ok(())
}

async fn lengths_and_chunks_that_are_none_are_refused() -> Shown {
    let (mut server, monitor) = started().await;
    let bad = [
        "content-length: -1\r\n\r\n",
        "content-length: +5\r\n\r\nhello",
        "content-length: 5,5\r\n\r\nhello",
        "content-length: 5\r\ncontent-length: 6\r\n\r\nhello!",
        "content-length: 99999999999999999999999\r\n\r\n",
        "content-length: 0x5\r\n\r\nhello",
        "transfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nx",
        "transfer-encoding: chunked\r\n\r\n-1\r\nx",
        "transfer-encoding: chunked\r\n\r\nzz\r\nx",
        "transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\nzz\r\n",
        "bad header name: x\r\n\r\n",
        "x: \0\r\n\r\n",
        "user-agent: \u{1b}[2J\r\n\r\n",
        ": empty\r\n\r\n",
    ];
    for rest in bad {
        let mut connection = Connection::open(server.http).await.expect("connects");
        let request = format!("POST {} HTTP/1.1\r\nhost: x\r\n{rest}", monitor.path);
        connection.write(request.as_bytes()).await.expect("writes");
        let reply = connection.reply().await.expect("no time-out");
        // A peer that cannot be understood may be left without a word, but never with a 200.
        assert!(reply.as_ref().is_none_or(|reply| reply.status == 400), "{rest:?}: {reply:?}");
        assert!(connection.closes_within(secs(3)).await, "{rest:?}: the connection goes");
    }
    for line in ["GET", "GET  HTTP/1.1", "GET / HTTP/9.9", "\u{1b}[2J / HTTP/1.1", "get / HTTP/1.1 extra"] {
        let reply = http::raw(server.http, format!("{line}\r\n\r\n").as_bytes()).await;
        assert!(reply.as_ref().is_none_or(|reply| (400..=505).contains(&reply.status)), "{line:?}: {reply:?}");
    }
    let noise: Vec<u8> = (0..4_096u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    http::raw(server.http, &noise).await;
    assert_unharmed(&mut server, &monitor).await;
    assert_eq!(server.until_pings("job", 1).await.len(), 1, "none of them was a ping");
    Ok(())
}

async fn odd_paths_name_no_ping_and_odd_headers_lose_none() -> Shown {
    let (mut server, monitor) = started().await;
    for path in [
        "/ping/%ff%fe",
        "/ping/..%2f..%2fetc/passwd",
        "/ping/\u{202e}x",
        "/ping/%1b[2J",
        "/ping/a/b/c/d",
        "/%00",
        "/ping/%",
        "/ping/%zz",
    ] {
        let reply =
            http::raw(server.http, format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
                .await;
        assert!(reply.as_ref().is_some_and(|reply| matches!(reply.status, 400 | 404)), "{path}: {reply:?}");
    }
    let odd = [
        "x-forwarded-for: not an address\r\n",
        "x-forwarded-for: 1.2.3.4:99, [::1]\r\nx-forwarded-proto: gopher-over-carrier-pigeon\r\n",
        "host: evil.example.org:99999\r\n",
        "user-agent: \u{2028}\u{202e}\u{e9}\r\n",
        "user-agent: Mozilla/5.0 (TelegramBot like TwitterBot)\r\n",
        "date: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
        "content-encoding: gzip\r\nexpect: something\r\n",
        "cookie: session=%00; a=b\r\nauthorization: Bearer nonsense\r\n",
        "referer: javascript:alert(1)\r\norigin: null\r\n",
        "upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n",
    ];
    for headers in odd {
        let host = if headers.starts_with("host:") { "" } else { "host: x\r\n" };
        let request = format!("GET {} HTTP/1.1\r\n{host}{headers}connection: close\r\n\r\n", monitor.path);
        let reply = http::raw(server.http, request.as_bytes()).await.unwrap_or_else(|| panic!("{headers:?}: no reply"));
        assert_eq!((reply.status, reply.text().as_str()), (200, "OK"), "{headers:?}");
    }
    let absolute = format!(
        "GET http://evil.example.org{} HTTP/1.1\r\nhost: evil.example.org\r\nconnection: close\r\n\r\n",
        monitor.path
    );
    let reply = http::raw(server.http, absolute.as_bytes()).await.expect("a reply");
    assert!(matches!(reply.status, 200 | 404), "the host is not looked at: {}", reply.status);
    let tunnel =
        http::raw(server.http, b"CONNECT evil.example.org:443 HTTP/1.1\r\nhost: evil.example.org:443\r\n\r\n").await;
    assert!(tunnel.as_ref().is_none_or(|reply| reply.status >= 400), "{tunnel:?}");
    assert_unharmed(&mut server, &monitor).await;
    let pings = server.until_pings("job", odd.len() + 1).await;
    assert!(pings.iter().all(|ping| ping["ignored"] == ""), "{pings:#?}");
    Ok(())
}

async fn a_body_is_cut_and_never_costs_its_ping() -> Shown {
    let (mut server, monitor) = started().await;
    let nested = "[".repeat(100_000);
    let bodies: [(&str, Vec<u8>, usize, bool); 6] = [
        ("10 kB", vec![b'a'; 10_000], 10_000, false),
        ("10 kB and one", vec![b'b'; 10_001], 10_000, true),
        ("100 kB of JSON brackets", nested.into_bytes(), 10_000, true),
        ("not UTF-8", vec![0xff, 0xfe, 0x00, 0x80], 4, false),
        ("a gzip bomb's beginning", vec![0x1f, 0x8b, 0x08, 0x00], 4, false),
        ("nothing", Vec::new(), 0, false),
    ];
    for (place, (what, body, kept, cut)) in bodies.into_iter().enumerate() {
        let reply = http::post(server.http, &monitor.path, &body).await;
        assert_eq!((reply.status, reply.text().as_str()), (200, "OK"), "{what}");
        let newest = server.until_pings("job", place + 1).await.remove(0);
        let stored = decode(newest["body"].as_str().expect("bytes"));
        assert_eq!((stored.as_slice(), &newest["bodyCut"]), (&body[..kept], &cut.into()), "{what}");
    }
    let chunked = format!(
        "POST {} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        monitor.path
    );
    assert_eq!(http::raw(server.http, chunked.as_bytes()).await.map(|reply| reply.status), Some(200));
    assert_eq!(decode(server.until_pings("job", 7).await[0]["body"].as_str().expect("bytes")), b"hello");

    // Three megabytes, of which the server reads what it cares for: counted, answered, and the connection goes.
    let mut connection = Connection::open(server.http).await.expect("connects");
    connection
        .write(format!("POST {}/fail HTTP/1.1\r\nhost: x\r\ncontent-length: 3000000\r\n\r\n", monitor.path).as_bytes())
        .await
        .expect("writes");
    let _broken_off = tokio::time::timeout(secs(10), connection.write(&vec![b'z'; 200_000])).await;
    let reply = connection.reply().await.expect("no time-out").expect("a reply");
    assert_eq!((reply.status, reply.text().as_str()), (200, "OK"));
    assert!(connection.closes_within(secs(5)).await);
    server.until_status("job", "down", secs(5)).await;
    assert_unharmed(&mut server, &monitor).await;
    Ok(())
}

async fn slow_clients_are_let_go_and_delay_nobody() -> Shown {
    let (mut server, monitor) = started().await;
    let heads = (0..50).map(|_| trickle(server.http, format!("GET {} HTTP/1.1\r\nx", monitor.path)));
    let heads: Vec<_> = heads.map(tokio::spawn).collect();
    let body = format!("POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n", monitor.path);
    let expecting =
        format!("POST {} HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n", monitor.path);
    let (slow, promise) = (tokio::spawn(trickle(server.http, body)), tokio::spawn(silent(server.http, expecting)));
    let began = Instant::now();
    server.ping(&monitor, "").await;
    assert!(began.elapsed() < secs(2), "an honest client took {:?}", began.elapsed());
    for head in heads {
        let open_for = head.await.expect("a task");
        assert!((3.5..9.0).contains(&open_for.as_secs_f64()), "a head that trickles is cut at 5 s, not {open_for:?}");
    }
    for body in [slow, promise] {
        let open_for = body.await.expect("a task");
        assert!((8.0..15.0).contains(&open_for.as_secs_f64()), "a body that trickles is cut at 10 s, not {open_for:?}");
    }
    assert_unharmed(&mut server, &monitor).await;
    Ok(())
}

async fn a_second_request_behind_the_first_answers_for_itself() -> Shown {
    let (mut server, monitor) = started().await;
    let pipelined = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\nGET /ping/01234567-89ab-8def-8123-456789abcdef HTTP/1.1\r\nhost: x\r\n\r\n\
         GET {path}/7 HTTP/1.1\r\nhost: x\r\n\r\n",
        path = monitor.path
    );
    let mut connection = Connection::open(server.http).await.expect("connects");
    connection.write(pipelined.as_bytes()).await.expect("writes");
    for status in [200, 404, 200] {
        assert_eq!(connection.reply().await.expect("no time-out").map(|reply| reply.status), Some(status));
    }
    let pings = server.until_pings("job", 2).await;
    assert_eq!((pings.len(), &pings[0]["exitCode"]), (2, &7.into()));
    assert_unharmed(&mut server, &monitor).await;
    Ok(())
}

async fn idle_connections_do_not_keep_others_out() -> Shown {
    let (mut server, monitor) = started().await;
    let mut idle = Vec::new();
    for _ in 0..400 {
        idle.push(Connection::open(server.http).await.expect("connects"));
    }
    let began = Instant::now();
    for _ in 0..20 {
        server.ping(&monitor, "").await;
    }
    assert!(began.elapsed() < secs(5), "{:?}", began.elapsed());
    drop(idle);
    assert_unharmed(&mut server, &monitor).await;
    Ok(())
}

async fn a_server_out_of_files_recovers_when_connections_end() -> Shown {
    let mut server = Server::with(Settings::default().with_open_files(160)).await;
    let monitor = server.create("job", &["--period", "1h"]).await;
    let mut greedy = Vec::new();
    for _ in 0..300 {
        // What the server cannot take waits in the kernel's queue.
        greedy.push(Connection::open(server.http).await.expect("connects"));
    }
    tokio::time::sleep(secs(1)).await;
    assert!(server.is_running(), "{}", server.home.stderr());
    drop(greedy);
    until("it answers again", secs(15), async || {
        let reply = http::request(server.http, "GET", &monitor.path, "", b"").await;
        reply.is_ok_and(|reply| reply.status == 200).then_some(())
    })
    .await;
    let lines = server.home.stderr().lines().count();
    assert!(lines < 200, "{lines} lines of log: an accept loop that spins");
    // The other ports and the files of the store are there too.
    server.until_status("job", "up", secs(10)).await;
    assert_unharmed(&mut server, &monitor).await;
    Ok(())
}

async fn ten_thousand_open_runs_are_bounded() -> Shown {
    let (mut server, monitor) = started().await;
    let mut connection = Connection::open(server.http).await.expect("connects");
    let runs = 10_000;
    for batch in 0..runs / 100 {
        let requests: String = (0..100)
            .map(|n| {
                format!(
                    "GET {}/start?rid=00000000-0000-4000-8000-{:012} HTTP/1.1\r\nhost: x\r\n\r\n",
                    monitor.path,
                    batch * 100 + n
                )
            })
            .collect();
        connection.write(requests.as_bytes()).await.expect("writes");
        for _ in 0..100 {
            assert_eq!(connection.reply().await.expect("no time-out").map(|reply| reply.status), Some(200));
        }
    }
    let shown = until("all were applied", secs(20), async || {
        Some(server.monitor("job").await).filter(|shown| shown["pingCount"] == runs)
    })
    .await;
    assert_eq!(shown["openRuns"], 16, "at most 16 a monitor");
    assert_unharmed(&mut server, &monitor).await;
    Ok(())
}

async fn started() -> (Server, Monitor) {
    let server = Server::start().await;
    let monitor = server.create("job", &["--period", "1h"]).await;
    (server, monitor)
}

/// The process lives, answers, and has not panicked.
async fn assert_unharmed(server: &mut Server, monitor: &Monitor) {
    assert!(server.is_running());
    server.ping(monitor, "").await;
    assert_eq!(http::get(server.admin, "/healthz").await.status, 200);
    assert!(!server.home.stderr().contains("panicked"), "{}", server.home.stderr());
}

/// Writes `start`, then one byte every half second; how long the peer keeps the connection.
async fn trickle(address: std::net::SocketAddr, start: String) -> Duration {
    let mut connection = Connection::open(address).await.expect("connects");
    connection.write(start.as_bytes()).await.expect("writes");
    let began = Instant::now();
    while began.elapsed() < secs(30) && !connection.closes_within(Duration::from_millis(500)).await {
        if connection.write(b"x").await.is_err() {
            break;
        }
    }
    began.elapsed()
}

/// Writes `start` and nothing more; how long the peer keeps the connection.
async fn silent(address: std::net::SocketAddr, start: String) -> Duration {
    let mut connection = Connection::open(address).await.expect("connects");
    connection.write(start.as_bytes()).await.expect("writes");
    let began = Instant::now();
    connection.closes_within(secs(30)).await;
    began.elapsed()
}

fn decode(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).expect("base64")
}
