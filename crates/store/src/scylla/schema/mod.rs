//! The tables and their versions: `README.md` beside this has the rules.

mod keyspace;
mod lease;
mod steps;

use super::ScyllaOptions;
use super::db::{rows_of, unreadable};
use super::dialect::Dialect;
use super::retry::{Failure, judge, refused, repeat};
use super::session::connect;
use crate::StoreError;
use lease::Lease;
use scylla::client::session::Session;
use scylla::errors::{DbError, ExecutionError, RequestAttemptError};
use scylla::statement::Statement;
use scylla::value::CqlValue;
use std::time::Duration;
use steps::{NEWEST, STEPS, Step};

/// How long a change of the schema may take, with the agreement of all nodes.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(60);
/// What to do about a keyspace that is not as it should be.
const REMEDY: &str = "run `quietpulse admin schema apply`";

/// How many copies of each row, by `NetworkTopologyStrategy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replication {
    /// In the local data centre, or, if none is named, in each that the session sees.
    pub factor: u16,
}

/// One step of the schema, and when it was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationStatus {
    pub version: u32,
    pub name: String,
    /// By the database's clock.
    pub applied_ms: Option<i64>,
}

/// Brings the keyspace, made if it is not there, to the newest schema. Safe twice and from several nodes at
/// once: they wait for one another. `progress` gets a line for people per step.
pub async fn apply(
    options: &ScyllaOptions,
    replication: Replication,
    progress: &mut (dyn FnMut(String) + Send),
) -> Result<(), StoreError> {
    let session = connect(options).await?;
    let dialect = Dialect::of(&session).await?;
    progress(format!("the database is {}", dialect.word()));
    keyspace::make(&session, dialect, options, replication, progress).await?;
    let mut lease = Lease::take(&session, &options.keyspace, progress).await?;
    let outcome = take_steps(&session, dialect, &options.keyspace, &mut lease, progress).await;
    lease.release().await;
    outcome
}

/// All steps that this program knows, or the keyspace has; none is taken in a keyspace that is not there.
pub async fn status(options: &ScyllaOptions) -> Result<Vec<MigrationStatus>, StoreError> {
    let session = connect(options).await?;
    let taken = taken(&session, &options.keyspace).await?.unwrap_or_default();
    let applied_ms = |version| taken.iter().find(|step| step.version == version).map(|step| step.applied_ms);
    let known = STEPS.iter().map(|step| (step.version, step.name.to_owned()));
    let newer = taken.iter().filter(|step| step.version > NEWEST).map(|step| (step.version, step.name.clone()));
    let status = |(version, name)| MigrationStatus {
        version: u32::try_from(version).unwrap_or_default(),
        name,
        applied_ms: applied_ms(version),
    };
    Ok(known.chain(newer).map(status).collect())
}

/// Refuses a schema that this program cannot work with.
pub(super) async fn check(session: &Session, keyspace: &str) -> Result<(), StoreError> {
    let Some(taken) = taken(session, keyspace).await? else {
        return Err(StoreError::Broken(format!("the keyspace `{keyspace}` has no tables of quietpulse: {REMEDY}")));
    };
    let missing = STEPS.iter().find(|step| taken.iter().all(|taken| taken.version != step.version));
    if let Some(step) = missing {
        let (version, name) = (step.version, step.name);
        return Err(StoreError::Broken(format!(
            "the keyspace `{keyspace}` lacks step {version} ({name}) of the schema: {REMEDY}"
        )));
    }
    let too_new = taken.iter().find(|step| step.min_reader > NEWEST);
    too_new.map_or(Ok(()), |step| {
        let (version, name) = (step.version, &step.name);
        Err(StoreError::Broken(format!(
            "the keyspace `{keyspace}` has taken step {version} ({name}) of the schema, which this version of quietpulse \
             cannot work with: start a newer one"
        )))
    })
}

/// A step that a keyspace has taken.
struct Taken {
    version: i32,
    name: String,
    min_reader: i32,
    applied_ms: i64,
}

/// `None`: there is no such keyspace, or it was never ours.
async fn taken(session: &Session, keyspace: &str) -> Result<Option<Vec<Taken>>, StoreError> {
    let columns = "version, name, min_reader, applied_ms";
    let question = format!("SELECT {columns} FROM {keyspace}.schema_version WHERE part = 0 AND version > 0");
    let mut question = Statement::new(question);
    question.set_is_idempotent(true);
    let answer = match session.query_unpaged(question, ()).await {
        Ok(answer) => answer,
        Err(ExecutionError::LastAttemptError(RequestAttemptError::DbError(DbError::Invalid, _))) => return Ok(None),
        Err(error) => return Err(refused(&error)),
    };
    let answer = rows_of(answer)?;
    let rows = answer.rows::<(i32, Option<String>, Option<i32>, Option<i64>)>().map_err(unreadable)?;
    let taken = rows.map(|row| {
        let (version, name, min_reader, applied_ms) = row.map_err(unreadable)?;
        let min_reader = min_reader.unwrap_or(version);
        Ok(Taken { version, name: name.unwrap_or_default(), min_reader, applied_ms: applied_ms.unwrap_or_default() })
    });
    taken.collect::<Result<_, _>>().map(Some)
}

async fn take_steps(
    session: &Session,
    dialect: Dialect,
    keyspace: &str,
    lease: &mut Lease<'_>,
    progress: &mut (dyn FnMut(String) + Send),
) -> Result<(), StoreError> {
    let taken = taken(session, keyspace).await?.unwrap_or_default();
    for step in STEPS.iter().filter(|step| taken.iter().all(|taken| taken.version != step.version)) {
        progress(format!("step {} ({})", step.version, step.name));
        for statement in step.statements(dialect, keyspace) {
            lease.renew().await?;
            change(session, &statement).await?;
        }
        record(session, keyspace, step).await?;
    }
    progress(format!("the keyspace `{keyspace}` is at step {NEWEST}"));
    Ok(())
}

/// Changes the schema by a statement that may be repeated, and waits until all nodes have it.
async fn change(session: &Session, statement: &str) -> Result<(), StoreError> {
    let mut statement = Statement::new(statement);
    statement.set_request_timeout(Some(CHANGE_TIMEOUT));
    let statement = &statement;
    repeat(2 * CHANGE_TIMEOUT, true, || session.query_unpaged(statement.clone(), ())).await?;
    agree(session).await
}

/// Waits until all nodes have the same schema. The driver does so after a change, but not after a statement
/// that changed nothing since another node was first, whose change may not be everywhere yet.
async fn agree(session: &Session) -> Result<(), StoreError> {
    session.await_schema_agreement().await.map(drop).map_err(|e| StoreError::Busy(e.to_string()))
}

async fn record(session: &Session, keyspace: &str, step: &Step) -> Result<(), StoreError> {
    let statement = format!(
        "INSERT INTO {keyspace}.schema_version (part, version, name, min_reader, applied_ms)
         VALUES (0, ?, ?, ?, toUnixTimestamp(now())) IF NOT EXISTS"
    );
    let values =
        vec![CqlValue::Int(step.version), CqlValue::Text(step.name.to_owned()), CqlValue::Int(step.min_reader)];
    // Whether it was there already does not matter.
    conditional(session, &statement, values).await.map(drop)
}

/// A conditional write that may be repeated; whether it was applied.
async fn conditional(session: &Session, statement: &str, values: Vec<CqlValue>) -> Result<bool, StoreError> {
    let request = || session.query_unpaged(statement, &values);
    let answer = repeat(CHANGE_TIMEOUT, true, request).await?;
    let answer = rows_of(answer)?;
    let row = answer.maybe_first_row::<scylla::value::Row>().map_err(unreadable)?;
    let applied = row.and_then(|row| row.columns.into_iter().next().flatten()).and_then(|value| value.as_boolean());
    applied.ok_or_else(|| unreadable("a conditional write says nothing of its condition"))
}

/// Whether a statement is refused because this release of the database does not know it.
fn is_unknown_to_it(error: &ExecutionError) -> bool {
    judge(error) == Failure::Lasting
        && matches!(
            error,
            ExecutionError::LastAttemptError(RequestAttemptError::DbError(
                DbError::SyntaxError | DbError::Invalid | DbError::ConfigError,
                _
            ))
        )
}
