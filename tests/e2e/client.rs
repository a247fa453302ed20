//! What `qp` and `quietpulse admin` print for scripts, and how they end.

use serde_json::Value;
use std::process::Stdio;
use suites::cases;
use suites::support::binaries;
use suites::support::runner::Shown;
use suites::support::server::Server;
use suites::support::tools;
use suites::support::wait::{secs, until};
use tokio::io::{AsyncBufReadExt, BufReader};

cases! {
    every_end_has_its_exit_code,
    an_incident_is_listed_and_acknowledging_ends_its_reminders,
    watch_prints_one_object_a_line,
    a_list_is_filtered_and_a_pause_ends_by_itself,
    an_update_changes_what_it_names_and_loses_no_race,
    next_runs_follow_the_clock_of_their_zone,
    a_ping_by_slug_token_and_url_is_the_same,
    keys_have_scopes_and_can_be_revoked,
    a_channel_may_be_named_like_its_kind,
    a_new_tool_needs_no_words_about_where_the_server_is,
}

async fn every_end_has_its_exit_code() -> Shown {
    let server = Server::start().await;
    server.create("job", &["--period", "1h"]).await;
    let table: [(&[&str], i32, &str); 7] = [
        (&["monitor", "get", "job"], 0, ""),
        (&["monitor", "get", "nobody"], 1, "slug"),
        (&["monitor", "create", "job"], 1, "slug"),
        (&["monitor", "create", "x", "--period", "soon"], 2, "--period"),
        (&["monitor", "frobnicate"], 2, "frobnicate"),
        (&["--url", "127.0.0.1:1", "monitor", "list"], 69, "127.0.0.1:1"),
        (&["--api-key", "qpk_nobody", "monitor", "list"], 1, "key"),
    ];
    for (arguments, code, named) in table {
        let output = server.qp_output(arguments).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(named), "{arguments:?}: {named} is not named by: {said}");
    }
    let home = server.kill().await;
    let output = home.qp(&["monitor", "list"]).output().await.expect("it runs");
    assert_eq!(output.status.code(), Some(69), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

async fn an_incident_is_listed_and_acknowledging_ends_its_reminders() -> Shown {
    let server = Server::start().await;
    for slug in ["heard", "unheard"] {
        let monitor = server.create(slug, &["--period", "1h", "--remind-every", "1m"]).await;
        server.ping(&monitor, "/fail").await;
        server.until_status(slug, "down", secs(5)).await;
    }
    let open = server.qp(&["incident", "list"]).await;
    let slugs = (open.as_array().map(Vec::len), &open[0]["slug"], &open[1]["slug"]);
    assert_eq!(slugs, (Some(2), &"heard".into(), &"unheard".into()), "oldest first: {open:#}");
    assert_eq!((&open[0]["reason"], &open[0]["id"]), (&"failed".into(), &server.monitor("heard").await["incidentId"]));
    server.qp(&["incident", "ack", "heard"]).await;
    assert_eq!(server.monitor("heard").await["acknowledged"], true);
    // Both were due for a reminder within the same second.
    server.until_transition("unheard", "monitor.reminder", "failed", secs(75)).await;
    suites::support::wait::holds("nobody reminds of what was acknowledged", secs(3), async || {
        server.transitions_of("heard", "monitor.reminder").await.is_empty()
    })
    .await;
    let monitor = server.known("heard").await;
    server.ping(&monitor, "").await;
    until("it is closed", secs(5), async || {
        Some(server.qp(&["incident", "list"]).await).filter(|open| open.as_array().is_some_and(|open| open.len() == 1))
    })
    .await;
    Ok(())
}

async fn watch_prints_one_object_a_line() -> Shown {
    let server = Server::start().await;
    let monitor = server.create("job", &["--period", "1h"]).await;
    let mut watch = server.home.qp(&["--json", "watch"]).stdout(Stdio::piped()).spawn().expect("qp runs");
    let mut lines = BufReader::new(watch.stdout.take().expect("piped")).lines();
    // It begins when it begins: go on changing until it tells.
    let first = async {
        loop {
            server.ping(&monitor, "/fail").await;
            server.ping(&monitor, "").await;
            if let Ok(line) = tokio::time::timeout(secs(1), lines.next_line()).await {
                break line.expect("readable").expect("a line");
            }
        }
    };
    let first = tokio::time::timeout(secs(20), first).await.expect("a line in time");
    let told: Value = serde_json::from_str(&first).expect("one object a line");
    assert_eq!(told["slug"], "job");
    assert!(
        told["type"] == "monitor.down" || told["type"] == "monitor.up" || told["type"] == "monitor.changed",
        "{told:#}"
    );
    let _home = server.kill().await;
    let ended = tokio::time::timeout(secs(20), watch.wait()).await.expect("it ends with its server").expect("a child");
    assert_eq!(ended.code(), Some(69));
    Ok(())
}

async fn a_list_is_filtered_and_a_pause_ends_by_itself() -> Shown {
    let server = Server::start().await;
    let down = server.create("a", &["--period", "1h", "--tag", "db", "--tag", "night"]).await;
    server.create("b", &["--period", "1h", "--tag", "db"]).await;
    server.create("c", &["--period", "1h"]).await;
    server.ping(&down, "/fail").await;
    server.qp(&["monitor", "pause", "c", "--for", "3s"]).await;
    let slugs = async |arguments: &[&str]| -> Vec<String> {
        let list = server.qp(&[&["monitor", "list"], arguments].concat()).await;
        let mut slugs: Vec<String> =
            list.as_array().expect("a list").iter().map(|one| one["slug"].as_str().expect("slug").to_owned()).collect();
        slugs.sort();
        slugs
    };
    assert_eq!(slugs(&[]).await, ["a", "b", "c"]);
    assert_eq!(slugs(&["--tag", "db"]).await, ["a", "b"]);
    assert_eq!(slugs(&["--tag", "db", "--tag", "night"]).await, ["a"]);
    assert_eq!(slugs(&["--status", "down"]).await, ["a"]);
    assert_eq!(slugs(&["--status", "paused"]).await, ["c"]);
    assert!(server.monitor("c").await["pausedUntil"].is_string());
    server.until_status("c", "new", secs(15)).await;
    server.qp(&["monitor", "delete", "b"]).await;
    assert_eq!(slugs(&[]).await, ["a", "c"]);
    assert_eq!(server.qp_output(&["monitor", "get", "b"]).await.status.code(), Some(1));
    Ok(())
}

async fn an_update_changes_what_it_names_and_loses_no_race() -> Shown {
    let server = Server::start().await;
    server.create("job", &["--period", "1h", "--grace", "5m", "--tag", "db", "--name", "Job"]).await;
    let before = server.monitor("job").await;
    let version = before["version"].to_string();
    server.qp(&["monitor", "update", "job", "--grace", "10m", "--if-version", &version]).await;
    let after = server.monitor("job").await;
    assert_eq!(
        (&after["grace"], &after["period"], &after["tags"], &after["name"]),
        (&"600s".into(), &before["period"], &before["tags"], &"Job".into())
    );
    let stale = server.qp_output(&["monitor", "update", "job", "--grace", "20m", "--if-version", &version]).await;
    assert_eq!(stale.status.code(), Some(1), "somebody else was first");
    assert_eq!(server.monitor("job").await["grace"], "600s");
    server.qp(&["monitor", "update", "job", "--cron", "0 3 * * *", "--tz", "Europe/Berlin", "--clear", "tags"]).await;
    let cron = server.monitor("job").await;
    assert_eq!(
        (&cron["cron"], &cron["tags"], cron.get("period")),
        (&"0 3 * * *".into(), &serde_json::json!([]), None),
        "{cron:#}"
    );
    Ok(())
}

async fn next_runs_follow_the_clock_of_their_zone() -> Shown {
    // Needs no server: expressions are computed here.
    let next = async |arguments: &[&str]| -> Value {
        let qp = binaries::qp().display().to_string();
        let text =
            tools::succeed(&qp, &[&["--json", "next"], arguments].concat(), &[("QUIETPULSE_DATA_DIR", "/nonexistent")])
                .await;
        serde_json::from_str(&text).expect("an array")
    };
    let spring = next(&["30 3 * * *", "--tz", "Europe/Riga", "--from", "2026-03-28T12:00:00Z", "-n", "2"]).await;
    assert_eq!(
        spring,
        serde_json::json!(["2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]),
        "the gap is moved to its end"
    );
    let autumn = next(&["30 3 * * *", "--tz", "Europe/Riga", "--from", "2026-10-24T12:00:00Z", "-n", "2"]).await;
    assert_eq!(
        autumn,
        serde_json::json!(["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]),
        "the double hour fires once"
    );
    let calendar =
        next(&["Mon..Fri 07:30", "--oncalendar", "--tz", "UTC", "--from", "2026-11-27T08:00:00Z", "-n", "1"]).await;
    assert_eq!(calendar, serde_json::json!(["2026-11-30T07:30:00Z"]));
    Ok(())
}

async fn a_ping_by_slug_token_and_url_is_the_same() -> Shown {
    let server = Server::start().await;
    let monitor = server.create("job", &["--period", "1h"]).await;
    let token = monitor.path.rsplit('/').next().expect("a token");
    let slug_url = format!("http://{}/ping/{}/job", server.http, server.home.key("ping_key"));
    for target in ["job", token, &monitor.ping_url, &slug_url] {
        let answer = server.qp(&["ping", target, "3", "--metric", "count=4", "--msg", "from qp"]).await;
        assert_eq!((&answer["status"], &answer["reply"]), (&200.into(), &"OK".into()));
    }
    let pings = server.until_pings("job", 4).await;
    assert!(
        pings.iter().all(|ping| ping["exitCode"] == 3 && ping["msg"] == "from qp" && ping["metrics"]["count"] == 4.0),
        "{pings:#?}"
    );
    let refused = server.qp_output(&["ping", "nobody"]).await;
    assert_eq!(refused.status.code(), Some(1), "{}", String::from_utf8_lossy(&refused.stderr));
    let made = server.qp(&["ping", "fresh", "--create", "--period", "5m", "--grace", "1m"]).await;
    assert_eq!((&made["status"], &made["reply"]), (&201.into(), &"Created".into()));
    assert_eq!(server.monitor("fresh").await["period"], "300s");
    Ok(())
}

async fn keys_have_scopes_and_can_be_revoked() -> Shown {
    let server = Server::start().await;
    server.create("job", &["--period", "1h"]).await;
    let data = server.home.data().display().to_string();
    let admin = async |arguments: &[&str]| -> String {
        let quietpulse = binaries::quietpulse().display().to_string();
        tools::succeed(&quietpulse, &[&["admin", "--data-dir", &data], arguments].concat(), &[]).await
    };
    let key = admin(&["key", "create", "reader", "--scope", "read"]).await.trim().to_owned();
    server.home.secret(&key);
    let code =
        async |arguments: &[&str]| server.qp_output(&[&["--api-key", &key], arguments].concat()).await.status.code();
    assert_eq!(code(&["monitor", "list"]).await, Some(0));
    assert_eq!(code(&["monitor", "delete", "job"]).await, Some(1), "it may only read");
    assert_eq!(server.status("job").await, "new", "and nothing was deleted");
    let list = admin(&["key", "list"]).await;
    let line = list.lines().find(|line| line.contains("reader")).unwrap_or_else(|| panic!("no reader in {list}"));
    let prefix =
        line.split_whitespace().find(|word| key.starts_with(word)).unwrap_or_else(|| panic!("no prefix in {line}"));
    assert!(!list.contains(&key), "a key is shown once");
    admin(&["key", "revoke", prefix]).await;
    until("the key is worthless", secs(31), async || (code(&["monitor", "list"]).await == Some(1)).then_some(())).await;
    Ok(())
}

async fn a_channel_may_be_named_like_its_kind() -> Shown {
    let server = Server::start().await;
    for (name, kind, url) in
        [("slack", "slack", "https://example.org/1"), ("email", "webhook", "https://example.org/2")]
    {
        let made = server.qp(&["channel", "create", name, kind, "--url", url]).await;
        assert_eq!((&made["name"], &made["kind"]), (&name.into(), &kind.into()));
        server.qp(&["channel", "update", name, kind, "--url", "https://example.org/3"]).await;
        assert_eq!(server.qp(&["channel", "get", name]).await["kind"], kind);
    }
    Ok(())
}

async fn a_new_tool_needs_no_words_about_where_the_server_is() -> Shown {
    let server = Server::start().await;
    // In the server's own directory `qp` needs nothing at all.
    let mut command = tokio::process::Command::new(binaries::qp());
    std::os::unix::fs::symlink(server.home.data(), server.home.root().join("quietpulse-data")).expect("a link");
    command.env_remove("QUIETPULSE_DATA_DIR").current_dir(server.home.root()).args(["--json", "monitor", "list"]);
    let output = command.output().await.expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "[]");
    // Elsewhere two variables are enough.
    let mut command = tokio::process::Command::new(binaries::qp());
    command.env("QUIETPULSE_URL", server.grpc.to_string()).env("QUIETPULSE_API_KEY", server.home.key("api_key"));
    let output =
        command.current_dir("/").args(["monitor", "create", "far", "--period", "1h"]).output().await.expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(server.status("far").await, "new");
    Ok(())
}
