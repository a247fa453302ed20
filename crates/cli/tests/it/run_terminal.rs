//! `qp run` on a terminal: the job may read from it, and Ctrl-C reaches it once.

use crate::{qp, wait_until};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};

/// A job on a terminal of its own. The other side types, and sees what is shown.
struct Terminal {
    keys: File,
    shown: Arc<Mutex<String>>,
    qp: Child,
}

impl Terminal {
    fn start(dir: &Path, script: &str) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = || File::options().read(true).write(true).open(&path).unwrap();
        // util-linux's setsid makes the terminal on stdin the controlling one of a new session.
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait"]).arg(qp(dir).get_program()).args(["run", "--", "sh", "-c", script]);
        command.env_clear().env("PATH", "/usr/bin:/bin").current_dir(dir);
        let qp = command.stdin(slave()).stdout(slave()).stderr(slave()).spawn().unwrap();
        let shown: Arc<Mutex<String>> = Arc::default();
        let (keys, screen, list) = (File::from(master.try_clone().unwrap()), File::from(master), shown.clone());
        std::thread::spawn(move || collect(screen, &list));
        Self { keys, shown, qp }
    }

    fn wait_for(&self, text: &str) {
        wait_until(text, || self.shown().contains(text));
    }

    fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    fn end(&mut self) -> Option<i32> {
        wait_until("the end", || self.qp.try_wait().unwrap().is_some());
        self.qp.wait().unwrap().code()
    }
}

fn collect(mut screen: File, shown: &Mutex<String>) {
    let mut buffer = [0; 1_000];
    while let Ok(count @ 1..) = screen.read(&mut buffer) {
        shown.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..count]));
    }
}

#[test]
fn the_job_reads_from_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let mut terminal = Terminal::start(dir.path(), "echo ready; read word; echo got-$word; exit 4");
    terminal.wait_for("ready");
    terminal.keys.write_all(b"hello\n").unwrap();
    terminal.wait_for("got-hello");
    assert_eq!(terminal.end(), Some(4));
}

#[test]
fn control_c_reaches_the_job_once() {
    let dir = tempfile::tempdir().unwrap();
    let script = "trap 'n=$((n+1))' INT; n=0; echo ready; while [ $n = 0 ]; do sleep 0.05; done; sleep 0.5; echo $n-times; exit 6";
    let mut terminal = Terminal::start(dir.path(), script);
    terminal.wait_for("ready");
    terminal.keys.write_all(b"\x03").unwrap();
    terminal.wait_for("-times");
    assert_eq!(terminal.end(), Some(6));
    assert!(terminal.shown().contains("1-times"), "{}", terminal.shown());
}
