//! What operators and tenants should not configure, and what no port should show.

use suites::cases;
use suites::support::binaries;
use suites::support::http;
use suites::support::runner::Shown;
use suites::support::server::{Home, Server};
use suites::support::settings::Settings;

cases! {
    the_public_port_shows_nothing_of_the_inside,
    bad_configuration_is_one_clear_line,
    bad_monitors_are_refused_by_field,
}

async fn the_public_port_shows_nothing_of_the_inside() -> Shown {
    let server = Server::start().await;
    let monitor = server.create("job", &["--period", "1h"]).await;
    for path in ["/metrics", "/healthz", "/readyz", "/debug/pprof", "/.env", "/keys.toml", "/../keys.toml"] {
        let reply = http::get(server.http, path).await;
        assert_eq!(reply.status, 404, "{path}: {}", reply.text());
    }
    assert_eq!(http::get(server.admin, "/healthz").await.status, 200);
    server.until_ready().await;
    let metrics = server.metrics().await;
    for name in ["ingest_requests_total", "build_info", "ingest_ack_seconds"] {
        assert!(metrics.contains(name), "no {name} in the metrics");
    }
    // L2: a metric's labels hold no monitor and no token.
    let token = monitor.path.rsplit('/').next().expect("a token");
    assert!(!metrics.contains(token) && !metrics.contains("\"job\""));
    server.ping(&monitor, "").await;
    Ok(())
}

async fn bad_configuration_is_one_clear_line() -> Shown {
    let base = Settings::default;
    let table = [
        (base().text("http.listne", "x"), "listne"),
        (base().raw("http.body_limit", "\"a lot\""), "body_limit"),
        (base().raw("log.shards", "0"), "shards"),
        (base().text("http.listen", "nowhere"), "http.listen"),
        (base().raw("notifier.egress_allow", "[\"300.0.0.0/8\"]"), "egress_allow"),
        (base().text("smtp.server", "127.0.0.1:25"), "smtp"),
        (base().text("engine.append_timeout", "1ms"), "append_timeout"),
        (base().variable("QUIETPULSE_HTTP_LISTNE", "x"), "QUIETPULSE_HTTP_LISTNE"),
    ];
    let first = Home::new(base()).await;
    for (settings, named) in table {
        let home = first.beside(settings);
        let (code, last) = home.refused().await;
        assert_eq!(code, Some(2), "{named}: {last}");
        assert!(last.contains(named), "{named} is not in: {last}");
        assert!(!home.data().join("installation.toml").exists(), "{named}: nothing was made");
        if home.settings.variables.is_empty() {
            let mut check = tokio::process::Command::new(binaries::quietpulse());
            let output =
                check.args(["config", "check"]).arg(home.root().join("config.toml")).output().await.expect("it runs");
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.code() == Some(2) && said.contains(named), "config check: {named}: {said}");
        }
    }
    let empty = first.beside(base());
    std::fs::write(empty.root().join("config.toml"), "").expect("a file of no bytes");
    let (code, last) = empty.refused().await;
    assert!(code == Some(2) && last.contains("empty"), "{code:?} {last}");
    Ok(())
}

async fn bad_monitors_are_refused_by_field() -> Shown {
    let server = Server::start().await;
    let monitor = server.create("job", &["--period", "1h"]).await;
    let (long, tags) = ("x".repeat(10_000), "1,".repeat(10_000));
    let table: Vec<(&str, Vec<&str>)> = vec![
        ("slug", vec!["UPPER"]),
        ("slug", vec!["a b"]),
        ("slug", vec![&long]),
        ("slug", vec!["job"]),
        ("name", vec!["n1", "--name", &long]),
        ("name", vec!["n2", "--name", "a\u{1b}[2Jb"]),
        ("cron", vec!["c1", "--cron", "*/0 * * * *"]),
        ("cron", vec!["c2", "--cron", "60 * * * *"]),
        ("cron", vec!["c3", "--cron", "10-5 * * * *"]),
        ("cron", vec!["c4", "--cron", &tags]),
        ("cron", vec!["c5", "--cron", "@reboot"]),
        ("cron", vec!["c6", "--cron", "0 0 31 2 *"]),
        ("tz", vec!["z1", "--cron", "0 0 * * *", "--tz", "Mars/Phobos"]),
        ("tz", vec!["z2", "--cron", "0 0 * * *", "--tz", "../../etc/passwd"]),
        ("oncalendar", vec!["o1", "--oncalendar", "*-*-* 25:00"]),
        ("grace", vec!["g1", "--period", "1m", "--grace", "367d"]),
        ("period", vec!["p1", "--period", "367d"]),
        ("assertion", vec!["a1", "--assert", "count >>= 1; drop table"]),
        ("tags", vec!["t1", "--tag", &long]),
        ("channel", vec!["h1", "--channel", "no-such-channel"]),
    ];
    for (field, flags) in table {
        let output = server.qp_output(&[&["monitor", "create"], flags.as_slice()].concat()).await;
        let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
        assert!(matches!(output.status.code(), Some(1 | 2)), "{field}: {:?}: {said}", output.status);
        assert!(said.contains(field), "{field} is not named by: {said}");
    }
    server.create("leap", &["--cron", "0 0 29 2 *"]).await;
    assert!(server.monitor("leap").await["cron"] == "0 0 29 2 *");
    server.ping(&monitor, "").await;
    Ok(())
}
