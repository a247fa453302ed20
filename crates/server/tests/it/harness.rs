//! Starts the binary in a directory of its own, on free ports, and reads what it says.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(40);

/// A command on the binary, without variables of the machine that runs the test.
pub fn quietpulse(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quietpulse"));
    let ours =
        std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("QUIETPULSE_"));
    for name in ours {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::null());
    command
}

/// What a command said, and how it ended.
pub struct Said {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Said {
    /// The last line on stderr.
    pub fn last_line(&self) -> &str {
        self.stderr.lines().last().unwrap_or_default()
    }
}

/// Runs a command to its end.
pub fn said(arguments: &[&str]) -> Said {
    said_by(quietpulse(arguments))
}

/// As [`said`], for a command with variables of its own.
pub fn said_by(mut command: Command) -> Said {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Said { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// Waits for `what` to give something.
pub fn eventually<T>(name: &str, mut what: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = what() {
            return found;
        }
        assert!(start.elapsed() < DEADLINE, "never came: {name}");
        sleep(Duration::from_millis(10));
    }
}

/// A running server. It is killed when dropped.
pub struct Server {
    child: Child,
    /// Where its output goes.
    output: tempfile::TempDir,
    pub data_dir: PathBuf,
    pub http: String,
    pub grpc: String,
    pub admin: String,
}

impl Server {
    /// Starts on `data_dir` with more arguments, and waits for the ready line.
    pub fn start(data_dir: &Path, more: &[&str]) -> Self {
        let mut server = Self::spawn(data_dir, more);
        let line = eventually("the ready line", || {
            assert!(server.child.try_wait().unwrap().is_none(), "ended early: {}", server.stderr());
            server.stdout().lines().find(|line| line.contains("http=") || line.contains("\"http\"")).map(str::to_owned)
        });
        let address = |name: &str| match serde_json::from_str::<serde_json::Value>(&line) {
            Ok(json) => json[name].as_str().unwrap().to_owned(),
            Err(_) => line.split(' ').find_map(|part| part.strip_prefix(&format!("{name}="))).unwrap().to_owned(),
        };
        (server.http, server.grpc, server.admin) = (address("http"), address("grpc"), address("admin"));
        server
    }

    /// Starts without waiting.
    pub fn spawn(data_dir: &Path, more: &[&str]) -> Self {
        let output = tempfile::tempdir().unwrap();
        let file = |name: &str| File::create(output.path().join(name)).unwrap();
        let free = ["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
        let mut command = quietpulse(&["serve", "--data-dir", data_dir.to_str().unwrap()]);
        command.args(free).args(more).stdout(file("stdout")).stderr(file("stderr"));
        let child = command.spawn().unwrap();
        let none = String::new;
        Self { child, output, data_dir: data_dir.to_owned(), http: none(), grpc: none(), admin: none() }
    }

    pub fn stdout(&self) -> String {
        fs::read_to_string(self.output.path().join("stdout")).unwrap()
    }

    pub fn stderr(&self) -> String {
        fs::read_to_string(self.output.path().join("stderr")).unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("sh").arg("-c").arg(format!("kill -{name} {}", self.pid())).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for the end.
    pub fn ended(&mut self) -> ExitStatus {
        eventually("the end of the server", || self.child.try_wait().unwrap())
    }

    /// SIGTERM, and the orderly end.
    pub fn stop(mut self) {
        self.signal("TERM");
        assert_eq!(self.ended().code(), Some(0), "{}", self.stderr());
    }

    /// `api_key` and `ping_key` of keys.toml.
    pub fn keys(&self) -> (String, String) {
        let text = fs::read_to_string(self.data_dir.join("keys.toml")).unwrap();
        let value = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            line.split('"').nth(1).unwrap().to_owned()
        };
        (value("api_key"), value("ping_key"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// One GET: status and body.
pub fn get(address: &str, path: &str) -> (u16, String) {
    request(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
}

/// One request as written: status and body.
pub fn request(address: &str, text: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(text.as_bytes()).unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    let status =
        reply.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no status: {reply}"));
    (status, reply.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
}
