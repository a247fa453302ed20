//! The settings of each process, and what an operator types before the first start.

use super::keyspaces::Lease;
use super::node::{Node, Role};
use super::{Real, Shape};
use crate::support::settings::Settings;
use crate::support::{binaries, tools};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// What all nodes have in common.
pub struct Plan<'a> {
    pub shape: &'a Shape,
    pub real: &'a Real,
    pub topic: &'a str,
    pub keyspace: &'a str,
    pub front: SocketAddr,
}

/// A place for the nodes.
pub fn directory(shape: &Shape) -> tempfile::TempDir {
    let parent = binaries::target().join("tmp").join("cluster");
    std::fs::create_dir_all(&parent).expect("a place for topologies");
    let root = tempfile::Builder::new().prefix("topology-").tempdir_in(parent).expect("a directory");
    if shape.first_uid.is_some() {
        // Other users have to reach their own directories in it.
        std::fs::set_permissions(root.path(), PermissionsExt::from_mode(0o755)).expect("permissions");
    }
    root
}

impl Plan<'_> {
    /// All nodes, with their settings.
    pub fn nodes(&self, root: &Path, settings: &Settings) -> Vec<Node> {
        let Shape { ingest, evaluators, notifiers, api, .. } = *self.shape;
        let counts =
            [(Role::Ingest, ingest), (Role::Evaluator, evaluators), (Role::Notifier, notifiers), (Role::Api, api)];
        let names = counts.iter().flat_map(|(role, count)| (1..=*count).map(|number| (*role, number)));
        let uid = |place: usize| self.shape.first_uid.map(|first| first + u32::try_from(place).expect("few nodes"));
        let nodes: Vec<Node> = names
            .enumerate()
            .map(|(place, (role, number))| Node::new(format!("{role}-{number}"), role, uid(place), root))
            .collect();
        let evaluators = quoted(nodes.iter().filter(|node| node.role == Role::Evaluator).map(|node| node.grpc()));
        for node in &nodes {
            make_directory(node.directory(), node.uid);
            let installation = node.directory().join("installation.toml").display().to_string();
            let own = self.common(settings.clone()).text("installation", &installation);
            node.configure(|_| addressed(own, node).raw("notifier.evaluators", &evaluators));
        }
        nodes
    }

    /// Secrets, topic and schema, as typed.
    pub async fn set_up(&self, root: &Path, nodes: &[Node], lease: &Lease) {
        let installation = root.join("installation.toml");
        let shards = self.shape.shards.to_string();
        admin(&["installation", "create", "--shards", &shards, "--out", &installation.display().to_string()]).await;
        for node in nodes {
            let own = node.directory().join("installation.toml");
            std::fs::copy(&installation, &own).expect("the secrets");
            give(&own, node.uid);
        }
        let config = nodes.first().expect("nodes").config().display().to_string();
        admin(&["topic", "create", "--config", &config]).await;
        if lease.is_new() {
            admin(&["schema", "apply", "--config", &config]).await;
        }
    }

    fn common(&self, settings: Settings) -> Settings {
        let min_in_sync = if self.shape.kafka > 1 { "2" } else { "1" };
        settings
            .text("log.backend", "kafka")
            .raw("kafka.brokers", &quoted(self.real.brokers().split(',')))
            .text("kafka.topic", self.topic)
            .text("kafka.group", self.topic)
            .raw("kafka.replication", &self.shape.kafka.to_string())
            .raw("kafka.min_in_sync", min_in_sync)
            .text("store.backend", "scylla")
            .raw("scylla.contact_points", &quoted(self.real.cassandra().split(',')))
            .text("scylla.keyspace", self.keyspace)
            .raw("scylla.replication", &self.shape.cassandra.to_string())
            .text("http.public_url", &format!("http://{}", self.front))
    }
}

fn addressed(settings: Settings, node: &Node) -> Settings {
    settings
        .raw("roles", &format!("[\"{}\"]", node.role))
        .text("http.listen", &node.http().to_string())
        .text("grpc.listen", &node.grpc().to_string())
        .text("grpc.advertise", &node.grpc().to_string())
        .text("admin.listen", &node.admin().to_string())
}

/// A list of strings, as TOML.
fn quoted(words: impl IntoIterator<Item = impl std::fmt::Display>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("\"{word}\"")).collect();
    format!("[{}]", words.join(", "))
}

async fn admin(arguments: &[&str]) {
    let program = binaries::quietpulse().display().to_string();
    tools::succeed(&program, &[&["admin"], arguments].concat(), &[]).await;
}

fn make_directory(path: &Path, uid: Option<u32>) {
    std::fs::create_dir(path).expect("a node's directory");
    give(path, uid);
}

fn give(path: &Path, uid: Option<u32>) {
    if uid.is_some() {
        std::os::unix::fs::chown(path, uid, uid).expect("only root may run nodes as other users");
    }
}
