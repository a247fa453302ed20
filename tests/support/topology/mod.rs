//! A cluster of real processes: some of each role, on a real Kafka topic and in a real Cassandra keyspace of its own.
//!
//! ```text
//! client -> front (ours, or HAProxy) -> ingest… -> Kafka -> evaluator… -> Cassandra
//!                                   api -> the owners          notifier… -> receivers
//! ```
//!
//! - `real`: the Kafka and Cassandra servers, shared by all topologies of a run.
//! - `keyspaces`: keyspaces that are handed from one topology to the next, since making one takes seconds.
//! - `plan`: the settings of each process, and what an operator types before the first start.
//! - `node`: one process, which can be killed, frozen and started again at the same addresses.
//! - `front`, `haproxy`: where clients ping.

mod background;
mod front;
mod haproxy;
mod keyspaces;
mod node;
mod plan;
mod real;

pub use front::Forwarder;
pub use haproxy::Haproxy;
pub use keyspaces::Lease;
pub use node::{Node, Role};
pub use real::Real;

use super::binaries;
use super::evidence::{self, Secrets};
use super::server::Line;
use super::settings::{Settings, quiet_port};
use domain::ids::ShardCount;
use futures::future::join_all;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;
use store::scylla::{ScyllaOptions, ScyllaStore};

/// How many of what.
#[derive(Clone, Debug)]
pub struct Shape {
    pub ingest: usize,
    pub evaluators: usize,
    pub notifiers: usize,
    pub api: usize,
    pub shards: u16,
    /// Brokers, 1 or 3.
    pub kafka: usize,
    /// Database nodes, 1 or 3.
    pub cassandra: usize,
    /// Whether clients ping through HAProxy instead of a forwarder of ours.
    pub haproxy: bool,
    /// The user of the first node; each further node runs as the next one. Only root may ask for it.
    pub first_uid: Option<u32>,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            ingest: 2,
            evaluators: 2,
            notifiers: 2,
            api: 1,
            shards: 8,
            kafka: 1,
            cassandra: 1,
            haproxy: false,
            first_uid: None,
        }
    }
}

/// The cluster. Its processes end with it.
pub struct Topology {
    shape: Shape,
    nodes: Vec<Node>,
    front: Front,
    secrets: Secrets,
    topic: String,
    lease: Lease,
    real: Arc<Real>,
    /// Goes last: the nodes live in it.
    root: tempfile::TempDir,
}

enum Front {
    Ours(Forwarder),
    Haproxy(Box<Haproxy>),
}

impl Topology {
    /// A cluster that is ready: own topic, own keyspace, own secrets.
    pub async fn start(shape: Shape, settings: Settings) -> Arc<Self> {
        let made = Self::prepare(shape, settings).await;
        made.start_all().await;
        made
    }

    /// For cases that were written for one machine: a small shape, and W as there.
    pub async fn prepare_for(settings: &Settings) -> Arc<Self> {
        let shards = settings.get("log.shards").map_or(4, |shards| shards.parse().expect("a number"));
        let evaluators = usize::from(shards).min(2);
        let shape = Shape { evaluators, notifiers: 1, shards, ..Shape::default() };
        let settings = settings.clone().text_if_unset("kafka.append_timeout", "2500ms");
        Self::prepare(shape, settings.text_if_unset("kafka.skew_bound", "500ms")).await
    }

    /// All that comes before the first process: topic, schema, secrets, configuration.
    pub async fn prepare(shape: Shape, settings: Settings) -> Arc<Self> {
        let real = Real::shared(shape.kafka, shape.cassandra).await;
        let lease = Lease::take(&real).await;
        let root = plan::directory(&shape);
        let front = SocketAddr::from((Ipv4Addr::LOCALHOST, quiet_port()));
        let topic = real.fresh_topic();
        let plan = plan::Plan { shape: &shape, real: &real, topic: &topic, keyspace: lease.keyspace(), front };
        let nodes = plan.nodes(root.path(), &settings);
        plan.set_up(root.path(), &nodes, &lease).await;
        let front = if shape.haproxy {
            Front::Haproxy(Box::new(Haproxy::start(front, root.path(), &ingest_of(&nodes)).await))
        } else {
            let backends = ingest_of(&nodes).iter().map(|node| node.http()).collect();
            Front::Ours(Forwarder::listen(front, backends))
        };
        Arc::new(Self { shape, nodes, front, secrets: Secrets::default(), topic, lease, real, root })
    }

    /// Starts every node that does not run, side by side, and waits until all are ready.
    pub async fn start_all(&self) {
        let stopped = self.nodes.iter().filter(|node| !node.is_running());
        join_all(stopped.map(Node::start)).await;
        join_all(self.nodes.iter().map(Node::until_ready)).await;
        self.secret(&self.api_key());
        self.secret(&self.ping_key());
    }

    /// How all nodes end that were told to: the first bad end, or else a good one.
    pub async fn all_ended(&self) -> ExitStatus {
        let ends = join_all(self.nodes.iter().map(Node::ended)).await;
        ends.iter().find(|end| !end.success()).or(ends.first()).copied().expect("nodes")
    }

    /// The metrics of all nodes, one after another.
    pub async fn metrics(&self) -> String {
        join_all(self.nodes.iter().map(Node::metrics)).await.into_iter().flatten().collect()
    }

    /// `kill -9` to every node that runs.
    pub async fn kill_all(&self) {
        join_all(self.nodes.iter().filter(|node| node.is_running()).map(Node::kill)).await;
    }

    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The servers underneath.
    pub fn real(&self) -> &Real {
        &self.real
    }

    /// The `n`th node of a role, from 0.
    pub fn node(&self, role: Role, n: usize) -> &Node {
        let found = self.nodes.iter().filter(|node| node.role == role).nth(n);
        found.unwrap_or_else(|| panic!("there is no {role} {n}"))
    }

    pub fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter()
    }

    /// The nodes of a role.
    pub fn of(&self, role: Role) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(move |node| node.role == role)
    }

    /// Where clients ping.
    pub fn front(&self) -> SocketAddr {
        match &self.front {
            Front::Ours(forwarder) => forwarder.address(),
            Front::Haproxy(haproxy) => haproxy.address(),
        }
    }

    /// HAProxy, in a shape that has it.
    pub fn haproxy(&self) -> &Haproxy {
        match &self.front {
            Front::Haproxy(haproxy) => haproxy,
            Front::Ours(_) => panic!("this topology has a forwarder of ours"),
        }
    }

    /// Where tenants and operators ask.
    pub fn grpc(&self) -> SocketAddr {
        self.node(Role::Api, 0).grpc()
    }

    pub fn api_key(&self) -> String {
        self.node(Role::Api, 0).key("api_key")
    }

    pub fn ping_key(&self) -> String {
        self.node(Role::Api, 0).key("ping_key")
    }

    pub fn topic(&self) -> &str {
        &self.topic
    }

    pub fn keyspace(&self) -> &str {
        self.lease.keyspace()
    }

    /// What the cluster keeps, for a case that looks at rows.
    pub async fn store(&self) -> Arc<ScyllaStore> {
        let options = ScyllaOptions {
            contact_points: self.real.cassandra().split(',').map(str::to_owned).collect(),
            keyspace: self.keyspace().to_owned(),
            local_dc: String::new(),
            username: String::new(),
            password: String::new(),
            tls: None,
            request_timeout: Duration::from_secs(5),
            shards: ShardCount::new(self.shape.shards).expect("shards"),
            history_for: Duration::ZERO,
            transitions_for: Duration::ZERO,
        };
        ScyllaStore::open(options).await.expect("the store opens")
    }

    /// For files of the case.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Something that must never be logged.
    pub fn secret(&self, secret: &str) {
        self.secrets.add(secret);
    }

    /// What must not be in a log and is.
    pub fn leaks(&self) -> Vec<String> {
        self.secrets.leaks(&self.stderr())
    }

    /// What all nodes said on stdout, in the order in which it came.
    pub fn lines(&self) -> Vec<Line> {
        let mut lines: Vec<Line> = self.nodes.iter().flat_map(Node::lines).collect();
        lines.sort_by_key(|line| line.at);
        lines
    }

    /// What all nodes wrote to stderr, node after node.
    pub fn stderr(&self) -> String {
        self.nodes.iter().map(Node::stderr).collect()
    }

    /// `qp` with the API node's data directory, pinging at the front.
    pub fn qp(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = binaries::qp_command();
        command.env("QUIETPULSE_DATA_DIR", self.node(Role::Api, 0).data());
        command.env("QUIETPULSE_PING_URL", format!("http://{}", self.front())).args(arguments);
        command
    }
}

fn ingest_of(nodes: &[Node]) -> Vec<&Node> {
    nodes.iter().filter(|node| node.role == Role::Ingest).collect()
}

impl Drop for Topology {
    fn drop(&mut self) {
        let leaks = self.leaks();
        let is_evidence = std::thread::panicking() || !leaks.is_empty();
        evidence::report(leaks);
        if is_evidence {
            self.root.disable_cleanup(true);
            for node in &self.nodes {
                eprintln!("--- {} in {}\n{}", node.name, self.root.path().display(), evidence::tail(&node.stderr()));
            }
        }
    }
}
