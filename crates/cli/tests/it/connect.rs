//! Finding the server and its key.

use crate::fake::Fake;
use crate::{closed_port, code, json, qp, qp_with, stderr};

#[test]
fn a_server_that_is_not_there_is_69_and_named() {
    let place = closed_port();
    for command in
        [&["monitor", "list"][..], &["channel", "list"], &["incident", "list"], &["watch"], &["next", "backup"]]
    {
        let output = qp_with(&[&["--url", &place][..], command].concat());
        assert_eq!(code(&output), 69, "{command:?}");
        assert!(stderr(&output).contains(&place), "{}", stderr(&output));
    }
}

#[test]
fn the_data_directory_is_enough() {
    let fake = Fake::start();
    let dir = tempfile::tempdir().unwrap();
    let ready = format!(r#"{{"http":"127.0.0.1:1","grpc":"{}","admin":"127.0.0.1:1","pid":1}}"#, fake.address);
    std::fs::write(dir.path().join("ready.json"), ready).unwrap();
    std::fs::write(dir.path().join("keys.toml"), "api_key = \"from-file\"\nping_key = \"p\"\n").unwrap();
    let output =
        qp(dir.path()).env("QUIETPULSE_DATA_DIR", dir.path()).args(["monitor", "get", "backup", "--json"]).output();
    assert_eq!(json(&output.unwrap())["slug"], "backup");
    assert_eq!(fake.last_key(), "Bearer from-file");
}

#[test]
fn flags_win_over_variables() {
    let fake = Fake::start();
    let dir = tempfile::tempdir().unwrap();
    let get = |args: &[&str]| {
        let mut get = qp(dir.path());
        get.env("QUIETPULSE_URL", &fake.address).env("QUIETPULSE_API_KEY", "from-variable");
        assert_eq!(code(&get.args(["monitor", "get", "backup"]).args(args).output().unwrap()), 0);
        fake.last_key()
    };
    assert_eq!(get(&[]), "Bearer from-variable");
    assert_eq!(get(&["--api-key", "from-flag"]), "Bearer from-flag");
    let mut away = qp(dir.path());
    away.env("QUIETPULSE_URL", &fake.address).args(["monitor", "get", "backup", "--url", &closed_port()]);
    assert_eq!(code(&away.output().unwrap()), 69);
}

#[test]
fn a_missing_key_is_explained() {
    let fake = Fake::start();
    let output = qp_with(&["--url", &fake.address, "monitor", "get", "locked"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("QUIETPULSE_API_KEY"), "{}", stderr(&output));
}

#[test]
fn a_damaged_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("ready.json"), "{").unwrap();
    let output = qp(dir.path()).args(["--data-dir", ".", "monitor", "list"]).output().unwrap();
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("ready.json"), "{}", stderr(&output));
}
