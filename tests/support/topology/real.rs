//! Real Kafka and Cassandra servers, started by `deploy/local/cluster`: one set per shape and test process, in
//! `target/cluster/`, or one that is there already (`QP_CLUSTER_DIR`).

use super::keyspaces::Keyspaces;
use crate::support::runner::lock;
use crate::support::{binaries, tools};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::sync::OnceCell;

type Sets = BTreeMap<(usize, usize), Arc<OnceCell<Arc<Real>>>>;

static SETS: Mutex<Sets> = Mutex::new(BTreeMap::new());

/// One set of servers.
pub struct Real {
    directory: PathBuf,
    brokers: String,
    cassandra: String,
    /// Keeps other runs out of the directory. Without it the servers are not ours to stop: others use them too.
    claim: Option<File>,
    keyspaces: Keyspaces,
    /// Names that were given out.
    topics: Mutex<Vec<String>>,
}

impl Real {
    /// So many brokers and database nodes; started by whoever asks first.
    pub async fn shared(kafka: usize, cassandra: usize) -> Arc<Self> {
        let cell = Arc::clone(lock(&SETS).entry((kafka, cassandra)).or_default());
        Arc::clone(cell.get_or_init(async || Arc::new(Self::find_or_start(kafka, cassandra).await)).await)
    }

    /// Ends all sets that were started here, and removes what was made in those that were not.
    pub async fn end_all() {
        let sets = std::mem::take(&mut *lock(&SETS));
        for real in sets.values().filter_map(|cell| cell.get()) {
            if real.claim.is_none() {
                real.keyspaces.drop_all(&real.cassandra).await;
                real.delete_topics().await;
            } else {
                real.run(&["down", "--wipe"]).await;
            }
        }
    }

    async fn find_or_start(kafka: usize, cassandra: usize) -> Self {
        if let Some(found) = Self::borrowed(kafka, cassandra) {
            return found;
        }
        let (directory, claim) = claim(&format!("kafka-{kafka}-cassandra-{cassandra}"));
        let (kafka, cassandra) = (kafka.to_string(), cassandra.to_string());
        run_in(&directory, &["up", "--kafka", &kafka, "--cassandra", &cassandra]).await;
        Self::read(&directory, Some(claim)).expect("cluster.json")
    }

    /// What `QP_CLUSTER_DIR` names, if it has the shape.
    fn borrowed(kafka: usize, cassandra: usize) -> Option<Self> {
        let directory = PathBuf::from(std::env::var_os("QP_CLUSTER_DIR")?);
        let found = Self::read(&directory, None)?;
        let count = |list: &str| list.split(',').count();
        (count(&found.brokers) == kafka && count(&found.cassandra) == cassandra).then_some(found)
    }

    fn read(directory: &Path, claim: Option<File>) -> Option<Self> {
        let text = std::fs::read_to_string(directory.join("cluster.json")).ok()?;
        let told: Value = serde_json::from_str(&text).expect("cluster.json");
        let list = |value: &Value| {
            let addresses = value.as_array().expect("addresses").iter();
            addresses.map(|one| one.as_str().expect("host:port")).collect::<Vec<_>>().join(",")
        };
        Some(Self {
            directory: directory.to_owned(),
            brokers: list(&told["kafka"]["brokers"]),
            cassandra: list(&told["cassandra"]["nodes"]),
            claim,
            keyspaces: Keyspaces::default(),
            topics: Mutex::default(),
        })
    }

    /// `host:port`, separated by commas.
    pub fn brokers(&self) -> &str {
        &self.brokers
    }

    /// `host:port`, separated by commas.
    pub fn cassandra(&self) -> &str {
        &self.cassandra
    }

    /// The name of a topic that nobody has yet.
    pub fn fresh_topic(&self) -> String {
        let name = format!("qp-{:08x}", rand::random::<u32>());
        lock(&self.topics).push(name.clone());
        name
    }

    async fn delete_topics(&self) {
        let topics = std::mem::take(&mut *lock(&self.topics));
        let names: Vec<&str> = topics.iter().map(String::as_str).collect();
        let mut config = rdkafka::ClientConfig::new();
        let client: AdminClient<DefaultClientContext> =
            config.set("bootstrap.servers", &self.brokers).create().expect("a client");
        // Some were never made.
        if let Err(error) = client.delete_topics(&names, &AdminOptions::new()).await {
            eprintln!("topics stay behind: {error}");
        }
    }

    /// Pairs of blobs that a query to the database selects.
    pub async fn query_blobs(&self, query: String) -> Vec<(Vec<u8>, Vec<u8>)> {
        self.keyspaces.query_blobs(&self.cassandra, query).await
    }

    pub(super) fn keyspaces(&self) -> &Keyspaces {
        &self.keyspaces
    }

    /// `kill -9` to a server such as `kafka-1` or `cassandra-2`.
    pub async fn kill(&self, server: &str) {
        self.strike(&["kill", server]).await;
    }

    /// Freezes a server (SIGSTOP).
    pub async fn stop(&self, server: &str) {
        self.strike(&["stop", server]).await;
    }

    /// Lets a frozen server go on (SIGCONT).
    pub async fn cont(&self, server: &str) {
        self.strike(&["cont", server]).await;
    }

    /// Lets a server stop in order.
    pub async fn term(&self, server: &str) {
        self.strike(&["term", server]).await;
    }

    /// Starts a server that was killed, with the data it had, and waits until it serves.
    pub async fn start(&self, server: &str) {
        self.strike(&["start", server]).await;
    }

    /// Ends a server in order and starts it with a clock of its own, which [`Self::clock`] steps.
    pub async fn give_clock(&self, server: &str) {
        self.strike(&["term", server]).await;
        self.strike(&["up", "--faketime", server]).await;
    }

    /// Steps the clock of a server that was started with a clock of its own.
    pub async fn clock(&self, server: &str, seconds: i64) {
        self.strike(&["clock", server, &format!("{seconds:+}")]).await;
    }

    async fn strike(&self, arguments: &[&str]) {
        assert!(self.claim.is_some(), "{}: others use these servers too", self.directory.display());
        self.run(arguments).await;
    }

    async fn run(&self, arguments: &[&str]) {
        run_in(&self.directory, arguments).await;
    }
}

/// A directory that no other run uses now, and what keeps it so. Servers that an interrupted run left there are taken
/// over.
fn claim(name: &str) -> (PathBuf, File) {
    let parent = binaries::target().join("cluster");
    std::fs::create_dir_all(&parent).expect("a place for servers");
    let names = (1..100).map(|nth| if nth == 1 { name.to_owned() } else { format!("{name}-{nth}") });
    let free = names.into_iter().find_map(|name| {
        let file = File::create(parent.join(format!("{name}.lock"))).expect("a lock");
        file.try_lock().ok().map(|()| (parent.join(name), file))
    });
    free.expect("fewer runs at once")
}

async fn run_in(directory: &Path, arguments: &[&str]) {
    let program = binaries::root().join("deploy/local/cluster").display().to_string();
    let directory = directory.display().to_string();
    let (verb, rest) = arguments.split_first().expect("a command");
    tools::succeed(&program, &[&[*verb, "--dir", &directory], rest].concat(), &[]).await;
}
