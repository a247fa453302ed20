//! The first minutes with the product.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use suites::cases;
use suites::support::runner::Shown;
use suites::support::server::Server;
use suites::support::tools::{require, succeed};
use suites::support::wait::secs;

cases! {
    the_printed_line_makes_a_monitor_that_is_up,
    silence_is_one_line_on_stdout_and_the_next_ping_ends_it,
    the_keys_are_shown_once_and_kept_for_the_owner,
}

async fn the_printed_line_makes_a_monitor_that_is_up() -> Shown {
    require("curl", &["--version"]).await?;
    let server = Server::start().await;
    let line = printed_line(&server);
    assert_eq!(succeed("bash", &["-c", &line], &[]).await, "Created");
    let monitor = server.monitor("hello").await;
    assert_eq!((&monitor["slug"], &monitor["status"]), (&"hello".into(), &"up".into()), "{monitor:#}");
    assert_eq!((&monitor["period"], &monitor["grace"]), (&"60s".into(), &"30s".into()), "{monitor:#}");
    assert_eq!(succeed("bash", &["-c", &line], &[]).await, "OK", "the second time it exists");
    Ok(())
}

async fn silence_is_one_line_on_stdout_and_the_next_ping_ends_it() -> Shown {
    require("curl", &["--version"]).await?;
    let server = Server::start().await;
    let line = printed_line(&server)
        .replace("/hello?", "/short?")
        .replace("period=1m", "period=1s")
        .replace("grace=30s", "grace=1s");
    assert_eq!(succeed("bash", &["-c", &line], &[]).await, "Created");
    let alert = server.line("an alert about `short`", secs(15), |line| is_about(line, "DOWN")).await;
    let down = server.until_transition("short", "monitor.down", "missed", secs(5)).await;
    let due: jiff::Timestamp = down["expectedAt"].as_str().expect("expectedAt").parse().expect("a time");
    let late = Duration::try_from(alert.at.duration_since(due)).expect("told after it was due");
    // Grace 1 s, W 3 s, and 2 s for the verdict and the way to the log.
    assert!(late <= secs(1 + 3 + 2), "told {late:?} after it was due");
    assert_eq!(server.status("short").await, "down");

    assert_eq!(succeed("bash", &["-c", &line], &[]).await, "OK");
    server.line("an all-clear about `short`", secs(5), |line| is_about(line, "UP")).await;
    server.until_transition("short", "monitor.up", "recovered", secs(5)).await;
    let told = server.lines().iter().filter(|line| is_about(&line.text, "DOWN") && line.at <= alert.at).count();
    assert_eq!(told, 1, "one line for one verdict");
    Ok(())
}

async fn the_keys_are_shown_once_and_kept_for_the_owner() -> Shown {
    let server = Server::start().await;
    let first: Vec<String> = server.lines().into_iter().map(|line| line.text).collect();
    let (api_key, ping_key) = (server.home.key("api_key"), server.home.key("ping_key"));
    assert!(
        first.iter().any(|line| line.contains(&api_key)) && first.iter().any(|line| line.contains(&ping_key)),
        "{first:?}"
    );
    let mode = std::fs::metadata(server.home.data().join("keys.toml")).expect("keys.toml").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let ready = std::fs::read_to_string(server.home.data().join("ready.json")).expect("ready.json");
    let ready: serde_json::Value = serde_json::from_str(&ready).expect("JSON");
    let expected = (
        server.http.to_string().into(),
        server.grpc.to_string().into(),
        server.admin.to_string().into(),
        server.pid().into(),
    );
    assert_eq!((ready["http"].clone(), ready["grpc"].clone(), ready["admin"].clone(), ready["pid"].clone()), expected);

    let home = std::sync::Arc::clone(&server.home);
    assert_eq!(server.term().await.code(), Some(0));
    assert!(!home.data().join("ready.json").exists(), "the file goes away on exit");
    let again = home.start().await;
    assert!(again.lines().iter().all(|line| !line.text.contains(&api_key)), "{:?}", again.lines());
    Ok(())
}

/// The line that the first start prints, whatever stands around it.
fn printed_line(server: &Server) -> String {
    let lines = server.lines();
    let line = lines.iter().find_map(|line| Some(line.text[line.text.find("curl ")?..].trim().to_owned()));
    line.unwrap_or_else(|| panic!("no line to paste in {lines:?}"))
}

fn is_about(line: &str, word: &str) -> bool {
    line.contains(word) && line.contains("short") && !line.contains("curl ")
}
