//! A real server: its directory, its process, and what it said.
//!
//! A [`Home`] is a data directory with its configuration; processes come and go in it. When it goes, everything
//! its processes logged is searched for secrets and panics; [`findings`] tells what was found.
//!
//! Where the run is against a cluster ([`super::target`]), a home is a whole topology and a server all its processes:
//! pings go to its front, questions to its API node.

use super::binaries;
pub use super::evidence::findings;
use super::evidence::{self, Secrets, tail};
use super::runner::lock;
use super::settings::Settings;
use super::target::{self, Target};
#[cfg(feature = "cluster")]
use super::topology::{Role, Topology};
use super::wait::{secs, until, within};
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

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(60);
/// How long the drain may take (F46).
pub const DRAIN: Duration = Duration::from_secs(30);

/// A data directory, and all there is to know about it.
pub struct Home {
    place: Place,
    pub settings: Settings,
}

enum Place {
    OneMachine {
        /// Holds `data/`, `config.toml` and the processes' stderr.
        root: tempfile::TempDir,
        secrets: Secrets,
        _slot: Option<SemaphorePermit<'static>>,
    },
    #[cfg(feature = "cluster")]
    Cluster(Arc<Topology>),
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
    process: Process,
}

enum Process {
    One {
        child: Child,
        lines: Arc<Mutex<Vec<Line>>>,
    },
    #[cfg(feature = "cluster")]
    All(Arc<Topology>),
}

impl Home {
    /// A new directory. Waits until few enough others are in use.
    pub async fn new(settings: Settings) -> Arc<Self> {
        match target::chosen() {
            Target::OneMachine => {
                let slot = SLOTS.acquire().await.expect("never closed");
                Self::make(settings, Some(slot))
            }
            #[cfg(feature = "cluster")]
            Target::Cluster => {
                let topology = Topology::prepare_for(&settings).await;
                Arc::new(Self { place: Place::Cluster(topology), settings })
            }
            #[cfg(not(feature = "cluster"))]
            Target::Cluster => unreachable!("chosen only where the feature is"),
        }
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
        Arc::new(Self { place: Place::OneMachine { root, secrets: Secrets::default(), _slot: slot }, settings })
    }

    /// The data directory; of a cluster that of the API node, where its keys are.
    pub fn data(&self) -> PathBuf {
        match &self.place {
            Place::OneMachine { root, .. } => root.path().join("data"),
            #[cfg(feature = "cluster")]
            Place::Cluster(topology) => topology.node(Role::Api, 0).data(),
        }
    }

    /// For files of the case; `config.toml` is one.
    pub fn root(&self) -> &Path {
        match &self.place {
            Place::OneMachine { root, .. } => root.path(),
            #[cfg(feature = "cluster")]
            Place::Cluster(topology) => topology.node(Role::Api, 0).directory(),
        }
    }

    /// All that every process of this home wrote to stderr.
    pub fn stderr(&self) -> String {
        match &self.place {
            Place::OneMachine { root, .. } => text_of(&root.path().join("stderr.log")),
            #[cfg(feature = "cluster")]
            Place::Cluster(topology) => topology.stderr(),
        }
    }

    /// Something that must never be logged.
    pub fn secret(&self, secret: &str) {
        match &self.place {
            Place::OneMachine { secrets, .. } => secrets.add(secret),
            #[cfg(feature = "cluster")]
            Place::Cluster(topology) => topology.secret(secret),
        }
    }

    /// A value of `keys.toml`.
    pub fn key(&self, name: &str) -> String {
        key_in(&self.data(), name)
    }

    /// `qp` with this home's data directory.
    pub fn qp(&self, arguments: &[&str]) -> Command {
        #[cfg(feature = "cluster")]
        if let Place::Cluster(topology) = &self.place {
            return topology.qp(arguments);
        }
        let mut command = binaries::qp_command();
        command.env("QUIETPULSE_DATA_DIR", self.data()).args(arguments);
        command
    }

    /// The command that starts a server here; nothing is started yet.
    pub fn command(&self) -> Command {
        let mut command = limited(&binaries::quietpulse(), self.settings.open_files);
        let log = File::options().append(true).create(true).open(self.root().join("stderr.log")).expect("stderr.log");
        command.arg("serve").arg("--config").arg(self.root().join("config.toml")).arg("--data-dir").arg(self.data());
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
        match &self.place {
            Place::OneMachine { .. } => self.start_one().await,
            #[cfg(feature = "cluster")]
            Place::Cluster(topology) => {
                topology.start_all().await;
                self.server_over(topology)
            }
        }
    }

    #[cfg(feature = "cluster")]
    fn server_over(self: &Arc<Self>, topology: &Arc<Topology>) -> Server {
        let (http, grpc) = (topology.front(), topology.grpc());
        let admin = topology.node(Role::Api, 0).admin();
        Server { home: Arc::clone(self), http, grpc, admin, process: Process::All(Arc::clone(topology)) }
    }

    async fn start_one(self: &Arc<Self>) -> Server {
        let mut child = self.command().spawn().expect("the server starts");
        let lines = Arc::default();
        collect(child.stdout.take().expect("stdout is piped"), Arc::clone(&lines));
        let ready = within(START, async || {
            if let Some(status) = child.try_wait().expect("a child") {
                panic!("the server ended with {status} before it was ready:\n{}", tail(&self.stderr()));
            }
            lock(&lines).iter().find_map(|line: &Line| addresses(&line.text))
        });
        let Some((http, grpc, admin)) = ready.await else {
            panic!("the server was not ready within {START:?}:\n{}", tail(&self.stderr()));
        };
        self.secret(&self.key("api_key"));
        self.secret(&self.key("ping_key"));
        Server { home: Arc::clone(self), http, grpc, admin, process: Process::One { child, lines } }
    }

    /// What must not be in the log and is.
    pub fn leaks(&self) -> Vec<String> {
        match &self.place {
            Place::OneMachine { secrets, .. } => secrets.leaks(&self.stderr()),
            #[cfg(feature = "cluster")]
            Place::Cluster(topology) => topology.leaks(),
        }
    }
}

impl Drop for Home {
    /// A topology looks after its own evidence.
    #[cfg_attr(not(feature = "cluster"), allow(irrefutable_let_patterns))]
    fn drop(&mut self) {
        let (log, leaks) = (self.stderr(), self.leaks());
        let Place::OneMachine { root, .. } = &mut self.place else { return };
        let is_evidence = std::thread::panicking() || !leaks.is_empty();
        evidence::report(leaks);
        if is_evidence {
            root.disable_cleanup(true);
            eprintln!("--- {}\n{}", root.path().display(), tail(&log));
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

    /// A topology that runs, asked as a server is.
    #[cfg(feature = "cluster")]
    pub fn over(topology: &Arc<Topology>) -> Self {
        let home = Arc::new(Home { place: Place::Cluster(Arc::clone(topology)), settings: Settings::default() });
        home.server_over(topology)
    }

    /// The process; of a cluster the API node's.
    pub fn pid(&self) -> u32 {
        match &self.process {
            Process::One { child, .. } => child.id().expect("the server runs"),
            #[cfg(feature = "cluster")]
            Process::All(topology) => topology.node(Role::Api, 0).pid(),
        }
    }

    pub fn is_running(&mut self) -> bool {
        match &mut self.process {
            Process::One { child, .. } => child.try_wait().expect("a child").is_none(),
            #[cfg(feature = "cluster")]
            Process::All(topology) => topology.nodes().all(|node| node.is_running()),
        }
    }

    /// `kill -9`. Returns when the process is gone.
    pub async fn kill(mut self) -> Arc<Home> {
        match &mut self.process {
            Process::One { child, .. } => child.kill().await.expect("SIGKILL"),
            #[cfg(feature = "cluster")]
            Process::All(topology) => topology.kill_all().await,
        }
        Arc::clone(&self.home)
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        match &self.process {
            Process::One { .. } => send(name, self.pid()),
            #[cfg(feature = "cluster")]
            Process::All(topology) => topology.nodes().for_each(|node| node.signal(name)),
        }
    }

    /// SIGTERM, and how the process ended.
    pub async fn term(mut self) -> ExitStatus {
        self.signal("TERM");
        self.ended().await
    }

    /// How the process ends, within the drain's time. Of a cluster the one that ended worst.
    pub async fn ended(&mut self) -> ExitStatus {
        match &mut self.process {
            Process::One { child, .. } => ended(child).await,
            #[cfg(feature = "cluster")]
            Process::All(topology) => topology.all_ended().await,
        }
    }

    /// `kill -9` and a new start in the same directory.
    pub async fn restart(self) -> Self {
        self.kill().await.start().await
    }

    /// What came on stdout so far.
    pub fn lines(&self) -> Vec<Line> {
        match &self.process {
            Process::One { lines, .. } => lock(lines).clone(),
            #[cfg(feature = "cluster")]
            Process::All(topology) => topology.lines(),
        }
    }

    /// Waits for a line of stdout.
    pub async fn line(&self, what: &str, patience: Duration, matches: impl Fn(&str) -> bool) -> Line {
        until(what, patience, async || self.lines().into_iter().find(|line| matches(&line.text))).await
    }

    /// The text of a metric's samples at the admin port; of a cluster those of all nodes.
    pub async fn metrics(&self) -> String {
        match &self.process {
            Process::One { .. } => super::http::get(self.admin, "/metrics").await.text(),
            #[cfg(feature = "cluster")]
            Process::All(topology) => topology.metrics().await,
        }
    }

    /// Waits until the process says that it can do its job.
    pub async fn until_ready(&self) {
        until("readyz", secs(20), async || (super::http::get(self.admin, "/readyz").await.status == 200).then_some(()))
            .await;
    }
}

/// Sends a signal by its name to a process that must be there.
pub fn send(name: &str, pid: u32) {
    let status = std::process::Command::new("kill").args(["-s", name, &pid.to_string()]).status();
    assert!(status.expect("kill runs").success(), "the server is gone already");
}

/// How a process ends that was told to.
pub async fn ended(child: &mut Child) -> ExitStatus {
    let ended = tokio::time::timeout(DRAIN, child.wait()).await;
    ended.expect("the server drains in time").expect("a child")
}

/// A value of the `keys.toml` in a data directory.
pub fn key_in(data: &Path, name: &str) -> String {
    let text = std::fs::read_to_string(data.join("keys.toml")).expect("keys.toml");
    let found = text.lines().find_map(|line| {
        line.strip_prefix(name)?.trim().strip_prefix('=')?.trim().strip_prefix('"')?.strip_suffix('"')
    });
    found.unwrap_or_else(|| panic!("no {name} in keys.toml")).to_owned()
}

/// A log as far as it is written.
pub fn text_of(file: &Path) -> String {
    String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()).into_owned()
}

/// The program, started by a shell that lowers the limit first and then becomes it.
fn limited(program: &Path, open_files: Option<u32>) -> Command {
    let Some(most) = open_files else { return Command::new(program) };
    let mut command = Command::new("bash");
    command.args(["-c", &format!("ulimit -n {most} && exec \"$0\" \"$@\"")]).arg(program);
    command
}

/// Keeps each line of a process's stdout as it comes.
pub fn collect(stdout: ChildStdout, lines: Arc<Mutex<Vec<Line>>>) {
    tokio::spawn(async move {
        let mut reader = BufReader::new(stdout).lines();
        while let Ok(Some(text)) = reader.next_line().await {
            lock(&lines).push(Line { at: jiff::Timestamp::now(), text });
        }
    });
}

/// Whether a line says that every port serves.
pub fn is_ready(line: &str) -> bool {
    addresses(line).is_some()
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

#[cfg(test)]
mod tests {
    use super::*;

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
