//! An installation on the servers: secrets, topic, schema, and its processes.

use crate::Options;
use crate::node::{Node, Starting, quiet_port};
use crate::office::Office;
use crate::servers::Servers;
use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::process::Command;

/// The product's topic.
pub const TOPIC: &str = "quietpulse.bench";
/// How long a batch waits for more records, of the product and of the producer it is compared with.
pub const LINGER_MS: u32 = 3;
/// What may wait for its acknowledgement, likewise.
pub const QUEUE_RECORDS: u32 = 200_000;
/// An append may take so long, and clocks may lie so far apart: their sum is W.
const APPEND_TIMEOUT: Duration = Duration::from_secs(5);
const SKEW_BOUND: Duration = Duration::from_secs(1);
/// Silence is judged so long after its deadline (W).
pub const W: Duration = APPEND_TIMEOUT.saturating_add(SKEW_BOUND);

/// What ping URLs begin with for processes that take no pings. Nobody asks it (RFC 2606): only paths are used.
const PUBLIC_URL: &str = "http://ping.invalid";

/// The installation. Its API node runs as long as it does; the others come and go with each figure.
pub struct Site {
    pub shards: u16,
    /// Paths that ping, `/ping/<token>`, once they were asked for.
    pub paths: Vec<String>,
    pub office: Office,
    api: Node,
    started: u32,
    place: Place,
    /// Goes last: the processes use them.
    pub servers: Servers,
}

/// Where things are.
struct Place {
    root: PathBuf,
    server: PathBuf,
}

impl Site {
    /// Starts the servers, makes secrets, topic and tables, starts the API node.
    pub async fn up(options: &Options) -> Result<Self> {
        let place = Place { root: std::path::absolute(&options.dir)?, server: server_of(options)? };
        std::fs::create_dir_all(&place.root)?;
        let servers = Servers::up(&options.launcher, &place.root.join("servers")).await?;
        place.set_up(&servers, options.shards).await?;
        let api = place.spawn("api", 0, &[])?.ready().await?;
        let office = Office::open(api.grpc, &place.key("api_key")?)?;
        Ok(Self { shards: options.shards, paths: Vec::new(), office, api, started: 0, place, servers })
    }

    /// A new process of a role, with variables of its own; returns when it is ready.
    pub async fn start(&mut self, role: &str, variables: &[(&str, String)]) -> Result<Node> {
        self.spawn(role, variables)?.ready().await
    }

    /// The same without waiting.
    pub fn spawn(&mut self, role: &str, variables: &[(&str, String)]) -> Result<Starting> {
        self.started += 1;
        self.place.spawn(role, self.started, variables)
    }

    /// Some processes of a role that can do their job.
    pub async fn start_ready(&mut self, role: &str, count: usize) -> Result<Vec<Node>> {
        let mut nodes = Vec::new();
        for _ in 0..count {
            nodes.push(self.start(role, &[]).await?);
        }
        for node in &nodes {
            node.until_ready().await?;
        }
        Ok(nodes)
    }

    /// Paths of at least `count` monitors that nobody misses; some evaluator must run.
    pub async fn monitors(&mut self, count: u32) -> Result<Vec<String>> {
        let known = u32::try_from(self.paths.len())?;
        if known < count {
            let day = 86_400;
            self.paths.extend(self.office.monitors("load", known..count, day, day, &[]).await?);
        }
        Ok(self.paths.clone())
    }

    /// A topic like the product's, with as many partitions and the same settings.
    pub async fn make_topic(&self, name: &str) -> Result<()> {
        self.place.admin(&["topic", "create"], Some(name)).await
    }

    /// Ends everything and removes what it left.
    pub async fn down(self) -> Result<()> {
        self.api.stop().await?;
        drop(self.servers);
        Ok(std::fs::remove_dir_all(&self.place.root)?)
    }
}

impl Place {
    async fn set_up(&self, servers: &Servers, shards: u16) -> Result<()> {
        for name in ["nodes", "installation.toml"].map(|name| self.root.join(name)) {
            remove(&name).with_context(|| format!("removing {} of an earlier run", name.display()))?;
        }
        std::fs::create_dir_all(self.root.join("nodes"))?;
        std::fs::write(self.config(), configuration(&self.root, servers))?;
        let secrets = self.root.join("installation.toml").display().to_string();
        self.run(&["admin", "installation", "create", "--shards", &shards.to_string(), "--out", &secrets], &[]).await?;
        self.admin(&["topic", "create"], None).await?;
        self.admin(&["schema", "apply"], None).await
    }

    async fn admin(&self, words: &[&str], topic: Option<&str>) -> Result<()> {
        let config = self.config().display().to_string();
        let variables: Vec<_> = topic.map(|topic| ("QUIETPULSE_KAFKA_TOPIC", topic)).into_iter().collect();
        self.run(&[&["admin"], words, &["--config", &config]].concat(), &variables).await
    }

    async fn run(&self, words: &[&str], variables: &[(&str, &str)]) -> Result<()> {
        let output = self.command().args(words).envs(variables.iter().copied()).output().await?;
        if output.status.success() {
            return Ok(());
        }
        bail!("`quietpulse {}`: {}", words.join(" "), String::from_utf8_lossy(&output.stderr).trim())
    }

    fn spawn(&self, role: &str, number: u32, variables: &[(&str, String)]) -> Result<Starting> {
        let directory = self.root.join("nodes").join(format!("{role}-{number}"));
        std::fs::create_dir_all(&directory)?;
        let mut command = self.command();
        command.args(["serve", "--roles", role, "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--config"]);
        command.arg(self.config()).arg("--data-dir").arg(directory.join("data"));
        if role != "ingest" {
            command.args(["--public-url", PUBLIC_URL]);
        }
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        Starting::spawn(command, quiet_port()?, &directory.join("stderr.log"))
    }

    /// Without what the environment says of another server.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.server);
        let ours = std::env::vars_os().map(|(name, _)| name);
        ours.filter(|name| name.to_string_lossy().starts_with("QUIETPULSE_")).for_each(|name| {
            command.env_remove(name);
        });
        command.kill_on_drop(true);
        command
    }

    fn config(&self) -> PathBuf {
        self.root.join("cluster.toml")
    }

    /// A key that the API node has made.
    fn key(&self, name: &str) -> Result<String> {
        let text = std::fs::read_to_string(self.root.join("nodes/api-0/data/keys.toml")).context("keys.toml")?;
        let mut pairs = text.lines().filter_map(|line| line.split_once(" = "));
        let found = pairs.find(|(key, _)| *key == name).with_context(|| format!("no {name} in keys.toml"))?;
        Ok(found.1.trim_matches('"').to_owned())
    }
}

fn server_of(options: &Options) -> Result<PathBuf> {
    let beside = || Ok::<_, std::io::Error>(std::env::current_exe()?.with_file_name("quietpulse"));
    let server = options.server.clone().map_or_else(beside, Ok)?;
    ensure!(server.is_file(), "{} is not there: `make bench-cluster` builds it", server.display());
    Ok(std::path::absolute(server)?)
}

fn remove(path: &Path) -> std::io::Result<()> {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    removed.or_else(|error| if error.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

fn configuration(root: &Path, servers: &Servers) -> String {
    let (installation, Servers { broker, database, .. }) = (root.join("installation.toml"), servers);
    let (append_s, skew_s) = (APPEND_TIMEOUT.as_secs(), SKEW_BOUND.as_secs());
    format!(
        "installation = {installation:?}\n\
         [log]\nbackend = \"kafka\"\n\
         [kafka]\nbrokers = [\"{broker}\"]\ntopic = \"{TOPIC}\"\ngroup = \"{TOPIC}\"\nreplication = 1\nmin_in_sync = 1\n\
         linger = \"{LINGER_MS}ms\"\nqueue_records = {QUEUE_RECORDS}\n\
         append_timeout = \"{append_s}s\"\nskew_bound = \"{skew_s}s\"\n\
         [store]\nbackend = \"scylla\"\n\
         [scylla]\ncontact_points = [\"{database}\"]\nreplication = 1\n\
         [notifier]\negress_allow = [\"127.0.0.0/8\"]\n"
    )
}
