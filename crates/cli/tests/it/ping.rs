//! `qp ping`: URLs, keys, answers and exit codes.

use crate::fake::Fake;
use crate::http::Server;
use crate::{closed_port, code, json, qp, qp_with, stderr, stdout};
use std::io::Write;
use std::process::Stdio;

const TOKEN: &str = "0190e0f4-1f2b-8c3d-9e4f-5a6b7c8d9e0f";
const RID: &str = "6f0d3c1e-8a43-4c6e-9a0d-0f6f2f3f5a11";

#[test]
fn kinds_and_words_stand_in_the_url() {
    let server = Server::new();
    for (kind, path) in
        [("success", ""), ("start", "/start"), ("fail", "/fail"), ("log", "/log"), ("3", "/3"), ("0", "/0")]
    {
        let output = qp_with(&["ping", TOKEN, kind, "--ping-url", &server.url]);
        assert_eq!((code(&output), stdout(&output).as_str()), (0, "OK\n"));
        assert_eq!(server.seen().last().unwrap().path, format!("/ping/{TOKEN}{path}"));
    }
    let words = [
        "--rid",
        RID,
        "--metric",
        "count=3",
        "--metric",
        "rate:0.5",
        "--msg",
        "a b",
        "--duration",
        "1.5s",
        "--host",
        "h",
    ];
    qp_with(&[&["ping", TOKEN, "--ping-url", &server.url][..], &words].concat());
    let query = server.seen().last().unwrap().raw_query.clone();
    assert_eq!(query, format!("rid={RID}&duration=1.500&metric=count%3A3&metric=rate%3A0.5&msg=a+b&host=h"));
}

#[test]
fn a_slug_takes_key_and_address_from_the_data_directory() {
    let server = Server::new();
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("quietpulse-data")).unwrap();
    let http = server.url.trim_start_matches("http://");
    let ready = format!(r#"{{"http":"{http}","grpc":"{}","admin":"127.0.0.1:1","pid":1}}"#, closed_port());
    std::fs::write(dir.path().join("quietpulse-data/ready.json"), ready).unwrap();
    std::fs::write(dir.path().join("quietpulse-data/keys.toml"), "api_key = \"a\"\nping_key = \"pk\"\n").unwrap();
    let output =
        qp(dir.path()).args(["ping", "backup", "--create", "--period", "1m", "--grace", "30s"]).output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let seen = server.seen();
    assert_eq!(
        (seen[0].path.as_str(), seen[0].raw_query.as_str()),
        ("/ping/pk/backup", "create=1&period=1m&grace=30s")
    );
}

#[test]
fn variables_win_over_files_and_flags_over_variables() {
    let (flag, variable) = (Server::new(), Server::new());
    let dir = tempfile::tempdir().unwrap();
    let ping = || {
        let mut ping = qp(dir.path());
        ping.env("QUIETPULSE_PING_URL", &variable.url).env("QUIETPULSE_PING_KEY", "vk").args(["ping", "backup"]);
        ping
    };
    assert_eq!(code(&ping().output().unwrap()), 0);
    assert_eq!(variable.seen()[0].path, "/ping/vk/backup");
    assert_eq!(code(&ping().args(["--ping-url", &flag.url]).output().unwrap()), 0);
    assert_eq!((flag.seen().len(), variable.seen().len()), (1, 1));
}

#[test]
fn with_only_a_grpc_address_the_server_is_asked_for_the_url() {
    let server = Server::new();
    let fake = Fake::start();
    fake.set_ping_url(&format!("{}/ping/{TOKEN}", server.url));
    let output = qp_with(&["--url", &fake.address, "--api-key", "k", "ping", "backup", "fail"]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(server.seen()[0].path, format!("/ping/{TOKEN}/fail"));
}

#[test]
fn the_body_comes_from_a_file_or_stdin() {
    let server = Server::new();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("log"), b"from \xff file").unwrap();
    qp(dir.path()).args(["ping", TOKEN, "--ping-url", &server.url, "--data", "log"]).output().unwrap();
    assert_eq!(server.seen()[0].body, b"from \xff file");
    let mut piped = qp(dir.path());
    piped.args(["ping", TOKEN, "--ping-url", &server.url, "--data", "-"]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut piped = piped.spawn().unwrap();
    piped.stdin.take().unwrap().write_all(b"from stdin").unwrap();
    assert!(piped.wait().unwrap().success());
    assert_eq!(server.seen()[1].body, b"from stdin");
}

#[test]
fn a_refusal_is_1_and_silence_is_69() {
    let server = Server::answering(|_| "HTTP/1.1 400 Bad Request\r\nContent-Length: 11\r\n\r\ngrace: soon".to_owned());
    let refused = qp_with(&["ping", TOKEN, "--ping-url", &server.url]);
    assert_eq!(code(&refused), 1);
    assert!(stderr(&refused).contains("400: grace: soon") && !stderr(&refused).contains(TOKEN), "{}", stderr(&refused));
    let place = closed_port();
    let away = qp_with(&["ping", TOKEN, "--ping-url", &place, "--retry-for", "100ms"]);
    assert_eq!(code(&away), 69);
    assert!(stderr(&away).contains(&place) && !stderr(&away).contains(TOKEN), "{}", stderr(&away));
}

#[test]
fn the_answer_is_there_as_json() {
    let server = Server::new();
    let output = qp_with(&["ping", TOKEN, "--ping-url", &server.url, "--json"]);
    assert_eq!(json(&output), serde_json::json!({"status": 200, "reply": "OK"}));
}
