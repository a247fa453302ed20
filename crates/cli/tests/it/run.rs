//! `qp run`: what the job writes and how it ends are the job's own.

use crate::{closed_port, code, qp, stderr, stdout, wait_until};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// `qp run` without a monitor; the one line that says so is left out of stderr.
fn run(dir: &Path, flags: &[&str], command: &[&str]) -> Output {
    let mut output = qp(dir).arg("run").args(flags).arg("--").args(command).output().unwrap();
    let warning = b"qp: not reported: no monitor is named; give --monitor or QUIETPULSE_MONITOR\n";
    let at = output.stderr.windows(warning.len()).position(|part| part == warning).expect("the warning");
    output.stderr.drain(at..at + warning.len());
    output
}

fn exit_code(command: &[&str]) -> i32 {
    let dir = tempfile::tempdir().unwrap();
    code(&run(dir.path(), &[], command))
}

#[test]
fn the_exit_code_is_the_commands() {
    for wanted in [0, 1, 3, 69, 255] {
        assert_eq!(exit_code(&["sh", "-c", &format!("exit {wanted}")]), wanted);
    }
}

#[test]
fn what_cannot_be_run_ends_as_in_a_shell() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("plain.txt"), "text").unwrap();
    let absent = run(dir.path(), &[], &["no-such-command"]);
    assert_eq!(code(&absent), 127);
    assert!(stderr(&absent).contains("no-such-command"), "{}", stderr(&absent));
    assert_eq!(code(&run(dir.path(), &[], &["./plain.txt"])), 126);
    assert_eq!(code(&run(dir.path(), &[], &["/"])), 126);
}

#[test]
fn a_command_killed_by_a_signal_is_128_and_the_signal() {
    assert_eq!(exit_code(&["sh", "-c", "kill -9 $$"]), 137);
    assert_eq!(exit_code(&["sh", "-c", "kill -TERM $$"]), 143);
}

#[test]
fn a_script_without_a_first_line_is_run_by_sh() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("job");
    std::fs::write(&script, "echo \"got $1\"\nexit 7\n").unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let by_path = run(dir.path(), &[], &["./job", "one"]);
    assert_eq!((code(&by_path), stdout(&by_path).as_str()), (7, "got one\n"));
}

#[test]
fn every_byte_passes_through() {
    let dir = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(dir.path().join("bytes"), &bytes).unwrap();
    let output = run(dir.path(), &["--metric", "n:never in there"], &["sh", "-c", "cat bytes; cat bytes >&2"]);
    assert_eq!(code(&output), 0);
    assert!(output.stdout == bytes && output.stderr == bytes);
}

#[test]
fn output_comes_while_the_command_runs() {
    let dir = tempfile::tempdir().unwrap();
    let script = "printf half; while [ ! -e go ]; do sleep 0.02; done; printf ' whole'";
    let mut qp = qp(dir.path()).args(["run", "--", "sh", "-c", script]).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = qp.stdout.take().unwrap();
    let mut half = [0; 4];
    out.read_exact(&mut half).unwrap();
    assert_eq!(&half, b"half");
    assert!(qp.try_wait().unwrap().is_none());
    std::fs::write(dir.path().join("go"), "").unwrap();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, " whole");
    assert!(qp.wait().unwrap().success());
}

#[test]
fn stdin_is_the_callers() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("in"), "from stdin").unwrap();
    let stdin = std::fs::File::open(dir.path().join("in")).unwrap();
    let output = qp(dir.path()).args(["run", "--", "cat"]).stdin(stdin).output().unwrap();
    assert_eq!(stdout(&output), "from stdin");
}

#[test]
fn a_closed_stdin_stdout_and_stderr_break_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let line = format!("exec <&- >&- 2>&-; '{}' run -- sh -c 'echo x > ran; exit 5'", env!("CARGO_BIN_EXE_qp"));
    let status = Command::new("/bin/sh").args(["-c", &line]).env_clear().current_dir(dir.path()).status().unwrap();
    assert_eq!(status.code(), Some(5));
    assert!(dir.path().join("ran").exists());
}

#[test]
fn a_reader_that_goes_away_ends_the_command_as_it_would_without_us() {
    let dir = tempfile::tempdir().unwrap();
    let mut qp =
        qp(dir.path()).args(["run", "--", "yes"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut out = qp.stdout.take().unwrap();
    out.read_exact(&mut [0; 10]).unwrap();
    drop(out);
    wait_until("the end", || qp.try_wait().unwrap().is_some());
    assert_eq!(qp.wait().unwrap().code(), Some(128 + 13));
}

#[test]
fn a_full_disk_does_not_end_the_command() {
    let dir = tempfile::tempdir().unwrap();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let script = "i=0; while [ $i -lt 500 ]; do echo line; i=$((i+1)); done; exit 9";
    let output = qp(dir.path()).args(["run", "--", "sh", "-c", script]).stdout(full).output().unwrap();
    assert_eq!(code(&output), 9);
    assert!(stderr(&output).contains("cannot be passed on"), "{}", stderr(&output));
}

#[test]
fn what_is_left_in_the_background_does_not_hold_us() {
    let dir = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let output = run(dir.path(), &[], &["sh", "-c", "echo done; (sleep 30; echo late) & exit 4"]);
    assert_eq!((code(&output), stdout(&output).as_str()), (4, "done\n"));
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_timeout_ends_the_command_and_its_children_with_124() {
    let dir = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let output = run(dir.path(), &["--timeout", "300ms"], &["sh", "-c", "sleep 61 & echo $! > child; wait"]);
    assert_eq!(code(&output), 124);
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    wait_until("the child's end", || !is_alive(dir.path()));
}

#[test]
fn a_command_that_ignores_the_timeout_is_killed() {
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--timeout", "200ms", "--kill-after", "200ms"];
    let output =
        run(dir.path(), &flags, &["sh", "-c", "trap '' TERM; sleep 62 & echo $! > child; while :; do wait; done"]);
    assert_eq!(code(&output), 124);
    wait_until("the child's end", || !is_alive(dir.path()));
}

#[test]
fn a_command_within_its_time_keeps_its_code() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(code(&run(dir.path(), &["--timeout", "1m"], &["sh", "-c", "exit 6"])), 6);
}

#[test]
fn without_capture_the_output_is_ours() {
    let dir = tempfile::tempdir().unwrap();
    let output = run(dir.path(), &["--no-capture"], &["sh", "-c", "echo out; echo err >&2; exit 2"]);
    assert_eq!((code(&output), stdout(&output).as_str(), stderr(&output).as_str()), (2, "out\n", "err\n"));
}

#[test]
fn a_monitor_that_makes_no_sense_does_not_stop_the_job() {
    let dir = tempfile::tempdir().unwrap();
    let place = format!("http://{}", closed_port());
    let output = qp(dir.path())
        .args(["run", "-m", "Not A Slug", "--ping-url", &place, "--", "sh", "-c", "exit 8"])
        .output()
        .unwrap();
    assert_eq!(code(&output), 8);
    assert!(stderr(&output).starts_with("qp: not reported: --monitor: not a monitor"), "{}", stderr(&output));
}

/// Whether the process whose number the job wrote to `child` still runs; a zombie does not.
fn is_alive(dir: &Path) -> bool {
    let pid = std::fs::read_to_string(dir.join("child")).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.trim().is_empty() && !rest.trim().starts_with('Z'))
}
