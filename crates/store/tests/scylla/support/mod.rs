//! Keyspaces for tests. Rules that draw ids of their own share one, which stays for the next run; its name
//! changes with the tables. Others make one, and remove it.

use domain::ids::ShardCount;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;
use store::scylla::schema::{Replication, apply};
use store::scylla::{ScyllaOptions, ScyllaStore, ScyllaTls};
use tokio::sync::OnceCell;

pub mod counts;
pub mod proxy;

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(60);
const TABLES: &str = include_str!("../../../src/scylla/schema/cassandra/0001_tables.cql");

/// The addresses of the nodes.
fn nodes() -> Vec<String> {
    let nodes = std::env::var("QP_CASSANDRA");
    let nodes =
        nodes.expect("QP_CASSANDRA must be the host:port of a Cassandra or ScyllaDB node, or several with commas");
    nodes.split(',').map(str::to_owned).collect()
}

/// The address of the one node, for what must not go around it.
pub fn only_node() -> String {
    match &nodes()[..] {
        [only] => only.clone(),
        _ => panic!("this test puts itself before the node: QP_CASSANDRA must name a cluster of one"),
    }
}

/// A copy on each node, up to three.
pub fn replication() -> Replication {
    Replication { factor: nodes().len().min(3) as u16 }
}

/// Who to log in as, if the node asks: `QP_CASSANDRA_LOGIN` is `name:password`.
fn login() -> (String, String) {
    let login = std::env::var("QP_CASSANDRA_LOGIN").unwrap_or_default();
    login.split_once(':').map(|(name, password)| (name.into(), password.into())).unwrap_or_default()
}

/// The authority of the node's certificate, if it has one: `QP_CASSANDRA_CA` is a PEM file.
fn tls() -> Option<ScyllaTls> {
    let ca_file = std::env::var_os("QP_CASSANDRA_CA")?.into();
    Some(ScyllaTls { ca_file, ..ScyllaTls::default() })
}

/// Options that suit a node of one's own.
pub fn options(keyspace: &str) -> ScyllaOptions {
    let (username, password) = login();
    ScyllaOptions {
        contact_points: nodes(),
        keyspace: keyspace.into(),
        local_dc: String::new(),
        username,
        password,
        tls: tls(),
        request_timeout: Duration::from_secs(10),
        shards: ShardCount::new(64).unwrap(),
        history_for: Duration::from_secs(86_400),
        transitions_for: Duration::from_secs(30 * 86_400),
    }
}

/// The keyspace that tests share, with its tables.
pub async fn shared_keyspace() -> &'static str {
    static KEYSPACE: OnceCell<String> = OnceCell::const_new();
    KEYSPACE
        .get_or_init(async || {
            let hash = TABLES.bytes().fold(0x811c_9dc5_u32, |hash, b| (hash ^ u32::from(b)).wrapping_mul(0x0100_0193));
            let keyspace = format!("qp_store_{hash:08x}");
            apply(&options(&keyspace), replication(), &mut |_| {}).await.unwrap();
            keyspace
        })
        .await
}

/// A store in the shared keyspace.
pub async fn open() -> Arc<ScyllaStore> {
    ScyllaStore::open(options(shared_keyspace().await)).await.unwrap()
}

/// A session past the store.
pub async fn raw() -> Session {
    let (name, password) = login();
    SessionBuilder::new().known_nodes(nodes()).user(name, password).build().await.unwrap()
}

/// A keyspace of a test's own, not made yet.
pub struct OwnKeyspace {
    pub name: String,
    pub session: Session,
}

impl OwnKeyspace {
    pub async fn new() -> Self {
        let name = format!("qp_store_own_{:016x}", RandomState::new().hash_one("keyspace"));
        Self { name, session: raw().await }
    }

    pub async fn apply(&self) {
        apply(&options(&self.name), replication(), &mut |_| {}).await.unwrap();
    }

    pub async fn run(&self, cql: &str) {
        self.session.query_unpaged(cql.replace("{ks}", &self.name), ()).await.unwrap();
    }

    /// To be called at the end; a test that fails before leaves it behind.
    pub async fn remove(self) {
        self.session.query_unpaged(format!("DROP KEYSPACE IF EXISTS {}", self.name), ()).await.unwrap();
    }
}

/// Waits until something holds.
pub async fn within(mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it did not come to hold");
}
