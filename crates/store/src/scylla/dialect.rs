//! Which of the two databases this is.

use super::retry::refused;
use crate::StoreError;
use scylla::client::session::Session;
use scylla::statement::Statement;

/// A database that speaks CQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Cassandra,
    Scylla,
}

/// ScyllaDB keeps what a node knows of itself in `system.scylla_local`; Cassandra has no such table.
const SCYLLA_HAS: &str =
    "SELECT table_name FROM system_schema.tables WHERE keyspace_name = 'system' AND table_name = 'scylla_local'";

impl Dialect {
    /// Asks the database.
    pub(super) async fn of(session: &Session) -> Result<Self, StoreError> {
        let mut question = Statement::new(SCYLLA_HAS);
        question.set_is_idempotent(true);
        // A node's own table: every node answers for itself.
        question.set_consistency(scylla::statement::Consistency::One);
        let answer = session.query_unpaged(question, ()).await.map_err(|e| refused(&e))?;
        let rows = answer.into_rows_result().map_err(|e| StoreError::Broken(e.to_string()))?;
        Ok(if rows.rows_num() > 0 { Self::Scylla } else { Self::Cassandra })
    }

    /// The word for people.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Cassandra => "Cassandra",
            Self::Scylla => "ScyllaDB",
        }
    }
}
