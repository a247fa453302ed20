//! `qp run`: what QuietPulse is told, and that its absence costs the job nothing but a bounded wait.

use crate::http::{Seen, Server};
use crate::{closed_port, code, qp, stderr, stdout};
use std::net::TcpListener;
use std::process::Output;
use std::time::{Duration, Instant};

const TOKEN: &str = "0190e0f4-1f2b-8c3d-9e4f-5a6b7c8d9e0f";

fn run(server: &str, flags: &[&str], command: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    let mut qp = qp(dir.path());
    qp.args(["run", "--monitor", TOKEN, "--ping-url", server]).args(flags).arg("--").args(command);
    qp.output().unwrap()
}

fn start_and_finish(server: &Server) -> (Seen, Seen) {
    let seen = server.seen();
    assert_eq!(seen.len(), 2, "{seen:?}");
    (seen[0].clone(), seen[1].clone())
}

#[test]
fn start_and_outcome_share_a_run_id() {
    let server = Server::new();
    let output = run(&server.url, &[], &["sh", "-c", "echo hello; exit 3"]);
    assert_eq!((code(&output), stdout(&output).as_str(), stderr(&output).as_str()), (3, "hello\n", ""));
    let (start, finish) = start_and_finish(&server);
    assert_eq!((start.method.as_str(), start.path), ("POST", format!("/ping/{TOKEN}/start")));
    assert_eq!((finish.method.as_str(), finish.path), ("POST", format!("/ping/{TOKEN}/3")));
    assert_eq!(start.query["rid"], finish.query["rid"]);
    assert_eq!(start.query["rid"].len(), 36);
    assert_eq!((start.body, finish.body), (Vec::new(), b"hello\n".to_vec()));
    let duration: f64 = finish.query["duration"].parse().unwrap();
    assert!((0.0..60.0).contains(&duration));
    assert!(!start.query.contains_key("duration"));
}

#[test]
fn each_run_has_its_own_id() {
    let server = Server::new();
    run(&server.url, &[], &["true"]);
    run(&server.url, &[], &["true"]);
    let seen = server.seen();
    assert_ne!(seen[0].query["rid"], seen[2].query["rid"]);
}

#[test]
fn the_body_is_the_end_of_both_streams_within_the_servers_limit() {
    let server = Server::new();
    let script = "seq 1 5000; sleep 0.2; echo the very end >&2";
    assert_eq!(code(&run(&server.url, &[], &["sh", "-c", script])), 0);
    let (_, finish) = start_and_finish(&server);
    assert_eq!(String::from_utf8(finish.body).unwrap(), "99\n5000\nthe very end\n"[1..].to_owned());
}

#[test]
fn metrics_come_from_the_output() {
    let server = Server::new();
    let flags = ["--metric", "count:copied ([0-9]+) files", "--metric", "rate:[0-9.]+$", "--metric", "none:absent"];
    let output =
        run(&server.url, &flags, &["sh", "-c", "echo copied 3 files; echo copied 12 files; echo rate 0.5 >&2"]);
    assert_eq!(code(&output), 0);
    let (_, finish) = start_and_finish(&server);
    assert!(finish.raw_query.contains("metric=count%3A12"), "{}", finish.raw_query);
    assert!(finish.raw_query.contains("metric=rate%3A0.5"), "{}", finish.raw_query);
    assert!(!finish.raw_query.contains("none"), "{}", finish.raw_query);
}

#[test]
fn a_timeout_and_a_missing_command_are_reported() {
    let server = Server::new();
    assert_eq!(code(&run(&server.url, &["--timeout", "100ms"], &["sleep", "64"])), 124);
    let (_, finish) = start_and_finish(&server);
    assert_eq!(finish.path, format!("/ping/{TOKEN}/124"));
    let server = Server::new();
    assert_eq!(code(&run(&server.url, &[], &["no-such-command"])), 127);
    let seen = server.seen();
    assert_eq!((seen.len(), seen[0].path.as_str()), (1, format!("/ping/{TOKEN}/127").as_str()));
}

#[test]
fn the_monitor_may_come_from_the_environment_and_as_a_url() {
    let server = Server::new();
    let dir = tempfile::tempdir().unwrap();
    let url = format!("{}/ping/key/backup?create=1", server.url);
    let output = qp(dir.path()).env("QUIETPULSE_MONITOR", &url).args(["run", "--", "true"]).output().unwrap();
    assert_eq!((code(&output), stderr(&output).as_str()), (0, ""));
    let (start, finish) = start_and_finish(&server);
    assert_eq!((start.path.as_str(), finish.path.as_str()), ("/ping/key/backup/start", "/ping/key/backup/0"));
    assert_eq!((start.query["create"].as_str(), finish.query["create"].as_str()), ("1", "1"));
}

#[test]
fn a_busy_server_is_asked_again() {
    let busy = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    let fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";
    let server = Server::answering(move |before| if before == 0 { busy } else { fine }.to_owned());
    assert_eq!(stderr(&run(&server.url, &[], &["sh", "-c", "sleep 1"])), "");
    let paths: Vec<String> = server.seen().into_iter().map(|seen| seen.path).collect();
    let path = |kind: &str| format!("/ping/{TOKEN}/{kind}");
    assert_eq!(paths, [path("start"), path("start"), path("0")]);
}

#[test]
fn a_refusal_is_one_line_without_the_token() {
    let server = Server::answering(|_| "HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found".to_owned());
    let output = run(&server.url, &[], &["sh", "-c", "exit 5"]);
    assert_eq!(code(&output), 5);
    one_line(&output, "refused with 404: not found");
}

#[test]
fn a_server_that_is_away_costs_a_bounded_wait_and_one_line() {
    let began = Instant::now();
    let output =
        run(&format!("http://{}", closed_port()), &["--report-within", "1s"], &["sh", "-c", "echo out; exit 5"]);
    assert_eq!((code(&output), stdout(&output).as_str()), (5, "out\n"));
    one_line(&output, "not reported");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[test]
fn a_server_that_hangs_costs_a_bounded_wait_and_one_line() {
    // Connections are taken by the kernel and never answered.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let began = Instant::now();
    let output = run(&url, &["--report-within", "1s"], &["sh", "-c", "exit 5"]);
    assert_eq!(code(&output), 5);
    one_line(&output, "no answer in time");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[test]
fn the_job_does_not_wait_for_the_start() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let mut command = qp(dir.path());
    command.args(["run", "-m", TOKEN, "--ping-url", &url, "--report-within", "30s", "--", "sh", "-c", "echo x > ran"]);
    let mut qp = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    crate::wait_until("the job", || dir.path().join("ran").exists());
    assert!(began.elapsed() < Duration::from_secs(5));
    // It is now waiting to report; a signal ends that, with the job's code.
    let pid = rustix::process::Pid::from_raw(qp.id().try_into().unwrap()).unwrap();
    crate::wait_until("the end", || {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        qp.try_wait().unwrap().is_some()
    });
    let code = qp.wait().unwrap().code();
    // The signal may have met the job itself in its last moment.
    assert!(matches!(code, Some(0 | 143)), "{code:?}");
}

fn one_line(output: &Output, part: &str) {
    let text = stderr(output);
    assert!(text.starts_with("qp: not reported: ") && text.contains(part), "{text}");
    assert!(text.lines().count() == 1 && !text.contains(TOKEN), "{text}");
}
