//! The ping API to the letter, over a raw socket: every line that existing clients depend on.

use serde_json::Value;
use suites::cases;
use suites::support::http::{self, Reply};
use suites::support::qp::Monitor;
use suites::support::runner::Shown;
use suites::support::server::Server;

const RUN: &str = "6f0d3c1e-8a43-4c6e-9a0d-0f6f2f3f5a11";
const NOT_OURS: &str = "01234567-89ab-8def-8123-456789abcdef";

cases! {
    every_form_of_a_token_url_is_answered_as_clients_expect,
    every_form_of_a_slug_url_is_answered_as_clients_expect,
    a_run_id_is_a_uuid_or_refused,
    create_makes_a_monitor_once_and_only_from_good_words,
    head_get_and_post_are_pings_and_nothing_else_is,
    the_headers_that_clients_read_are_there,
    rotated_and_deleted_tokens_look_like_unknown_ones,
    paused_monitors_hear_and_do_not_alert,
}

/// A request, and the status and text it must get.
type Line = (String, u16, &'static str);

async fn every_form_of_a_token_url_is_answered_as_clients_expect() -> Shown {
    let server = Server::start().await;
    let monitor = server.create("table", &["--period", "1h"]).await;
    let token = token(&monitor);
    let mut table: Vec<Line> = Vec::new();
    for base in ["/ping", ""] {
        let good = ["", "/", "/start", "/fail", "/log", "/0", "/1", "/255", "/0001", "/000000000000000000000000255"];
        table.extend(good.map(|rest| (format!("{base}/{token}{rest}"), 200, "OK")));
        for too_large in ["/256", "/999", "/99999999999999999999999999999999"] {
            table.push((format!("{base}/{token}{too_large}"), 400, "invalid url format"));
        }
        for none in ["/-1", "/foo", "/1e3", "/start/", "/fail/", "/log/", "/1/", "//", "/start/1", "/%D9%A1"] {
            table.push((format!("{base}/{token}{none}"), 404, "not found"));
        }
        table.push((format!("{base}/{token}/START"), 400, "invalid url format"));
        for unknown in [NOT_OURS.to_owned(), flipped(&token), token.to_uppercase()] {
            table.push((format!("{base}/{unknown}"), 404, "not found"));
        }
        table.push((format!("{base}/{NOT_OURS}/256"), 404, "not found"));
        // Unreserved characters may come percent-encoded (RFC 3986 section 2.3); nothing else is normalised.
        table.push((format!("{base}/{}", token.replace('-', "%2D")), 200, "OK"));
        table.push((format!("{base}/{token}/%73tart"), 200, "OK"));
    }
    for odd in ["%00", "%2Fstart", "%2e%2e/", "/../", "/./start", "%20", "%0d%0a", "%ff"] {
        table.push((format!("/ping/{token}{odd}"), 404, "not found"));
        // At the root such a path is nobody's; how a page says so is its own affair.
        assert_eq!(http::get(server.http, &format!("/{token}{odd}")).await.status, 404, "{odd}");
    }
    table.push((format!("/ping/{}", token.replace('-', "")), 404, "not found"));
    table.push((format!("/ping//{token}"), 404, "not found"));
    check(&server, &table).await;
    assert_eq!(server.monitor("table").await["status"], "up", "the last ping was a start after a success");
    Ok(())
}

async fn every_form_of_a_slug_url_is_answered_as_clients_expect() -> Shown {
    let server = Server::start().await;
    server.create("job_1-x", &["--period", "1h"]).await;
    let key = server.home.key("ping_key");
    let mut table: Vec<Line> = Vec::new();
    for base in ["/ping", ""] {
        let good = ["", "/start", "/fail", "/log", "/0", "/7"];
        table.extend(good.map(|rest| (format!("{base}/{key}/job_1-x{rest}"), 200, "OK")));
        for (rest, status, text) in [
            ("/job_1-x/", 404, "not found"),
            ("/job_1-x/start/", 404, "not found"),
            ("/job_1-x/256", 400, "invalid url format"),
            ("/job_1-x/-1", 404, "not found"),
            ("/job_1-x/foo", 404, "not found"),
            ("/Job_1-x", 400, "invalid url format"),
            ("/job%201", 404, "not found"),
            ("/j\u{e4}b", 404, "not found"),
            ("/unknown", 404, "not found"),
            ("/unknown/256", 404, "not found"),
        ] {
            table.push((format!("{base}/{key}{rest}"), status, text));
        }
        let wrong = flipped(&key);
        table.push((format!("{base}/{wrong}/job_1-x"), 404, "not found"));
        table.push((format!("{base}/{wrong}/new?create=1"), 404, "not found"));
    }
    table.push(("/ping/nokey/job_1-x".into(), 404, "not found"));
    table.push(("/ping/".into(), 404, "not found"));
    check(&server, &table).await;
    let all = server.qp(&["monitor", "list"]).await;
    assert_eq!(all.as_array().map(Vec::len), Some(1), "nothing was made: {all:#}");
    Ok(())
}

async fn a_run_id_is_a_uuid_or_refused() -> Shown {
    let server = Server::start().await;
    let monitor = server.create("runs", &["--period", "1h"]).await;
    let mut table: Vec<Line> = Vec::new();
    for good in [
        RUN,
        "6F0D3C1E-8A43-4C6E-9A0D-0F6F2F3F5A11",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ] {
        table.push((format!("{}?rid={good}", monitor.path), 200, "OK"));
    }
    let bad = [
        String::new(),
        format!("%7B{RUN}%7D"),
        RUN[1..].to_owned(),
        format!("{RUN}0"),
        RUN.replace('-', ""),
        RUN.replace('6', "g"),
        format!("{RUN}%0A"),
        "%ff".to_owned(),
    ];
    for bad in bad {
        table.push((format!("{}?rid={bad}", monitor.path), 400, "invalid uuid format"));
        table.push((format!("/ping/{NOT_OURS}?rid={bad}"), 404, "not found"));
    }
    table.push((format!("{}?rid=x&rid={RUN}", monitor.path), 200, "OK"));
    table.push((format!("{}?rid={RUN}&rid=x", monitor.path), 400, "invalid uuid format"));
    // The exit status is looked at before the run id.
    table.push((format!("{}/256?rid=x", monitor.path), 400, "invalid url format"));
    let many = (0..500).map(|n| format!("p{n}=x")).collect::<Vec<_>>().join("&");
    table.push((format!("{}?{many}&rid={RUN}", monitor.path), 200, "OK"));
    check(&server, &table).await;
    Ok(())
}

async fn create_makes_a_monitor_once_and_only_from_good_words() -> Shown {
    let server = Server::start().await;
    let base = format!("/ping/{}", server.home.key("ping_key"));
    check(
        &server,
        &[
            (format!("{base}/new?create=1"), 201, "Created"),
            (format!("{base}/new?create=1"), 200, "OK"),
            (format!("{base}/new"), 200, "OK"),
        ],
    )
    .await;
    let made = server.monitor("new").await;
    assert_eq!(
        (&made["name"], &made["period"], &made["grace"], &made["status"]),
        (&"new".into(), &"86400s".into(), &"3600s".into(), &"up".into())
    );

    let words = "create=1&cron=0+3+*+*+*&tz=Europe/Berlin&grace=1h30m&max_runtime=90s";
    check(&server, &[(format!("{base}/nightly/start?{words}"), 201, "Created")]).await;
    let made = server.monitor("nightly").await;
    assert_eq!(
        (&made["cron"], &made["tz"], &made["grace"], &made["maxRuntime"]),
        (&"0 3 * * *".into(), &"Europe/Berlin".into(), &"5400s".into(), &"90s".into())
    );
    // Words count when the monitor is made, and are ignored after.
    check(&server, &[(format!("{base}/nightly?create=1&period=nonsense"), 200, "OK")]).await;
    assert_eq!(server.monitor("nightly").await["cron"], "0 3 * * *");

    let refused = [
        ("rid=x", "invalid uuid format"),
        ("period=0s", "period"),
        ("period=soon", "period"),
        ("period=", "period"),
        ("period=367d", "period"),
        ("grace=-1", "grace"),
        ("period=1m&cron=*+*+*+*+*", "cron"),
        ("cron=60+*+*+*+*", "cron"),
        ("cron=*+*+*+*+*&tz=Mars/Phobos", "tz"),
        ("cron=*+*+*+*+*&tz=../../etc/passwd", "tz"),
        ("oncalendar=whenever", "oncalendar"),
        ("period=1m&max_runtime=x", "max_runtime"),
        ("period=%ff", "period"),
    ];
    for (place, (query, named)) in refused.iter().enumerate() {
        let reply = http::get(server.http, &format!("{base}/bad-{place}?create=1&{query}")).await;
        let text = reply.text();
        assert!(
            reply.status == 400 && text.contains(named) && text.lines().count() == 1,
            "{query}: {} {text}",
            reply.status
        );
    }
    for rest in ["bad-exit/256", "BAD"] {
        let reply = http::get(server.http, &format!("{base}/{rest}?create=1")).await;
        assert_eq!((reply.status, reply.text().as_str()), (400, "invalid url format"), "{rest}");
    }
    for no in ["create=0", "create=true", "create", "create=1&create=0"] {
        assert_eq!(http::get(server.http, &format!("{base}/not-asked?{no}")).await.status, 404, "{no}");
    }
    let slugs: Vec<Value> = server
        .qp(&["monitor", "list"])
        .await
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["slug"].clone())
        .collect();
    assert_eq!(slugs.len(), 2, "a refusal creates nothing: {slugs:?}");
    Ok(())
}

async fn head_get_and_post_are_pings_and_nothing_else_is() -> Shown {
    let server = Server::start().await;
    let monitor = server.create("methods", &["--period", "1h"]).await;
    for (method, status, text) in [("GET", 200, "OK"), ("POST", 200, "OK"), ("HEAD", 200, "")] {
        let reply = http::request(server.http, method, &monitor.path, "", b"").await.expect("a reply");
        assert_eq!((reply.status, reply.text().as_str()), (status, text), "{method}");
    }
    for method in ["PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "LOOOOOOOOOONG"] {
        let reply = http::request(server.http, method, &monitor.path, "", b"").await.expect("a reply");
        assert!(matches!(reply.status, 405 | 501), "{method}: {}", reply.status);
    }
    let preflight = "origin: https://example.org\r\naccess-control-request-method: POST\r\n";
    let reply = http::request(server.http, "OPTIONS", &monitor.path, preflight, b"").await.expect("a reply");
    assert!(matches!(reply.status, 200 | 204) && reply.header("access-control-allow-origin") == Some("*"), "{reply:?}");
    let methods: Vec<Value> =
        server.until_pings("methods", 3).await.iter().map(|ping| ping["method"].clone()).collect();
    assert_eq!(methods, ["HEAD", "POST", "GET"], "no preflight and no PUT is a heartbeat");
    Ok(())
}

async fn the_headers_that_clients_read_are_there() -> Shown {
    let server = Server::start().await;
    let monitor = server.create("headers", &["--period", "1h"]).await;
    let (ok, missing) =
        (http::get(server.http, &monitor.path).await, http::get(server.http, &format!("/ping/{NOT_OURS}")).await);
    let refused = http::get(server.http, &format!("{}/256", monitor.path)).await;
    assert_eq!(ok.header("ping-body-limit"), Some("10000"));
    assert_eq!(ok.header("access-control-allow-origin"), Some("*"));
    for reply in [&ok, &missing, &refused] {
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"), "{reply:?}");
        assert_eq!(
            reply.header("cache-control"),
            Some("max-age=0, no-cache, no-store, must-revalidate, private"),
            "{reply:?}"
        );
        assert!(reply.header("expires").is_some(), "{reply:?}");
    }
    assert_eq!((missing.header("ping-body-limit"), refused.header("access-control-allow-origin")), (None, None));
    let created = http::get(server.http, &format!("/ping/{}/fresh?create=1", server.home.key("ping_key"))).await;
    assert_eq!((created.status, created.header("ping-body-limit")), (201, Some("10000")));
    Ok(())
}

async fn rotated_and_deleted_tokens_look_like_unknown_ones() -> Shown {
    use suites::support::wait::{secs, until};
    let server = Server::start().await;
    let (rotated, deleted) =
        (server.create("rotated", &["--period", "1h"]).await, server.create("deleted", &["--period", "1h"]).await);
    let unknown = http::get(server.http, &format!("/ping/{NOT_OURS}")).await;
    server.qp(&["monitor", "rotate-token", "rotated"]).await;
    let fresh = server.known("rotated").await;
    assert_ne!(fresh.path, rotated.path);
    server.ping(&fresh, "").await;
    server.qp(&["monitor", "delete", "deleted"]).await;
    for dead in [&rotated, &deleted] {
        let reply = until("the old URL is dead within 30 s", secs(31), async || {
            Some(http::get(server.http, &dead.path).await).filter(|reply| reply.status == 404)
        });
        assert!(same(&reply.await, &unknown), "{}", dead.slug);
    }
    let again = http::get(server.http, &format!("/ping/{}/deleted?create=1", server.home.key("ping_key"))).await;
    assert_eq!((again.status, again.text().as_str()), (201, "Created"));
    assert_eq!(http::get(server.http, &deleted.path).await.status, 404, "a new monitor has a new URL");
    assert_ne!(server.known("deleted").await.path, deleted.path);
    Ok(())
}

async fn paused_monitors_hear_and_do_not_alert() -> Shown {
    use suites::support::wait::{holds, secs};
    let server = Server::start().await;
    let monitor = server.create("paused", &["--period", "1s", "--grace", "0s", "--manual-resume"]).await;
    server.ping(&monitor, "").await;
    server.qp(&["monitor", "pause", "paused"]).await;
    server.ping(&monitor, "/fail").await;
    holds("stays paused", secs(6), async || server.status("paused").await == "paused").await;
    let pings = server.until_pings("paused", 2).await;
    assert_ne!(pings[0]["ignored"], "", "answered, stored, and shown as ignored: {pings:#?}");
    assert!(server.transitions_of("paused", "monitor.down").await.is_empty());
    server.qp(&["monitor", "resume", "paused"]).await;
    assert_eq!(server.status("paused").await, "new");
    Ok(())
}

async fn check(server: &Server, table: &[Line]) {
    for (path, status, text) in table {
        let reply = http::get(server.http, path).await;
        assert_eq!((reply.status, reply.text().as_str()), (*status, *text), "GET {path}");
    }
}

fn same(a: &Reply, b: &Reply) -> bool {
    (a.status, &a.body, a.header("content-type"), a.header("cache-control"))
        == (b.status, &b.body, b.header("content-type"), b.header("cache-control"))
}

fn token(monitor: &Monitor) -> String {
    monitor.path.rsplit('/').next().expect("a token").to_owned()
}

/// The same with its last character changed: right in shape, wrong in its checksum.
fn flipped(text: &str) -> String {
    let (head, last) = text.split_at(text.len() - 1);
    format!("{head}{}", if last == "0" { "1" } else { "0" })
}
