//! The session with its statements: every request of the store goes through here.

use super::ScyllaOptions;
use super::dialect::Dialect;
use super::retry::repeat;
use super::statements::Statements;
use crate::{StoreError, metric};
use scylla::client::session::Session;
use scylla::deserialize::row::DeserializeRow;
use scylla::response::query_result::{QueryResult, QueryRowsResult};
use scylla::response::{PagingState, PagingStateResponse};
use scylla::serialize::row::SerializeRow;
use scylla::statement::prepared::PreparedStatement;
use std::ops::ControlFlow;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Writes under way at once, of all shards of the process. More only wait in the database's queues: 64 small
/// writes at once kept a node of two cores busy.
pub(super) const WRITES_IN_FLIGHT: usize = 32;
/// A write is tried again for so many times the time of one request; a read for one.
const WRITE_PATIENCE: u32 = 3;
/// No lifetime of the database may be longer: 20 years.
const LONGEST_LIFE_SECS: u64 = 630_720_000;

/// What the store works with.
pub(super) struct Db {
    pub session: Session,
    pub statements: Statements,
    pub writes: Semaphore,
    pub shards: domain::ids::ShardCount,
    pub lifetimes: Lifetimes,
    request_timeout: Duration,
}

/// How long rows live, in seconds; 0: for ever.
#[derive(Clone, Copy)]
pub(super) struct Lifetimes {
    pub history: i32,
    pub transitions: i32,
    pub feed: i32,
}

/// How long a cursor over a tenant's transitions can be gone on from.
const FEED_FOR: Duration = Duration::from_secs(7 * 86_400);

impl Lifetimes {
    fn of(options: &ScyllaOptions) -> Self {
        let transitions = seconds(options.transitions_for);
        let feed = if transitions == 0 { seconds(FEED_FOR) } else { transitions.min(seconds(FEED_FOR)) };
        Self { history: seconds(options.history_for), transitions, feed }
    }
}

fn seconds(lifetime: Duration) -> i32 {
    // A part of a second is not for ever.
    let whole = lifetime.as_secs() + u64::from(lifetime.subsec_nanos() > 0);
    whole.min(LONGEST_LIFE_SECS) as i32
}

/// The life of a row that says where rows of `lifetime` lie which are written for another `longer` seconds.
pub(super) fn outliving(lifetime: i32, longer: i32) -> i32 {
    if lifetime == 0 { 0 } else { lifetime.saturating_add(longer).min(LONGEST_LIFE_SECS as i32) }
}

impl Db {
    pub(super) fn new(session: Session, statements: Statements, options: &ScyllaOptions, dialect: Dialect) -> Self {
        let keyspace = options.keyspace.as_str();
        tracing::info!(database = dialect.word(), keyspace, "connected to the store");
        Self {
            session,
            statements,
            writes: Semaphore::new(WRITES_IN_FLIGHT),
            shards: options.shards,
            lifetimes: Lifetimes::of(options),
            request_timeout: options.request_timeout,
        }
    }

    /// How long a write is tried again.
    pub(super) fn write_patience(&self) -> Duration {
        self.request_timeout * WRITE_PATIENCE
    }

    /// The first row.
    pub(super) async fn one<R>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<Option<R>, StoreError>
    where
        R: for<'f> DeserializeRow<'f, 'f>,
    {
        let request = || self.session.execute_unpaged(statement, &values);
        let result = repeat(self.request_timeout, false, request).await?;
        rows_of(result)?.maybe_first_row::<R>().map_err(unreadable)
    }

    /// A page of rows, and where the next begins. It may be empty and not the last: the database counts what it
    /// looked at.
    pub(super) async fn page<R>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
        from: PagingState,
    ) -> Result<(Vec<R>, Option<PagingState>), StoreError>
    where
        R: for<'f> DeserializeRow<'f, 'f>,
    {
        let request = || self.session.execute_single_page(statement, &values, from.clone());
        let (result, next): (QueryResult, PagingStateResponse) = repeat(self.request_timeout, false, request).await?;
        let rows = rows_of(result)?;
        let rows = rows.rows::<R>().map_err(unreadable)?.collect::<Result<Vec<R>, _>>().map_err(unreadable)?;
        match next.into_paging_control_flow() {
            ControlFlow::Continue(next) => Ok((rows, Some(next))),
            ControlFlow::Break(()) => Ok((rows, None)),
        }
    }

    /// All rows, page by page: for what is known to be small.
    pub(super) async fn all<R>(
        &self,
        statement: &PreparedStatement,
        values: impl SerializeRow,
    ) -> Result<Vec<R>, StoreError>
    where
        R: for<'f> DeserializeRow<'f, 'f>,
    {
        let (mut rows, mut next) = self.page::<R>(statement, &values, PagingState::start()).await?;
        while let Some(from) = next {
            let (more, after) = self.page::<R>(statement, &values, from).await?;
            rows.extend(more);
            next = after;
        }
        Ok(rows)
    }
}

pub(super) fn rows_of(result: QueryResult) -> Result<QueryRowsResult, StoreError> {
    result.into_rows_result().map_err(unreadable)
}

/// The columns are not what this program expects: the schema is another's.
pub(super) fn unreadable(problem: impl std::fmt::Display) -> StoreError {
    StoreError::Broken(format!("the answer is not as expected: {problem}"))
}

/// Lists leave damaged rows out, count them and say so.
pub(super) fn without_damaged<T>(found: Result<Option<T>, StoreError>) -> Result<Option<T>, StoreError> {
    match found {
        Err(StoreError::Damaged { table, problem }) => {
            metric::count_damaged_row(table);
            tracing::warn!(table, problem, "a damaged row was left out of a list");
            Ok(None)
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_whole_seconds_and_zero_is_for_ever() {
        let all = [0, 1, 1_500, 86_400_000].map(|ms| seconds(Duration::from_millis(ms)));
        assert_eq!(all, [0, 1, 2, 86_400]);
        assert_eq!(seconds(Duration::MAX - Duration::from_secs(1)), LONGEST_LIFE_SECS as i32);
        assert_eq!([outliving(0, 9), outliving(5, 9), outliving(i32::MAX, 9)], [0, 14, LONGEST_LIFE_SECS as i32]);
    }
}
