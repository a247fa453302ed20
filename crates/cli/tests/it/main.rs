//! The built `qp` as people and crontabs run it: against real processes, a small HTTP server and fake gRPC
//! services of this test's own, with an environment as bare as cron's.

mod channel;
mod connect;
mod fake;
mod http;
mod monitor;
mod next;
mod ping;
mod run;
mod run_report;
mod run_signals;
mod run_terminal;
mod usage;

use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// `qp` in `dir`, with nothing in its environment but a path, and no stdin.
fn qp(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_qp"));
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").current_dir(dir).stdin(Stdio::null());
    command
}

/// Runs `qp` with `args` in an empty directory.
fn qp_with(args: &[&str]) -> Output {
    let dir = tempfile::tempdir().unwrap();
    qp(dir.path()).args(args).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("qp was killed: {output:?}"))
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    assert_eq!(code(output), 0, "{}", stderr(output));
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", stdout(output)))
}

/// An address of this machine where nobody listens.
fn closed_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Waits until `holds` does, ten seconds at most.
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < until, "{what}: not within ten seconds");
        std::thread::sleep(Duration::from_millis(10));
    }
}
