//! `quietpulse admin`, with a server and without one.

use crate::harness::{Said, Server, get, quietpulse, said, said_by};
use std::path::Path;

fn admin(data: &Path, arguments: &[&str]) -> Said {
    let mut all = vec!["admin", "--data-dir", data.to_str().unwrap()];
    all.extend(arguments);
    said(&all)
}

fn ok(said: Said) -> String {
    assert_eq!(said.status, Some(0), "{}", said.stderr);
    said.stdout
}

#[test]
fn keys_are_made_listed_and_revoked_on_a_running_server_and_on_a_sleeping_one() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    keys_live_and_die(directory.path());
    server.stop();
    keys_live_and_die(directory.path());
}

fn keys_live_and_die(data: &Path) {
    let key = ok(admin(data, &["key", "create", "ci of ours", "--scope", "read"])).trim().to_owned();
    let prefix = key.split('_').take(2).collect::<Vec<_>>().join("_");
    let line = |said: String| said.lines().find(|line| line.contains(&prefix)).unwrap_or_default().to_owned();
    let listed = line(ok(admin(data, &["key", "list"])));
    assert!(listed.contains("read") && listed.contains("active") && listed.contains("ci of ours"), "{listed}");
    assert!(!listed.contains(&key));
    ok(admin(data, &["key", "revoke", &prefix]));
    assert!(line(ok(admin(data, &["key", "list"]))).contains("revoked"));
    assert_eq!(admin(data, &["key", "revoke", "qpk_nobodyss"]).status, Some(1));
    let refused = admin(data, &["key", "create", "x", "--scope", "king"]);
    assert_eq!(refused.status, Some(2));
    assert!(refused.last_line().contains("--scope"), "{}", refused.stderr);
}

#[test]
fn a_server_is_named_by_address_and_key() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let (api_key, _) = server.keys();
    let asked = |key: &str| {
        let mut command = quietpulse(&["admin", "key", "list"]);
        command.env("QUIETPULSE_URL", &server.grpc).env("QUIETPULSE_API_KEY", key);
        said_by(command)
    };
    assert!(ok(asked(&api_key)).contains("admin"));
    let refused = asked("qpk_wrong");
    assert_eq!(refused.status, Some(1));
    assert!(refused.last_line().contains(&server.grpc) && !refused.stderr.contains("qpk_wrong"), "{}", refused.stderr);
    let grpc = server.grpc.clone();
    server.stop();
    let away = said(&["admin", "key", "list", "--url", &grpc, "--api-key", &api_key]);
    assert_eq!(away.status, Some(1));
    assert!(away.last_line().contains(&grpc) && away.last_line().contains("refused"), "{}", away.stderr);
}

#[test]
fn a_backup_is_a_directory_a_server_starts_from() {
    let directory = tempfile::tempdir().unwrap();
    let (data, live, asleep) =
        (directory.path().join("data"), directory.path().join("live"), directory.path().join("asleep"));
    let server = Server::start(&data, &[]);
    let keys = server.keys();
    assert!(get(&server.http, &format!("/ping/{}/kept?create=1", keys.1)).0 < 300);
    ok(admin(&data, &["backup", live.to_str().unwrap()]));
    let refused = admin(&data, &["backup", live.to_str().unwrap()]);
    assert_eq!(refused.status, Some(1));
    assert!(refused.last_line().contains("is not empty"), "{}", refused.stderr);
    server.stop();
    ok(admin(&data, &["backup", asleep.to_str().unwrap()]));
    for copy in [live, asleep] {
        let server = Server::start(&copy, &[]);
        assert_eq!(server.keys(), keys);
        // The slug is known without create: the copy holds the monitor.
        assert_eq!(get(&server.http, &format!("/ping/{}/kept", keys.1)).0, 200);
        assert!(ok(admin(&copy, &["key", "list"])).contains("first start"));
        server.stop();
    }
}

#[test]
fn a_directory_that_is_no_installation_is_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let refused = admin(directory.path(), &["key", "list"]);
    assert_eq!(refused.status, Some(1));
    assert!(refused.last_line().contains("installation.toml"), "{}", refused.stderr);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}
