//! Keyspaces for tests. Rules that draw ids of their own share one, which stays for the next run; its name
//! changes with the tables. Others make one, and remove it.

use domain::ids::ShardCount;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;
use store::scylla::schema::{Replication, apply};
use store::scylla::{ScyllaOptions, ScyllaStore};
use tokio::sync::OnceCell;

pub mod counts;
pub mod proxy;

const ONE_COPY: Replication = Replication { factor: 1 };
const TABLES: &str = include_str!("../../../src/scylla/schema/cassandra/0001_tables.cql");

/// The node's address.
pub fn node() -> String {
    std::env::var("QP_CASSANDRA").expect("QP_CASSANDRA must be the host:port of a Cassandra or ScyllaDB node")
}

/// Options that suit a node of one's own.
pub fn options(keyspace: &str) -> ScyllaOptions {
    ScyllaOptions {
        contact_points: vec![node()],
        keyspace: keyspace.into(),
        local_dc: String::new(),
        username: String::new(),
        password: String::new(),
        tls: None,
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
            apply(&options(&keyspace), ONE_COPY, &mut |_| {}).await.unwrap();
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
    SessionBuilder::new().known_node(node()).build().await.unwrap()
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
        apply(&options(&self.name), ONE_COPY, &mut |_| {}).await.unwrap();
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
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it did not come to hold");
}
