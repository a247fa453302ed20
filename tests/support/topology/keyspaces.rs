//! Keyspaces that go from one topology to the next, emptied in between: making one takes seconds.

use super::background::background;
use super::real::Real;
use crate::support::runner::lock;
use scylla::client::session::Session;
use scylla::client::session_builder::SessionBuilder;
use std::sync::{Arc, Mutex};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, Semaphore};

/// Topologies at once on one set of servers: each has some seven processes.
const AT_ONCE: usize = 3;

/// The keyspaces of one set of servers.
pub struct Keyspaces {
    places: Arc<Semaphore>,
    /// Made, and in nobody's use.
    free: Mutex<Vec<String>>,
    made: Mutex<Vec<String>>,
    session: OnceCell<Arc<Session>>,
}

/// A keyspace for as long as this lives.
pub struct Lease {
    keyspace: String,
    is_new: bool,
    real: Arc<Real>,
    _place: OwnedSemaphorePermit,
}

impl Lease {
    /// An empty keyspace, or the name of one to be made. Waits until few enough others are in use.
    pub async fn take(real: &Arc<Real>) -> Self {
        let keyspaces = real.keyspaces();
        let place = Arc::clone(&keyspaces.places).acquire_owned().await.expect("never closed");
        let used = lock(&keyspaces.free).pop();
        if let Some(keyspace) = &used {
            keyspaces.empty(keyspace, real.cassandra()).await;
        }
        let is_new = used.is_none();
        let keyspace = used.unwrap_or_else(|| keyspaces.name());
        Self { keyspace, is_new, real: Arc::clone(real), _place: place }
    }

    pub fn keyspace(&self) -> &str {
        &self.keyspace
    }

    /// Whether nothing is there yet.
    pub fn is_new(&self) -> bool {
        self.is_new
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        lock(&self.real.keyspaces().free).push(self.keyspace.clone());
    }
}

impl Default for Keyspaces {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(AT_ONCE)),
            free: Mutex::default(),
            made: Mutex::default(),
            session: OnceCell::const_new(),
        }
    }
}

impl Keyspaces {
    fn name(&self) -> String {
        let name = format!("qp_suite_{:08x}", rand::random::<u32>());
        lock(&self.made).push(name.clone());
        name
    }

    /// Removes all rows, and keeps what says which schema it is.
    async fn empty(&self, keyspace: &str, nodes: &str) {
        let (session, keyspace) = (self.session(nodes).await, keyspace.to_owned());
        let emptied = background().spawn(async move {
            let tables = tables(&session, &keyspace).await;
            assert!(!tables.is_empty(), "{keyspace} has no tables");
            let truncate = |table: String| {
                let (session, statement) = (Arc::clone(&session), format!("TRUNCATE {keyspace}.{table}"));
                async move { session.query_unpaged(statement, ()).await.map(drop).map_err(|error| error.to_string()) }
            };
            futures::future::try_join_all(tables.into_iter().map(truncate)).await.map(drop)
        });
        emptied.await.expect("a task").expect("an emptied keyspace");
    }

    /// Pairs of blobs that a query selects.
    pub async fn query_blobs(&self, nodes: &str, query: String) -> Vec<(Vec<u8>, Vec<u8>)> {
        let session = self.session(nodes).await;
        let found = background().spawn(async move {
            let rows = session.query_unpaged(query, ()).await.expect("an answer").into_rows_result().expect("rows");
            let pairs = rows.rows::<(Vec<u8>, Vec<u8>)>().expect("pairs of blobs");
            pairs.map(|row| row.expect("a row")).collect()
        });
        found.await.expect("a task")
    }

    /// Drops what was made, for servers that outlive the run.
    pub async fn drop_all(&self, nodes: &str) {
        let made = std::mem::take(&mut *lock(&self.made));
        if made.is_empty() {
            return;
        }
        let session = self.session(nodes).await;
        let dropping = background().spawn(async move {
            for keyspace in made {
                let statement = format!("DROP KEYSPACE IF EXISTS {keyspace}");
                if let Err(error) = session.query_unpaged(statement, ()).await {
                    eprintln!("{keyspace} stays behind: {error}");
                }
            }
        });
        dropping.await.expect("a task");
    }

    async fn session(&self, nodes: &str) -> Arc<Session> {
        let nodes: Vec<String> = nodes.split(',').map(str::to_owned).collect();
        let connect = async || {
            let session = background().spawn(async move {
                SessionBuilder::new().known_nodes(nodes).disallow_shard_aware_port(true).build().await
            });
            Arc::new(session.await.expect("a task").expect("a session with the database"))
        };
        Arc::clone(self.session.get_or_init(connect).await)
    }
}

/// All tables but the one that lists the steps of the schema.
async fn tables(session: &Session, keyspace: &str) -> Vec<String> {
    let query = "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ?";
    let rows = session.query_unpaged(query, (keyspace,)).await.expect("the tables").into_rows_result();
    let rows = rows.expect("rows");
    let names = rows.rows::<(String,)>().expect("names").map(|row| row.expect("a name").0);
    names.filter(|name| !name.contains("schema") && !name.contains("migration")).collect()
}
