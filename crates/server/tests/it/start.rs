//! The first start, the next one, and starts that must not happen.

use crate::harness::{Server, eventually, get, quietpulse, said_by};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_first_start_says_ready_shows_keys_once_and_takes_the_pasted_ping() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let server = Server::start(&data, &[]);
    let line = format!("ready http={} grpc={} admin={}", server.http, server.grpc, server.admin);
    assert_eq!(server.stdout().lines().next(), Some(line.as_str()));

    let ready: serde_json::Value = serde_json::from_str(&fs::read_to_string(data.join("ready.json")).unwrap()).unwrap();
    assert_eq!(ready["http"], server.http);
    assert_eq!(ready["grpc"], server.grpc);
    assert_eq!(ready["admin"], server.admin);
    assert_eq!(ready["pid"], server.pid());

    assert_eq!(
        (mode(&data), mode(&data.join("keys.toml")), mode(&data.join("installation.toml"))),
        (0o700, 0o600, 0o600)
    );
    let (api_key, ping_key) = server.keys();
    let path = format!("/ping/{ping_key}/hello?create=1&period=1m&grace=30s");
    let paste = format!("curl -fsS 'http://{}{path}'", server.http);
    eventually("the line to paste", || server.stdout().contains(&paste).then_some(()));
    assert_eq!(server.stdout().matches(&api_key).count(), 1);
    assert!(matches!(get(&server.http, &path), (200 | 201, _)));
    server.stop();
    assert!(!data.join("ready.json").exists());

    let server = Server::start(&data, &[]);
    assert_eq!(server.keys(), (api_key, ping_key));
    server.stop();
}

#[test]
fn the_next_start_shows_no_key() {
    let directory = tempfile::tempdir().unwrap();
    Server::start(directory.path(), &[]).stop();
    let server = Server::start(directory.path(), &[]);
    // The end comes after all that a start says.
    let keys = server.keys();
    let output = server.stdout();
    server.stop();
    assert!(!output.contains(&keys.0) && !output.contains(&keys.1), "{output}");
}

#[test]
fn a_json_start_speaks_json_only() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(directory.path(), &["--log-format", "json"]);
    let (_, ping_key) = server.keys();
    assert!(get(&server.http, &format!("/ping/{ping_key}/backup/fail?create=1")).0 < 300);
    let said =
        eventually("the alert", || server.stdout().lines().find(|line| line.contains("\"alert\"")).map(str::to_owned));
    let alert: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!((&alert["alert"], &alert["monitor"]), (&"monitor.down".into(), &"backup".into()), "{said}");
    assert!(alert["text"].as_str().unwrap().starts_with("DOWN backup: reported a failure at "), "{said}");
    assert!(alert["url"].as_str().unwrap().ends_with("/m/backup") && alert["at"].is_string(), "{said}");
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0));
    let lines = server.stdout() + &server.stderr();
    assert!(lines.lines().count() >= 3, "{lines}");
    for line in lines.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
}

#[test]
fn a_second_process_is_refused_and_leaves_the_first_alone() {
    let directory = tempfile::tempdir().unwrap();
    let first = Server::start(directory.path(), &[]);
    let mut second = Server::spawn(directory.path(), &[]);
    assert_eq!(second.ended().code(), Some(1));
    let stderr = second.stderr();
    let line = stderr.lines().last().unwrap();
    assert!(line.contains(directory.path().to_str().unwrap()), "{line}");
    assert!(line.contains(&first.pid().to_string()), "{line}");
    assert!(directory.path().join("ready.json").exists());
    assert_eq!(get(&first.admin, "/healthz").0, 200);
    first.stop();
}

#[test]
fn a_port_in_use_is_named_before_anything_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("data");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (flag, setting) in [("--http", "http.listen"), ("--grpc", "grpc.listen"), ("--admin", "admin.listen")] {
        let mut command = quietpulse(&["serve", "--data-dir", data.to_str().unwrap()]);
        for other in ["--http", "--grpc", "--admin"] {
            command.args([other, if other == flag { &address } else { "127.0.0.1:0" }]);
        }
        let refused = said_by(command);
        assert_eq!(refused.status, Some(1));
        assert!(refused.last_line().starts_with(&format!("error: {setting} {address}: ")), "{}", refused.stderr);
    }
    assert!(!data.exists());
}

#[test]
fn damaged_secrets_are_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    Server::start(directory.path(), &[]).stop();
    let refused = |name: &str, text: &str| {
        let path = directory.path().join(name);
        let good = fs::read_to_string(&path).unwrap();
        fs::write(&path, text).unwrap();
        let mut server = Server::spawn(directory.path(), &[]);
        assert_eq!(server.ended().code(), Some(1));
        fs::write(&path, good).unwrap();
        server.stderr().lines().last().unwrap().to_owned()
    };
    assert!(refused("keys.toml", "api_key = \"x\"\n").contains("keys.toml: damaged"));
    assert!(refused("keys.toml", "api_key = \"x\"\nping_key = \"y\"\n").contains("keys.toml: ping_key was not issued"));
    assert!(refused("installation.toml", "").contains("installation.toml: damaged"));
    fs::remove_file(directory.path().join("installation.toml")).unwrap();
    let mut server = Server::spawn(directory.path(), &[]);
    assert_eq!(server.ended().code(), Some(1));
    assert!(server.stderr().contains("but no installation.toml"), "{}", server.stderr());
}

#[test]
fn the_number_of_shards_is_fixed_by_the_first_start() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("q.toml");
    let data = directory.path().join("data");
    fs::write(&config, "[log]\nshards = 2\n").unwrap();
    let config = config.to_str().unwrap();
    Server::start(&data, &["--config", config]).stop();
    Server::start(&data, &[]).stop();
    fs::write(config, "[log]\nshards = 3\n").unwrap();
    let mut server = Server::spawn(&data, &["--config", config]);
    assert_eq!(server.ended().code(), Some(2));
    assert!(
        server.stderr().contains("line 2: log.shards: found 3, but this data_dir was made with 2"),
        "{}",
        server.stderr()
    );
}

#[test]
fn a_killed_server_starts_again() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(directory.path(), &[]);
    server.signal("KILL");
    server.ended();
    let left: serde_json::Value =
        serde_json::from_slice(&fs::read(directory.path().join("ready.json")).unwrap()).unwrap();
    let again = Server::start(directory.path(), &[]);
    let now: serde_json::Value =
        serde_json::from_slice(&fs::read(directory.path().join("ready.json")).unwrap()).unwrap();
    assert_ne!(left["pid"], now["pid"]);
    assert_eq!(now["pid"], again.pid());
    again.stop();
}
