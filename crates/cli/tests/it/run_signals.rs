//! `qp run`: signals reach the job.

use crate::{qp, wait_until};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

/// A job under `qp run` that has said `ready`.
struct Running {
    qp: Child,
    out: BufReader<ChildStdout>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut qp = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(qp.stdout.take().unwrap());
        let mut running = Self { qp, out };
        assert_eq!(running.line(), "ready");
        running
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn send(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.qp.id().try_into().unwrap()).unwrap(), signal).unwrap();
    }

    fn code(mut self) -> Option<i32> {
        wait_until("the end", || self.qp.try_wait().unwrap().is_some());
        self.qp.wait().unwrap().code()
    }
}

fn job(dir: &Path, script: &str) -> Command {
    let mut command = qp(dir);
    command.args(["run", "--", "sh", "-c", script]);
    command
}

/// A job that answers `name` with a line, and goes on until it has one more.
fn answering(name: &str) -> String {
    format!("trap 'echo got {name}; exit 42' {name}; echo ready; while :; do sleep 0.05; done")
}

#[test]
fn each_signal_is_passed_on() {
    let signals = [
        ("HUP", Signal::HUP),
        ("INT", Signal::INT),
        ("QUIT", Signal::QUIT),
        ("TERM", Signal::TERM),
        ("USR1", Signal::USR1),
        ("USR2", Signal::USR2),
        ("ALRM", Signal::ALARM),
        ("WINCH", Signal::WINCH),
    ];
    for (name, signal) in signals {
        let dir = tempfile::tempdir().unwrap();
        let mut running = Running::start(job(dir.path(), &answering(name)));
        running.send(signal);
        assert_eq!(running.line(), format!("got {name}"));
        assert_eq!(running.code(), Some(42), "{name}");
    }
}

#[test]
fn a_job_that_dies_of_the_signal_gives_its_number() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(job(dir.path(), "echo ready; exec sleep 63"));
    running.send(Signal::TERM);
    assert_eq!(running.code(), Some(128 + 15));
}

#[test]
fn the_whole_group_of_the_job_gets_it() {
    let dir = tempfile::tempdir().unwrap();
    let script = format!("sh -c \"{}\" & trap 'wait; exit 43' TERM; wait", answering("TERM"));
    let mut running = Running::start(job(dir.path(), &script));
    running.send(Signal::TERM);
    assert_eq!(running.line(), "got TERM");
    assert_eq!(running.code(), Some(43));
}

#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let script = "echo ready; while [ ! -e go ]; do sleep 0.02; done; exit 44";
    let line = format!("trap '' HUP; exec '{}' run -- sh -c '{script}'", env!("CARGO_BIN_EXE_qp"));
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &line]).env_clear().env("PATH", "/usr/bin:/bin").current_dir(dir.path()).stdin(Stdio::null());
    let running = Running::start(command);
    running.send(Signal::HUP);
    std::fs::write(dir.path().join("go"), "").unwrap();
    assert_eq!(running.code(), Some(44));
}

#[test]
fn in_the_foreground_the_command_stays_in_our_group() {
    let dir = tempfile::tempdir().unwrap();
    let group = |flag: &[&str]| {
        let script = "cut -d' ' -f5 /proc/$$/stat; cut -d' ' -f5 /proc/$PPID/stat";
        let output = qp(dir.path()).arg("run").args(flag).args(["--", "sh", "-c", script]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut lines = text.lines().map(str::to_owned);
        (lines.next().unwrap(), lines.next().unwrap())
    };
    let (own, ours) = group(&[]);
    assert_ne!(own, ours);
    let (own, ours) = group(&["--foreground"]);
    assert_eq!(own, ours);
}

#[test]
fn a_signal_to_the_job_and_us_at_once_is_still_reported() {
    use std::os::unix::process::CommandExt;
    for _ in 0..5 {
        let server = crate::http::Server::new();
        let dir = tempfile::tempdir().unwrap();
        let mut command = qp(dir.path());
        let monitor = format!("{}/ping/key/backup", server.url);
        command.args(["run", "--foreground", "-m", &monitor, "--", "sh", "-c", "echo ready; exec sleep 65"]);
        command.process_group(0);
        let running = Running::start(command);
        kill_process_group(Pid::from_raw(running.qp.id().try_into().unwrap()).unwrap(), Signal::TERM).unwrap();
        assert_eq!(running.code(), Some(128 + 15));
        assert_eq!(server.seen().last().unwrap().path, "/ping/key/backup/143");
    }
}
