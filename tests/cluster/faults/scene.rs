//! The cluster of all slots: three brokers, three database nodes, two processes of each role, each under a user of its
//! own where root may do that; a load of jobs; somebody who is told; and the books that are kept of all of it.

use super::trap::Trap;
use crate::checker::Stored;
use crate::checker::facts::Snapshot;
use crate::history::{History, now_ms};
use crate::load::{Load, Office, roster};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use suites::support::binaries;
use suites::support::peer::Peer;
use suites::support::runner::{Skipped, lock};
use suites::support::settings::Settings;
use suites::support::tools;
use suites::support::topology::{Node, Role, Shape, Topology};
use suites::support::wait::{secs, until};
use tokio::task::JoinHandle;

pub const SHARDS: u16 = 16;
/// Jobs; `QP_CHAOS_JOBS` asks for others.
const JOBS: usize = 150;
const CHANNELS: usize = 4;
/// Users that no process of a usual machine runs as.
const FIRST_USER: u32 = 64_200;

/// All there is.
pub struct Scene {
    pub topology: Arc<Topology>,
    pub receiver: Peer,
    pub trap: Arc<Trap>,
    pub history: Arc<History>,
    pub stored: Arc<Stored>,
    pub load: Load,
    pub channels: Vec<u64>,
    pub snapshots: Arc<Mutex<Vec<Snapshot>>>,
    /// Violations that were told already: the checker reads everything each time.
    pub told: Mutex<BTreeSet<String>>,
    directory: PathBuf,
    watching: JoinHandle<()>,
}

impl Scene {
    /// Starts everything, and waits until jobs ping.
    pub async fn set(seed: u64) -> Result<Self, Skipped> {
        tools::require("java", &["-version"]).await?;
        crate::nemesis::sweep();
        let shape = Shape { kafka: 3, cassandra: 3, shards: SHARDS, first_uid: first_user(), ..Shape::default() };
        let settings = Settings::default().text("engine.snapshot_every", "2s");
        let topology = Topology::start(shape, settings).await;
        let directory = binaries::target().join("tmp").join("chaos").join(format!("seed-{seed}"));
        std::fs::create_dir_all(&directory).expect("a place for the history");
        let history = Arc::new(History::create(&directory));
        let (receiver, trap) = Trap::listen().await;
        let url = format!("http://{}/hook", receiver.address);
        let mut office = Office::open(topology.grpc(), &topology.api_key(), Arc::clone(&history));
        let channels = office.webhooks(&url, CHANNELS).await;
        let plans = roster(jobs(), CHANNELS, &mut StdRng::seed_from_u64(seed));
        let load = Load::start(plans, topology.front(), Arc::new(office), Arc::clone(&history)).await;
        let (stored, snapshots) = (Arc::new(Stored::open(&topology).await), Arc::<Mutex<_>>::default());
        let watching = tokio::spawn(watch(Arc::clone(&stored), Arc::clone(&snapshots)));
        let told = Mutex::default();
        let scene =
            Self { topology, receiver, trap, history, stored, load, channels, snapshots, told, directory, watching };
        until("a load", secs(60), async || (scene.history.acknowledged() >= jobs()).then_some(())).await;
        scene.note("the load runs");
        Ok(scene)
    }

    /// A short length, or a full one where `QP_LONG_CLUSTER=1` asks for it.
    pub fn length(&self, short_secs: u64, long_secs: u64) -> Duration {
        secs(if is_long() { long_secs } else { short_secs })
    }

    /// How often: a few times, or many.
    pub fn times(&self, short: usize, long: usize) -> usize {
        if is_long() { long } else { short }
    }

    pub fn evaluators(&self) -> Vec<&Node> {
        self.topology.of(Role::Evaluator).collect()
    }

    pub fn evaluator(&self, n: usize) -> &Node {
        self.topology.node(Role::Evaluator, n)
    }

    /// Waits until a node owns so many shards.
    pub async fn owns(&self, node: &Node, shards: u16) {
        node.until_metric("shards_owned", |owned| owned == f64::from(shards)).await;
    }

    /// Writes a line that tells when, for whoever reads logs afterwards.
    pub fn note(&self, what: &str) {
        println!("{} ({}) {what}", jiff::Timestamp::now().strftime("%H:%M:%S%.3f"), now_ms());
    }

    /// For evidence.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The users of a role's nodes; `Err` where they are no users of their own.
    pub fn users(&self, nodes: &[&Node]) -> Result<Vec<u32>, Skipped> {
        let users: Option<Vec<u32>> = nodes.iter().map(|node| node.uid).collect();
        users.ok_or_else(|| Skipped("only root can run nodes as users of their own and cut them off".into()))
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.watching.abort();
    }
}

/// Whether slots have their full length.
pub fn is_long() -> bool {
    std::env::var("QP_LONG_CLUSTER").is_ok_and(|value| value == "1")
}

fn jobs() -> usize {
    std::env::var("QP_CHAOS_JOBS").ok().and_then(|text| text.parse().ok()).unwrap_or(JOBS)
}

/// Only root may run nodes as other users.
fn first_user() -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let own = std::fs::metadata("/proc/self").map(|about| about.uid());
    own.is_ok_and(|uid| uid == 0).then_some(FIRST_USER)
}

/// Notes where every shard's snapshot stands, again and again.
async fn watch(stored: Arc<Stored>, snapshots: Arc<Mutex<Vec<Snapshot>>>) {
    loop {
        let seen = stored.snapshots().await;
        lock(&snapshots).extend(seen);
        tokio::time::sleep(secs(1)).await;
    }
}
