//! Every URL form, method and reply of the ping API, and the headers of replies.

use crate::support::client::{Client, ask, get, request};
use crate::support::{SLUG, Server};
use domain::ids::{RunId, TenantId};
use domain::ping::{Metric, PingKind};

const RID: &str = "0A1b2c3d-0000-1000-8000-00000000000f";

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn every_form_is_its_signal_at_both_bases() {
    let server = Server::start().await;
    let (token, slug) = (server.token(), format!("{}/{SLUG}", server.ping_key()));
    let forms = [
        ("", PingKind::Success),
        ("/start", PingKind::Start),
        ("/fail", PingKind::Fail),
        ("/log", PingKind::Log),
        ("/0", PingKind::Exit(0)),
        ("/0001", PingKind::Exit(1)),
        ("/255", PingKind::Exit(255)),
    ];
    for base in ["/ping/", "/"] {
        for (suffix, kind) in forms {
            for (target, generation) in [(&token, Some(0)), (&slug, None)] {
                assert_eq!(get(server.address, &format!("{base}{target}{suffix}")).await, (200, "OK".into()));
                let ping = server.only_ping();
                assert_eq!(
                    (ping.monitor, ping.kind, ping.generation),
                    (server.monitor(), kind, generation),
                    "{base}{target}{suffix}"
                );
            }
        }
        assert_eq!(get(server.address, &format!("{base}{token}/")).await, (200, "OK".into()));
        server.only_ping();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn refusals_have_the_texts_clients_know() {
    let server = Server::start().await;
    let (token, key) = (server.token(), server.ping_key());
    let forged = format!("{}0", &token[..35]);
    let forged = if forged == token { format!("{}1", &token[..35]) } else { forged };
    let (other, old) = (server.keys.ping_key(TenantId(9), 0), server.keys.ping_key(TenantId(1), 1));
    let (upper, bare) = (token.to_uppercase(), token.replace('-', ""));
    let cases = [
        (forged.clone(), 404, "not found"),
        (format!("{forged}/start"), 404, "not found"),
        (format!("{forged}?rid=x"), 404, "not found"),
        (format!("{forged}/256"), 404, "not found"),
        ("00000000-0000-0000-0000-000000000000".into(), 404, "not found"),
        (upper.clone(), 404, "not found"),
        (bare.clone(), 404, "not found"),
        (format!("{token}//"), 404, "not found"),
        (format!("{token}/start/"), 404, "not found"),
        (format!("{token}/0/"), 404, "not found"),
        (format!("{token}/foo"), 404, "not found"),
        (format!("{token}/-1"), 404, "not found"),
        (format!("{token}/1e3"), 404, "not found"),
        (format!("{token}/%D9%A1"), 404, "not found"),
        (format!("{token}/START"), 400, "invalid url format"),
        (format!("{token}/256"), 400, "invalid url format"),
        (format!("{token}/{}", "9".repeat(400)), 400, "invalid url format"),
        (format!("{token}/256?rid=x"), 400, "invalid url format"),
        (format!("{token}?rid="), 400, "invalid uuid format"),
        (format!("{token}?rid=%7B{RID}%7D"), 400, "invalid uuid format"),
        (format!("{token}?rid={}", &RID[1..]), 400, "invalid uuid format"),
        (format!("{token}?rid={RID}0"), 400, "invalid uuid format"),
        (format!("{token}?rid={RID}%0A"), 400, "invalid uuid format"),
        (format!("{token}?rid={}", RID.replace('b', "g")), 400, "invalid uuid format"),
        (format!("{token}?rid={RID}&rid=x"), 400, "invalid uuid format"),
        (format!("{token}%00"), 404, "not found"),
        (format!("{token}%2Fstart"), 404, "not found"),
        (format!("%2e%2e/{token}"), 404, "not found"),
        (format!("./{token}"), 404, "not found"),
        (format!("/{token}"), 404, "not found"),
        (format!("{token}%FF"), 404, "not found"),
        (format!("{token}%0D%0A%1B[2J"), 404, "not found"),
        (token[..35].to_owned(), 404, "not found"),
        (format!("{token}0"), 404, "not found"),
        (format!("{key}/unknown"), 404, "not found"),
        (format!("{key}/unknown/256"), 404, "not found"),
        (format!("{key}/unknown?rid=x"), 404, "not found"),
        (format!("{key}/Backup"), 400, "invalid url format"),
        (format!("{key}/{SLUG}/"), 404, "not found"),
        (format!("{key}/{SLUG}/256"), 400, "invalid url format"),
        (format!("{key}/{SLUG}/foo"), 404, "not found"),
        (format!("{key}/{SLUG}/-1"), 404, "not found"),
        (format!("{key}/{SLUG}?rid=x"), 400, "invalid uuid format"),
        (format!("{key}/b%C3%A4ckup"), 404, "not found"),
        (format!("{key}/back%20up"), 404, "not found"),
        (format!("{}/{SLUG}", key.to_uppercase()), 404, "not found"),
        (format!("{}/{SLUG}", &key[1..]), 404, "not found"),
        (format!("{other}/{SLUG}"), 404, "not found"),
        (format!("{old}/{SLUG}"), 404, "not found"),
    ];
    for (target, status, text) in cases {
        assert_eq!(get(server.address, &format!("/ping/{target}")).await, (status, text.to_owned()), "{target}");
    }
    assert_eq!(server.pings(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn unreserved_characters_may_come_encoded() {
    let server = Server::start().await;
    let token = server.token().replace('-', "%2D");
    assert_eq!(get(server.address, &format!("/%70ing/{token}/st%61rt")).await, (200, "OK".into()));
    assert_eq!(server.only_ping().kind, PingKind::Start);
    assert_eq!(get(server.address, &format!("/ping/{}/b%61ckup/f%61il", server.ping_key())).await, (200, "OK".into()));
    assert_eq!(server.only_ping().kind, PingKind::Fail);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn an_absolute_target_is_its_path() {
    let server = Server::start().await;
    assert_eq!(get(server.address, &format!("http://other.example/ping/{}", server.token())).await, (200, "OK".into()));
    server.only_ping();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn head_get_and_post_are_pings_and_nothing_else_is() {
    let server = Server::start().await;
    let target = format!("/ping/{}", server.token());
    for method in ["HEAD", "GET", "POST"] {
        let reply = ask(server.address, method, &target).await;
        assert_eq!((reply.status, reply.header("content-length")), (200, Some("2")), "{method}");
        assert_eq!(server.only_ping().details.unwrap().method, method);
    }
    let preflight = ask(server.address, "OPTIONS", &target).await;
    assert_eq!(preflight.said(), (204, ""));
    assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
    assert_eq!(preflight.header("access-control-allow-methods"), Some("GET, HEAD, POST, OPTIONS"));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("*"));
    for method in ["PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
        let reply = ask(server.address, method, &target).await;
        assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD, POST, OPTIONS")), "{method}");
    }
    assert_eq!(server.pings(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn replies_carry_the_headers_clients_read() {
    let server = Server::start().await;
    let token = server.token();
    for (target, status) in
        [(format!("/ping/{token}"), 200), (format!("/ping/{token}/256"), 400), ("/ping/x".into(), 404)]
    {
        let reply = ask(server.address, "GET", &target).await;
        assert_eq!(reply.status, status);
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(reply.header("cache-control"), Some("max-age=0, no-cache, no-store, must-revalidate, private"));
        assert_eq!(reply.header("expires"), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
        assert_eq!(reply.header("referrer-policy"), Some("no-referrer"));
        let is_ok = status == 200;
        assert_eq!(reply.header("ping-body-limit"), is_ok.then_some("10000"));
        assert_eq!(reply.header("access-control-allow-origin"), is_ok.then_some("*"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_query_is_read_and_what_is_unknown_or_unreadable_is_dropped() {
    let server = Server::start().await;
    let query = format!(
        "utm=1&&rid=x&rid={RID}&metric=count:3&metric=bad&metric=size%3A1e6&metric=n:NaN&duration=1.5s&msg=all+good%21&env=prod&host=db-1&msg2=%FF"
    );
    assert_eq!(get(server.address, &format!("/ping/{}/7?{query}", server.token())).await, (200, "OK".into()));
    let ping = server.only_ping();
    assert_eq!(ping.run, RID.to_lowercase().replace('-', "").parse::<RunId>().ok());
    let metric = |name: &str, value| Metric { name: name.into(), value };
    assert_eq!(ping.metrics, [metric("count", 3.0), metric("size", 1e6)]);
    assert_eq!((ping.kind, ping.duration_ms), (PingKind::Exit(7), Some(1_500)));
    let details = ping.details.unwrap();
    assert_eq!(
        (details.message.as_str(), details.environment.as_str(), details.host.as_str()),
        ("all good!", "prod", "db-1")
    );

    assert_eq!(get(server.address, &format!("/ping/{}?duration=-1&msg=%FF&metric=1:1", server.token())).await.0, 200);
    let ping = server.only_ping();
    assert_eq!((ping.duration_ms, ping.metrics, ping.details.unwrap().message), (None, vec![], String::new()));
    for rid in ["00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF"] {
        assert_eq!(get(server.address, &format!("/ping/{}?rid={rid}", server.token())).await.0, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_pinged_is_noted_as_far_as_it_is_believed() {
    let server = Server::start_with(|options| options.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()]).await;
    let target = format!("/ping/{}", server.token());
    let cases: [(&[u8], &str); 4] = [
        (b"User-Agent: curl/8\r\n", "127.0.0.1"),
        (b"X-Forwarded-For: 203.0.113.9:80, 10.0.0.1\r\n", "203.0.113.9"),
        (b"X-Forwarded-For: unknown\r\n", ""),
        (b"X-Forwarded-For: \xff\xfe\r\nDate: Thu, 01 Jan 2099 00:00:00 GMT\r\n", ""),
    ];
    for (headers, client) in cases {
        let mut connection = Client::connect(server.address).await;
        let mut bytes = format!("GET {target} HTTP/1.1\r\nHost: x\r\n").into_bytes();
        bytes.extend_from_slice(headers);
        bytes.extend_from_slice(b"\r\n");
        connection.send(bytes).await;
        assert_eq!(connection.reply().await.unwrap().said(), (200, "OK"));
        assert_eq!(server.only_ping().details.unwrap().client, client);
    }
    let agent = format!("User-Agent: {}\r\n", "a".repeat(300));
    let mut connection = Client::connect(server.address).await;
    connection.send(request("GET", &target, &agent, b"")).await;
    assert_eq!(connection.reply().await.unwrap().status, 200);
    assert_eq!(server.only_ping().details.unwrap().user_agent, "a".repeat(200));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn other_paths_are_the_fallbacks() {
    let server = Server::start().await;
    assert_eq!(get(server.address, "/page").await, (200, "a page".into()));
    assert_eq!(get(server.address, "/peer").await, (200, "127.0.0.1".into()));
    for path in ["/", "/ping", "/nothing", "/metrics", "//ping/x"] {
        assert_eq!(get(server.address, path).await.0, 404, "{path}");
    }
    assert_eq!(ask(server.address, "POST", "/page").await.status, 405);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_plain_ping_is_a_small_record() {
    let server = Server::start().await;
    let mut client = Client::connect(server.address).await;
    client.send(request("GET", &format!("/ping/{}", server.token()), "User-Agent: curl/8.14.1\r\n", b"")).await;
    assert_eq!(client.reply().await.unwrap().status, 200);
    let sizes = server.log.sizes();
    assert!(sizes.len() == 1 && sizes[0] <= 72, "{sizes:?}");
}
