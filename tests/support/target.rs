//! What a [`Server`](super::server::Server) is in this run: one process, or a cluster. The same cases meet both.

use std::sync::OnceLock;

static CHOSEN: OnceLock<Target> = OnceLock::new();

/// What cases are run against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// One process that keeps everything in its data directory.
    OneMachine,
    /// Several processes of each role on Kafka and Cassandra.
    Cluster,
}

/// Chooses for the whole process, before the first case.
pub fn choose(target: Target) {
    CHOSEN.set(target).expect("chosen once");
}

/// What was chosen; one machine if nothing was.
pub fn chosen() -> Target {
    CHOSEN.get().copied().unwrap_or(Target::OneMachine)
}
