//! The store on ScyllaDB or Apache Cassandra 5.
//!
//! Rows of a shard are written with the log's time as their timestamp, so whoever writes last, the later
//! state stays, and two believed owners of a shard end with the same rows (invariant I6) without locks. The
//! directory (tenants, keys, channels) has several writers and uses conditional writes instead; no table has both.
//! Every other statement may be repeated and is, when its outcome is unknown ([`retry`]).
//!
//! What one node accepts is durable as that node's commit log is set: use `commitlog_sync: batch` (or `group`) on
//! Cassandra, or three copies in different racks. ScyllaDB rejects timestamps more than three days ahead of its
//! clock, unless `restrict_future_timestamp` is off: a log whose broker has a wrong date stands still there.

mod db;
mod dialect;
mod directory;
mod encode;
mod feed;
#[doc(hidden)]
pub mod frozen;
mod group;
mod keys;
mod lane;
mod lwt;
mod newest;
mod open;
mod put;
mod retry;
pub mod schema;
mod session;
mod shard_tables;
mod snapshot;
mod spans;
mod statements;
mod tenant_reads;
mod tls;

use crate::{Store, StoreError};
use async_trait::async_trait;
use db::Db;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How to reach the database, and as whom.
#[derive(Clone)]
pub struct ScyllaOptions {
    /// `host:port` of some nodes.
    pub contact_points: Vec<String>,
    pub keyspace: String,
    /// The data centre whose nodes are asked; empty: any.
    pub local_dc: String,
    pub username: String,
    pub password: String,
    pub tls: Option<ScyllaTls>,
    /// How long one request may take.
    pub request_timeout: Duration,
    /// How many shards the installation has: what is read across shards is read from each.
    pub shards: domain::ids::ShardCount,
    /// How long pings are kept, counted from when they were written; zero: for ever.
    pub history_for: Duration,
    /// How long transitions and deliveries are kept, counted from when they were written; zero: for ever.
    pub transitions_for: Duration,
}

/// PEM files; an empty path is not used. Without `ca_file` the system's roots count. A node's certificate must
/// name the IP address that it is dialled at.
#[derive(Clone, Debug, Default)]
pub struct ScyllaTls {
    pub ca_file: PathBuf,
    pub certificate_file: PathBuf,
    pub key_file: PathBuf,
}

/// All tables in one keyspace.
pub struct ScyllaStore {
    db: Db,
    spans: spans::KnownSpans,
    heads: feed::KnownHeads,
}

impl ScyllaStore {
    /// Connects and prepares every statement. Refuses a schema that is older than this program, or newer than
    /// it can work with.
    pub async fn open(options: ScyllaOptions) -> Result<Arc<Self>, StoreError> {
        let db = open::open(&options).await?;
        Ok(Arc::new(Self { db, spans: spans::KnownSpans::default(), heads: feed::KnownHeads::default() }))
    }
}

#[async_trait]
impl Store for ScyllaStore {
    /// Nothing to do: every row of that kind is written with its lifetime, and the database drops it by itself.
    async fn expire(&self, _history_before_ms: i64, _transitions_before_ms: i64) -> Result<u64, StoreError> {
        Ok(0)
    }

    /// Reads a row with the consistency of every other read.
    async fn ping(&self) -> Result<(), StoreError> {
        self.db.one::<(i32,)>(&self.db.statements.schema_version, ()).await.map(drop)
    }
}
