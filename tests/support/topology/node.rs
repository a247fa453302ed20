//! One process of a cluster: what can be done to it, and what it said.

use crate::support::binaries;
use crate::support::evidence::tail;
use crate::support::http;
use crate::support::runner::lock;
use crate::support::server::{self, Line};
use crate::support::settings::{Settings, quiet_port};
use crate::support::wait::{secs, until, within};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::process::{Child, Command};

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(90);

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Ingest,
    Evaluator,
    Notifier,
    Api,
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ingest => "ingest",
            Self::Evaluator => "evaluator",
            Self::Notifier => "notifier",
            Self::Api => "api",
        })
    }
}

/// A process that keeps its directory and its addresses from one life to the next.
pub struct Node {
    /// Such as `ingest-1`.
    pub name: String,
    pub role: Role,
    /// The user it runs as, if it is another than ours.
    pub uid: Option<u32>,
    directory: PathBuf,
    http: SocketAddr,
    grpc: SocketAddr,
    admin: SocketAddr,
    settings: Mutex<Settings>,
    /// What is started, if it is not the program under test.
    program: Mutex<Option<PathBuf>>,
    process: Mutex<Option<Child>>,
    /// Of all lives.
    lines: Arc<Mutex<Vec<Line>>>,
}

impl Node {
    /// A node in a directory of its own; nothing runs and nothing is written yet.
    pub(super) fn new(name: String, role: Role, uid: Option<u32>, root: &Path) -> Self {
        let address = || SocketAddr::from((Ipv4Addr::LOCALHOST, quiet_port()));
        Self {
            directory: root.join(&name),
            name,
            role,
            uid,
            http: address(),
            grpc: address(),
            admin: address(),
            settings: Mutex::new(Settings::default()),
            program: Mutex::default(),
            process: Mutex::default(),
            lines: Arc::default(),
        }
    }

    pub fn http(&self) -> SocketAddr {
        self.http
    }

    pub fn grpc(&self) -> SocketAddr {
        self.grpc
    }

    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Its directory: `config.toml`, `installation.toml`, `data/`, `stderr.log`.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    pub fn config(&self) -> PathBuf {
        self.directory.join("config.toml")
    }

    /// A value of its `keys.toml`.
    pub fn key(&self, name: &str) -> String {
        server::key_in(&self.data(), name)
    }

    /// Changes its settings and variables, for the next start.
    pub fn configure(&self, change: impl FnOnce(Settings) -> Settings) {
        let mut settings = lock(&self.settings);
        *settings = change(settings.clone());
        std::fs::write(self.config(), settings.toml()).expect("the configuration");
    }

    /// Starts another program from the next start on; `None`: the one under test.
    pub fn run(&self, program: Option<PathBuf>) {
        *lock(&self.program) = program;
    }

    /// The process; panics when there is none.
    pub fn pid(&self) -> u32 {
        let process = lock(&self.process);
        process.as_ref().and_then(Child::id).unwrap_or_else(|| panic!("{} does not run", self.name))
    }

    pub fn is_running(&self) -> bool {
        lock(&self.process).as_mut().is_some_and(|child| child.try_wait().expect("a child").is_none())
    }

    /// Starts the process and waits until it says that it is ready.
    pub async fn start(&self) {
        let earlier = self.spawn();
        let ready = within(START, async || {
            assert!(self.is_running(), "{} ended before it was ready:\n{}", self.name, tail(&self.stderr()));
            lock(&self.lines)[earlier..].iter().any(|line| server::is_ready(&line.text)).then_some(())
        });
        assert!(ready.await.is_some(), "{} was not ready within {START:?}:\n{}", self.name, tail(&self.stderr()));
    }

    /// Starts the process and waits for nothing; gives how many lines there were before.
    pub fn spawn(&self) -> usize {
        assert!(!self.is_running(), "{} runs already", self.name);
        let mut child = self.command().spawn().expect("the process starts");
        let earlier = lock(&self.lines).len();
        server::collect(child.stdout.take().expect("stdout is piped"), Arc::clone(&self.lines));
        *lock(&self.process) = Some(child);
        earlier
    }

    /// Waits until it says that it can do its job.
    pub async fn until_ready(&self) {
        until(&format!("readyz of {}", self.name), START, async || self.is_ready().await.then_some(())).await;
    }

    /// Whether it says now that it can do its job.
    pub async fn is_ready(&self) -> bool {
        http::request(self.admin, "GET", "/readyz", "", b"").await.is_ok_and(|reply| reply.status == 200)
    }

    /// `kill -9`. Returns when the process is gone.
    pub async fn kill(&self) {
        let mut child = self.take();
        child.kill().await.expect("SIGKILL");
    }

    /// Sends a signal by its name, such as `STOP`, `CONT` or `TERM`.
    pub fn signal(&self, name: &str) {
        server::send(name, self.pid());
    }

    /// SIGTERM, and how the process ended.
    pub async fn term(&self) -> ExitStatus {
        self.signal("TERM");
        self.ended().await
    }

    /// How the process ends that was told to.
    pub async fn ended(&self) -> ExitStatus {
        server::ended(&mut self.take()).await
    }

    /// `kill -9` and a new start.
    pub async fn restart(&self) {
        self.kill().await;
        self.start().await;
        self.until_ready().await;
    }

    /// What came on stdout so far, in all its lives.
    pub fn lines(&self) -> Vec<Line> {
        lock(&self.lines).clone()
    }

    /// What it wrote to stderr, in all its lives.
    pub fn stderr(&self) -> String {
        server::text_of(&self.directory.join("stderr.log"))
    }

    /// The text of a metric's samples at the admin port; `None` when it does not answer.
    pub async fn metrics(&self) -> Option<String> {
        let reply = http::request(self.admin, "GET", "/metrics", "", b"").await.ok()?;
        (reply.status == 200).then(|| reply.text())
    }

    /// The value of a metric without labels.
    pub async fn metric(&self, name: &str) -> Option<f64> {
        let text = self.metrics().await?;
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
    }

    /// Waits, a while, for the metric to have a value.
    pub async fn until_metric(&self, name: &str, wanted: impl Fn(f64) -> bool) -> f64 {
        let what = format!("{name} of {}", self.name);
        until(&what, secs(60), async || self.metric(name).await.filter(|value| wanted(*value))).await
    }

    fn take(&self) -> Child {
        lock(&self.process).take().unwrap_or_else(|| panic!("{} does not run", self.name))
    }

    fn command(&self) -> Command {
        let program = lock(&self.program).clone();
        let mut command = Command::new(program.unwrap_or_else(binaries::quietpulse));
        let log = File::options().append(true).create(true).open(self.directory.join("stderr.log")).expect("a log");
        command.arg("serve").arg("--config").arg(self.config()).arg("--data-dir").arg(self.data());
        command.envs(lock(&self.settings).variables.iter().cloned());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).kill_on_drop(true);
        if let Some(uid) = self.uid {
            command.uid(uid);
        }
        command
    }
}
