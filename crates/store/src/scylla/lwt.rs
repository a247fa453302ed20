//! Conditional writes. Their outcome after a time-out is not known: another try tells, if what it finds is
//! what we wrote.

use super::db::{Db, rows_of, unreadable};
use super::retry::{Failure, Patience, judge, refused};
use crate::{StoreError, metric};
use scylla::errors::ExecutionError;
use scylla::response::query_result::QueryResult;
use scylla::statement::batch::{Batch, BatchType};
use scylla::statement::prepared::PreparedStatement;
use scylla::statement::{Consistency, SerialConsistency};
use scylla::value::CqlValue;

/// What came of a conditional write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Applied,
    /// The condition did not hold.
    Refused,
    /// The condition did not hold, but an earlier try of this write may be the reason.
    RefusedAfterDoubt,
}

impl Db {
    /// One conditional write, or several to one partition that are carried out together or not at all.
    pub(super) async fn compare_and_set(
        &self,
        statements: &[(&PreparedStatement, Vec<CqlValue>)],
    ) -> Result<Outcome, StoreError> {
        let mut patience = Patience::new(self.write_patience());
        let mut in_doubt = false;
        loop {
            let error = match self.try_set(statements).await {
                Ok(answer) => return outcome(answer, in_doubt),
                Err(error) => error,
            };
            let failure = judge(&error);
            if failure == Failure::Unknown {
                metric::count_unknown_outcomes(1);
                in_doubt = true;
            }
            if failure == Failure::Lasting || !patience.wait().await {
                return Err(refused(&error));
            }
        }
    }

    async fn try_set(&self, statements: &[(&PreparedStatement, Vec<CqlValue>)]) -> Result<QueryResult, ExecutionError> {
        if let [(statement, values)] = statements {
            return self.session.execute_unpaged(statement, values).await;
        }
        let mut batch = Batch::new(BatchType::Logged);
        batch.set_consistency(Consistency::LocalQuorum);
        batch.set_serial_consistency(Some(SerialConsistency::Serial));
        statements.iter().for_each(|(statement, _)| batch.append_statement((*statement).clone()));
        let values: Vec<_> = statements.iter().map(|(_, values)| values).collect();
        self.session.batch(&batch, values).await
    }
}

/// Both databases answer with `[applied]` first: Cassandra with one row or the rows that were in the way,
/// ScyllaDB with a row per condition.
fn outcome(answer: QueryResult, in_doubt: bool) -> Result<Outcome, StoreError> {
    let answer = rows_of(answer)?;
    let row = answer.maybe_first_row::<scylla::value::Row>().map_err(unreadable)?;
    let applied = row.and_then(|row| row.columns.into_iter().next().flatten()).and_then(|value| value.as_boolean());
    match applied {
        Some(true) => Ok(Outcome::Applied),
        Some(false) if in_doubt => Ok(Outcome::RefusedAfterDoubt),
        Some(false) => Ok(Outcome::Refused),
        None => Err(unreadable("a conditional write says nothing of its condition")),
    }
}
