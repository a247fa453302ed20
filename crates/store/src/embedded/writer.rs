//! The one thread that writes. Whatever is queued when it looks shares one transaction and one fsync; nobody
//! waits for company, since under load company is there and without load waiting only costs time.
//!
//! What the log can bring back (the rows of a shard's steps) is written without an fsync of its own: it
//! survives the loss of the process, and the next write that must last (a snapshot, a key, a channel) syncs it
//! too, since the WAL is synced up to its end. Power that fails in between takes rows that the log, which is
//! released only after a snapshot, brings back with the same ids.
//!
//! Each write of a group runs in a savepoint: one that fails (a conflict) takes back its own rows only. Callers hear
//! the outcome after the commit.

use super::connection::broken;
use crate::{StoreError, metric};
use parking_lot::Mutex;
use rusqlite::Connection;
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

/// Writes that may wait; callers beyond that wait for room.
const QUEUE: usize = 1_024;
/// The most writes of one transaction, and the most rows, so that the first of them is not kept waiting.
const MAX_GROUP_WRITES: usize = 256;
const MAX_GROUP_ROWS: usize = 20_000;

/// One write and who waits for it.
trait Job: Send {
    fn rows(&self) -> usize;
    fn safety(&self) -> Safety;
    /// Does the work; whether it succeeded.
    fn run(&mut self, connection: &Connection) -> bool;
    /// Tells the caller, once it is known whether the transaction was committed.
    fn tell(self: Box<Self>, commit: Result<(), StoreError>);
}

/// What a write must survive when its caller hears of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Safety {
    /// The end of the process; after a loss of power the log brings it back.
    Process,
    /// The loss of power.
    Power,
}

struct Pending<T, F> {
    rows: usize,
    safety: Safety,
    work: Option<F>,
    result: Option<Result<T, StoreError>>,
    caller: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Pending<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, StoreError> + Send,
{
    fn rows(&self) -> usize {
        self.rows
    }

    fn safety(&self) -> Safety {
        self.safety
    }

    fn run(&mut self, connection: &Connection) -> bool {
        self.result = self.work.take().map(|work| work(connection));
        matches!(self.result, Some(Ok(_)))
    }

    fn tell(self: Box<Self>, commit: Result<(), StoreError>) {
        let outcome = match (self.result, commit) {
            (Some(Err(refusal)), _) => Err(refusal),
            (_, Err(problem)) => Err(problem),
            (Some(Ok(value)), Ok(())) => Ok(value),
            (None, Ok(())) => Err(stopped()),
        };
        // A caller that no longer waits was told nothing and may try again: writes are idempotent.
        let _ = self.caller.send(outcome);
    }
}

fn stopped() -> StoreError {
    StoreError::Broken("the store's writer has stopped".into())
}

/// The thread and its queue. Dropping it writes what is queued and waits for that.
pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Takes the writing connection.
    pub(super) fn start(connection: Connection) -> Result<Self, StoreError> {
        let (queue, jobs) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new().name("store-writer".into()).spawn(move || serve(&connection, jobs));
        let thread = thread.map_err(|e| StoreError::Broken(format!("no thread for the store's writer: {e}")))?;
        Ok(Self { queue: Some(queue), thread: Mutex::new(Some(thread)) })
    }

    /// Runs `work` in a group commit; returns when that is durable. `rows` is about how many it writes. Once
    /// queued it is done even if the caller goes away.
    pub(super) async fn run<T, F>(&self, rows: usize, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        self.run_safely(Safety::Power, rows, work).await
    }

    /// As [`run`](Self::run), for rows that need not survive everything at once.
    pub(super) async fn run_safely<T, F>(&self, safety: Safety, rows: usize, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let (caller, outcome) = oneshot::channel();
        let job = Box::new(Pending { rows, safety, work: Some(work), result: None, caller });
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        queue.send(job).await.map_err(|_| stopped())?;
        outcome.await.map_err(|_| stopped())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(Err(_)) = self.thread.lock().take().map(JoinHandle::join) {
            tracing::error!("the store's writer thread had panicked");
        }
    }
}

/// Steps of nice(2) below the threads that answer pings: what is written here is in the log already.
const NICER: i32 = 5;

fn serve(connection: &Connection, mut jobs: mpsc::Receiver<Box<dyn Job>>) {
    // Concerns this thread only (Linux). A system that refuses it serves all the same.
    let _ = rustix::process::nice(NICER);
    while let Some(first) = jobs.blocking_recv() {
        let mut group = gather(first, &mut jobs);
        let started = Instant::now();
        let commit = commit(connection, &mut group);
        report(&commit, group.len(), started);
        group.into_iter().for_each(|job| job.tell(commit.clone()));
    }
}

/// The first job and those that are already waiting behind it.
fn gather(first: Box<dyn Job>, jobs: &mut mpsc::Receiver<Box<dyn Job>>) -> Vec<Box<dyn Job>> {
    let mut rows = first.rows();
    let mut group = vec![first];
    while group.len() < MAX_GROUP_WRITES && rows < MAX_GROUP_ROWS {
        let Ok(job) = jobs.try_recv() else { break };
        rows += job.rows();
        group.push(job);
    }
    group
}

fn commit(connection: &Connection, group: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
    let safest = group.iter().map(|job| job.safety()).max();
    connection.execute_batch(synchronous(safest.unwrap_or(Safety::Power))).map_err(broken)?;
    let outcome = statement(connection, "begin immediate").and_then(|()| {
        if let [only] = group {
            return run_alone(connection, only.as_mut());
        }
        group.iter_mut().try_for_each(|job| run_in_savepoint(connection, job.as_mut()))?;
        statement(connection, "commit")
    });
    if outcome.is_err() && !connection.is_autocommit() {
        // Nothing to add if this fails too: the next `begin` will say so.
        let _ = statement(connection, "rollback");
    }
    outcome
}

/// In WAL mode `full` syncs at each commit, `normal` only at checkpoints (SQLite, pragma synchronous).
fn synchronous(safety: Safety) -> &'static str {
    match safety {
        Safety::Process => "pragma synchronous = normal",
        Safety::Power => "pragma synchronous = full",
    }
}

/// A write without company needs no savepoint, which would copy each page that it touches.
fn run_alone(connection: &Connection, job: &mut dyn Job) -> Result<(), StoreError> {
    let end = if job.run(connection) { "commit" } else { "rollback" };
    statement(connection, end)
}

fn run_in_savepoint(connection: &Connection, job: &mut dyn Job) -> Result<(), StoreError> {
    statement(connection, "savepoint job")?;
    if job.run(connection) {
        return statement(connection, "release job");
    }
    // A full disk makes SQLite roll the whole transaction back: then this fails, and so does the group.
    statement(connection, "rollback to job")?;
    statement(connection, "release job")
}

fn statement(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection.prepare_cached(sql).and_then(|mut statement| statement.execute(())).map(drop).map_err(broken)
}

fn report(commit: &Result<(), StoreError>, writes: usize, started: Instant) {
    match commit {
        Ok(()) => metric::observe_commit(writes, started.elapsed().as_secs_f64()),
        Err(error) => {
            metric::count_unknown_outcomes(writes);
            tracing::error!(writes, %error, "the store could not commit");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc as std_mpsc;

    fn count(connection: &Connection) -> i64 {
        connection.query_row("select count(*) from t", (), |row| row.get(0)).unwrap()
    }

    fn writer() -> (Writer, tempfile::TempDir) {
        let directory = tempfile::tempdir().unwrap();
        let connection = Connection::open(directory.path().join("w")).unwrap();
        connection.execute_batch("create table t (x integer primary key)").unwrap();
        (Writer::start(connection).unwrap(), directory)
    }

    fn insert(connection: &Connection, x: i64) -> Result<(), StoreError> {
        connection.execute("insert into t values (?1)", [x]).map(drop).map_err(broken)
    }

    /// Keeps the writer busy until told, so that what is queued meanwhile becomes one group.
    async fn hold(writer: &Writer) -> (std_mpsc::Sender<()>, impl Future<Output = Result<(), StoreError>>) {
        let (go, wait) = std_mpsc::channel::<()>();
        let (at_work, started) = oneshot::channel();
        let held = writer.run(1, move |_| {
            let _ = at_work.send(());
            let _ = wait.recv();
            Ok(())
        });
        let mut held = Box::pin(held);
        tokio::select! {
            _ = &mut held => unreachable!("it waits for us"),
            _ = started => (go, held),
        }
    }

    #[tokio::test]
    async fn a_refused_write_takes_back_its_own_rows_only() {
        let (writer, _keep) = writer();
        let (go, held) = hold(&writer).await;
        let first = writer.run(1, |c| insert(c, 1));
        let refused = writer.run(2, |c| insert(c, 2).and_then(|()| Err::<(), _>(StoreError::Conflict("no".into()))));
        let last = writer.run(1, |c| insert(c, 3).map(|()| c.total_changes()));
        let everything = async { tokio::join!(first, refused, last) };
        let (outcome, _, held) = tokio::join!(everything, async { go.send(()).unwrap() }, held);
        held.unwrap();
        assert_eq!((outcome.0, outcome.1), (Ok(()), Err(StoreError::Conflict("no".into()))));
        outcome.2.unwrap();
        assert_eq!(writer.run(0, |c| Ok(count(c))).await, Ok(2));
    }

    #[tokio::test]
    async fn a_write_that_is_refused_alone_takes_back_its_rows() {
        let (writer, _keep) = writer();
        let refused = writer.run(2, |c| insert(c, 2).and_then(|()| Err::<(), _>(StoreError::Conflict("no".into()))));
        assert_eq!(refused.await, Err(StoreError::Conflict("no".into())));
        assert_eq!(writer.run(0, |c| Ok((count(c), c.is_autocommit()))).await, Ok((0, false)));
        writer.run(1, |c| insert(c, 2)).await.unwrap();
        assert_eq!(writer.run(0, |c| Ok(count(c))).await, Ok(1));
    }

    #[tokio::test]
    async fn a_group_that_cannot_commit_fails_for_everyone_and_the_next_works() {
        let (writer, _keep) = writer();
        let (go, held) = hold(&writer).await;
        let first = writer.run(1, |c| insert(c, 1));
        // As SQLite does by itself when the disk is full.
        let spoiler = writer.run(1, |c| c.execute_batch("rollback").map_err(broken));
        let (first, spoiler, _, _) = tokio::join!(first, spoiler, async { go.send(()).unwrap() }, held);
        assert!(matches!(first, Err(StoreError::Broken(_))) && spoiler.is_err());
        writer.run(1, |c| insert(c, 1)).await.unwrap();
        assert_eq!(writer.run(0, |c| Ok(count(c))).await, Ok(1));
    }

    fn mode(connection: &Connection) -> i64 {
        connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap()
    }

    #[tokio::test]
    async fn a_group_is_as_safe_as_its_safest_write() {
        let (writer, _keep) = writer();
        assert_eq!(writer.run(0, |c| Ok(mode(c))).await, Ok(2));
        assert_eq!(writer.run_safely(Safety::Process, 0, |c| Ok(mode(c))).await, Ok(1));
        let (go, held) = hold(&writer).await;
        let lasting = writer.run(1, |c| Ok(mode(c)));
        let recoverable = writer.run_safely(Safety::Process, 1, |c| Ok(mode(c)));
        let (lasting, recoverable, _, _) = tokio::join!(lasting, recoverable, async { go.send(()).unwrap() }, held);
        assert_eq!((lasting, recoverable), (Ok(2), Ok(2)));
    }

    #[tokio::test]
    async fn dropping_it_writes_what_is_queued() {
        let (writer, directory) = writer();
        let (go, held) = hold(&writer).await;
        drop(held);
        let mut queued = Box::pin(writer.run(1, |c| insert(c, 1)));
        tokio::select! {
            biased;
            _ = &mut queued => unreachable!("the writer is held"),
            _ = std::future::ready(()) => {}
        }
        drop(queued);
        go.send(()).unwrap();
        drop(writer);
        assert_eq!(count(&Connection::open(directory.path().join("w")).unwrap()), 1);
    }
}
