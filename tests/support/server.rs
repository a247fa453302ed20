//! A real server: its directory, its process, and what it said.
//!
//! A [`Home`] is a data directory with its configuration; processes come and go in it. When it goes, everything
//! its processes logged is searched for secrets and panics; [`findings`] tells what was found.

use super::binaries;
use super::runner::lock;
use super::settings::Settings;
use super::wait::{secs, until, within};
use std::collections::BTreeSet;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Installations at once: two cores are enough for so many that mostly wait.
static SLOTS: Semaphore = Semaphore::const_new(5);
static FINDINGS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(60);
/// How long the drain may take (F46).
pub const DRAIN: Duration = Duration::from_secs(30);

/// What the logs of all servers so far held that no log may hold.
pub fn findings() -> Vec<String> {
    lock(&FINDINGS).clone()
}

/// A data directory, and all there is to know about it.
pub struct Home {
    /// Holds `data/`, `config.toml` and the processes' stderr.
    root: tempfile::TempDir,
    pub settings: Settings,
    secrets: Mutex<BTreeSet<String>>,
    _slot: Option<SemaphorePermit<'static>>,
}

/// A line of stdout and when it came.
#[derive(Clone, Debug)]
pub struct Line {
    pub at: jiff::Timestamp,
    pub text: String,
}

/// A process that is ready.
pub struct Server {
    pub home: Arc<Home>,
    pub http: SocketAddr,
    pub grpc: SocketAddr,
    pub admin: SocketAddr,
    child: Child,
    lines: Arc<Mutex<Vec<Line>>>,
}

impl Home {
    /// A new directory. Waits until few enough others are in use.
    pub async fn new(settings: Settings) -> Arc<Self> {
        let slot = SLOTS.acquire().await.expect("never closed");
        Self::make(settings, Some(slot))
    }

    /// Another directory for a case that holds one already; it shares its slot.
    pub fn beside(&self, settings: Settings) -> Arc<Self> {
        Self::make(settings, None)
    }

    fn make(settings: Settings, slot: Option<SemaphorePermit<'static>>) -> Arc<Self> {
        let parent = binaries::target().join("tmp").join("e2e");
        std::fs::create_dir_all(&parent).expect("a place for data directories");
        let root = tempfile::Builder::new().prefix("home-").tempdir_in(parent).expect("a data directory");
        std::fs::write(root.path().join("config.toml"), settings.toml()).expect("the configuration");
        Arc::new(Self { root, settings, secrets: Mutex::default(), _slot: slot })
    }

    pub fn data(&self) -> PathBuf {
        self.root.path().join("data")
    }

    /// For files of the case.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// All that every process of this home wrote to stderr.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.root.path().join("stderr.log")).unwrap_or_default()).into_owned()
    }

    /// Something that must never be logged.
    pub fn secret(&self, secret: &str) {
        assert!(secret.len() >= 8, "too short to search for: {secret}");
        lock(&self.secrets).insert(secret.to_owned());
    }

    /// A value of `keys.toml`.
    pub fn key(&self, name: &str) -> String {
        let text = std::fs::read_to_string(self.data().join("keys.toml")).expect("keys.toml");
        let found = text.lines().find_map(|line| {
            line.strip_prefix(name)?.trim().strip_prefix('=')?.trim().strip_prefix('"')?.strip_suffix('"')
        });
        found.unwrap_or_else(|| panic!("no {name} in keys.toml")).to_owned()
    }

    /// The command that starts a server here; nothing is started yet.
    pub fn command(&self) -> Command {
        let mut command = limited(&binaries::quietpulse(), self.settings.open_files);
        let log =
            File::options().append(true).create(true).open(self.root.path().join("stderr.log")).expect("stderr.log");
        command
            .arg("serve")
            .arg("--config")
            .arg(self.root.path().join("config.toml"))
            .arg("--data-dir")
            .arg(self.data());
        command.envs(self.settings.variables.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
        command
    }

    /// Starts a server that must refuse; its exit status and the last line it said.
    pub async fn refused(&self) -> (Option<i32>, String) {
        let mut command = self.command();
        let output = tokio::time::timeout(START, command.output()).await.expect("it ends by itself").expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said.lines().last().unwrap_or_default().to_owned())
    }

    /// Starts a server and waits until it is ready.
    pub async fn start(self: &Arc<Self>) -> Server {
        let mut child = self.command().spawn().expect("the server starts");
        let lines = collect(child.stdout.take().expect("stdout is piped"));
        let ready = within(START, async || {
            if let Some(status) = child.try_wait().expect("a child") {
                panic!("the server ended with {status} before it was ready:\n{}", tail(&self.stderr()));
            }
            lock(&lines).iter().find_map(|line| addresses(&line.text))
        });
        let Some((http, grpc, admin)) = ready.await else {
            panic!("the server was not ready within {START:?}:\n{}", tail(&self.stderr()));
        };
        self.secret(&self.key("api_key"));
        self.secret(&self.key("ping_key"));
        Server { home: Arc::clone(self), http, grpc, admin, child, lines }
    }

    /// What must not be in the log and is.
    pub fn leaks(&self) -> Vec<String> {
        let log = self.stderr();
        let leaked = |secret: &String| {
            let line = log.lines().find(|line| line.contains(secret.as_str()))?;
            Some(format!("a secret stands in this line: {}", line.replace(secret.as_str(), "[SECRET]")))
        };
        let mut leaks: Vec<String> = lock(&self.secrets).iter().filter_map(leaked).collect();
        leaks.extend(log.lines().filter(|line| line.contains("panicked")).map(|line| format!("a panic: {line}")));
        leaks
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let leaks = self.leaks();
        let is_evidence = std::thread::panicking() || !leaks.is_empty();
        lock(&FINDINGS).extend(leaks);
        if is_evidence {
            self.root.disable_cleanup(true);
            eprintln!("--- {}\n{}", self.root.path().display(), tail(&self.stderr()));
        }
    }
}

impl Server {
    /// A server with the settings of every case, in a directory of its own.
    pub async fn start() -> Self {
        Self::with(Settings::default()).await
    }

    pub async fn with(settings: Settings) -> Self {
        Home::new(settings).await.start().await
    }

    pub fn pid(&self) -> u32 {
        self.child.id().expect("the server runs")
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_none()
    }

    /// `kill -9`. Returns when the process is gone.
    pub async fn kill(mut self) -> Arc<Home> {
        self.child.kill().await.expect("SIGKILL");
        Arc::clone(&self.home)
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let status = std::process::Command::new("kill").args(["-s", name, &self.pid().to_string()]).status();
        assert!(status.expect("kill runs").success(), "the server is gone already");
    }

    /// SIGTERM, and how the process ended.
    pub async fn term(mut self) -> ExitStatus {
        self.signal("TERM");
        self.ended().await
    }

    /// How the process ends, within the drain's time.
    pub async fn ended(&mut self) -> ExitStatus {
        let ended = tokio::time::timeout(DRAIN, self.child.wait()).await;
        ended.expect("the server drains in time").expect("a child")
    }

    /// `kill -9` and a new start in the same directory.
    pub async fn restart(self) -> Self {
        self.kill().await.start().await
    }

    /// What came on stdout so far.
    pub fn lines(&self) -> Vec<Line> {
        lock(&self.lines).clone()
    }

    /// Waits for a line of stdout.
    pub async fn line(&self, what: &str, patience: Duration, matches: impl Fn(&str) -> bool) -> Line {
        until(what, patience, async || self.lines().into_iter().find(|line| matches(&line.text))).await
    }

    /// The text of a metric's samples at the admin port.
    pub async fn metrics(&self) -> String {
        super::http::get(self.admin, "/metrics").await.text()
    }

    /// Waits until the process says that it can do its job.
    pub async fn until_ready(&self) {
        until("readyz", secs(20), async || (super::http::get(self.admin, "/readyz").await.status == 200).then_some(()))
            .await;
    }
}

/// The program, started by a shell that lowers the limit first and then becomes it.
fn limited(program: &Path, open_files: Option<u32>) -> Command {
    let Some(most) = open_files else { return Command::new(program) };
    let mut command = Command::new("bash");
    command.args(["-c", &format!("ulimit -n {most} && exec \"$0\" \"$@\"")]).arg(program);
    command
}

fn collect(stdout: ChildStdout) -> Arc<Mutex<Vec<Line>>> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    tokio::spawn(async move {
        let mut reader = BufReader::new(stdout).lines();
        while let Ok(Some(text)) = reader.next_line().await {
            lock(&kept).push(Line { at: jiff::Timestamp::now(), text });
        }
    });
    lines
}

/// `ready http=ADDR grpc=ADDR admin=ADDR`, or the same fields as JSON.
fn addresses(line: &str) -> Option<(SocketAddr, SocketAddr, SocketAddr)> {
    if let Ok(fields) = serde_json::from_str::<serde_json::Value>(line) {
        let field =
            |name: &str| fields.get("event").filter(|event| *event == "ready").and(fields[name].as_str()?.parse().ok());
        return Some((field("http")?, field("grpc")?, field("admin")?));
    }
    let mut words = line.strip_prefix("ready ")?.split(' ');
    let mut next = |name: &str| words.next()?.strip_prefix(name)?.strip_prefix('=')?.parse().ok();
    Some((next("http")?, next("grpc")?, next("admin")?))
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_searched_for_secrets_and_panics() {
        let home = Home::make(Settings::default(), None);
        home.secret("c4nary-token");
        std::fs::write(home.root().join("stderr.log"), "all good\n").expect("a log");
        assert!(home.leaks().is_empty());
        std::fs::write(home.root().join("stderr.log"), "GET /ping/c4nary-token\nthread 'x' panicked at y\n")
            .expect("a log");
        let leaks = home.leaks();
        assert!(leaks.len() == 2 && leaks.iter().all(|leak| !leak.contains("c4nary")), "{leaks:?}");
    }

    #[test]
    fn the_ready_line_is_read_in_both_forms() {
        let expected = Some((local(1), local(2), local(3)));
        assert_eq!(addresses("ready http=127.0.0.1:1 grpc=127.0.0.1:2 admin=127.0.0.1:3"), expected);
        let json = r#"{"event":"ready","http":"127.0.0.1:1","grpc":"127.0.0.1:2","admin":"127.0.0.1:3"}"#;
        assert_eq!(addresses(json), expected);
        assert_eq!(addresses(r#"{"event":"first_start","api_key":"x"}"#), None);
        assert_eq!(addresses("first start: these keys"), None);
    }

    fn local(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }
}
