//! The log of one machine: a SQLite file with one writer thread and group commit.
//!
//! An append is copied into its shard's lane ([`queue`]); the committer takes all lanes at once, writes one
//! row per shard in one transaction, and resolves the batch when it is on disk ([`committer`], [`writer`]).
//! Readers that keep up read from memory ([`tail`]), others from the file ([`reader`]).
//!
//! The directory must belong to one process: take its [`DirectoryLock`] first.

mod backup;
mod committer;
mod database;
mod error;
mod frame;
#[doc(hidden)]
pub mod frozen;
mod lock;
mod pool;
mod queue;
mod reader;
mod retention;
mod tail;
mod writer;

use crate::{AppendError, AppendTicket, Bounds, EventLog, MAX_RECORD_BYTES, ReadError, ShardReader};
use async_trait::async_trait;
use committer::{Committer, Health};
use domain::ids::{ShardCount, ShardId};
use domain::time::Clock;
pub use error::OpenError;
pub use lock::DirectoryLock;
use parking_lot::Mutex;
use pool::ReadPool;
use queue::Queue;
use reader::EmbeddedReader;
use retention::Retention;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use tail::Tail;
use tokio::sync::watch;
use writer::Writer;

/// How a log is kept.
#[derive(Clone, Debug)]
pub struct EmbeddedLogOptions {
    /// Holds `log.sqlite`; made if it is missing.
    pub directory: PathBuf,
    /// Fixed when the file is made.
    pub shards: ShardCount,
    /// Above this, the oldest rows that were released go. Measured as used pages of the file.
    pub retain_bytes: u64,
    /// Rows older than this go once they were released.
    pub retain_ms: u64,
    /// More records than this without their commit are answered with [`AppendError::Busy`].
    pub queue_records: usize,
}

/// [`EventLog`] over `log.sqlite`.
pub struct EmbeddedLog {
    shared: Arc<Shared>,
    shards: ShardCount,
    committer: Mutex<Option<JoinHandle<()>>>,
}

/// What appenders, readers and the committer have in common.
struct Shared {
    queue: Queue,
    /// Per shard.
    tails: Vec<Tail>,
    pool: Arc<ReadPool>,
    /// The committer has written all it will ever write.
    finished: watch::Sender<bool>,
}

impl EmbeddedLog {
    /// Opens the log in `options.directory`, making it if it is missing, and starts its writer thread.
    ///
    /// Refused when the linked SQLite is one that corrupts data, when the file has another number of shards or
    /// another format, and when it cannot be written. Blocks for some file operations.
    pub fn open(options: EmbeddedLogOptions, clock: Arc<dyn Clock>) -> Result<Arc<Self>, OpenError> {
        database::check_sqlite(rusqlite::version_number())?;
        let path = database::file_in(&options.directory);
        let connection = database::open_writer(&path, options.shards, clock.now())?;
        let writer = Writer::new(connection, options.shards).map_err(OpenError::sqlite(&path))?;
        let tails = tails_of(&writer, options.shards).map_err(OpenError::sqlite(&path))?;
        let shared = Arc::new(Shared {
            queue: Queue::new(options.shards, options.queue_records),
            tails,
            pool: ReadPool::new(path.clone()),
            finished: watch::Sender::new(false),
        });
        let retention = Retention::new(options.retain_bytes, options.retain_ms);
        let committer =
            Committer { shared: shared.clone(), writer, retention, clock, health: Health::default(), unswept: None };
        let thread = thread::Builder::new().name("log-committer".to_owned()).spawn(move || committer.run());
        let thread = thread.map_err(OpenError::io(&path))?;
        Ok(Arc::new(Self { shared, shards: options.shards, committer: Mutex::new(Some(thread)) }))
    }

    /// Opens the log in `directory` to read what stands in it now, while another process may go on writing it. Takes no
    /// appends, and a reader at the end of what there was waits for ever. Refused when there is none, or with another number of shards.
    pub fn open_to_read(directory: &Path, shards: ShardCount) -> Result<Arc<Self>, OpenError> {
        let path = database::file_in(directory);
        let connection = database::open_to_read(&path, shards)?;
        let writer = Writer::new(connection, shards).map_err(OpenError::sqlite(&path))?;
        let tails = tails_of(&writer, shards).map_err(OpenError::sqlite(&path))?;
        let (queue, finished) = (Queue::new(shards, 0), watch::Sender::new(true));
        queue.close();
        let shared = Arc::new(Shared { queue, tails, pool: ReadPool::new(path), finished });
        Ok(Arc::new(Self { shared, shards, committer: Mutex::default() }))
    }

    /// Copies the log as it is now into the directory `into`, while it runs, and returns the size of the copy in
    /// bytes. Refused when there is a `log.sqlite` already. Blocks for as long as copying takes.
    pub fn backup(&self, into: &Path) -> Result<u64, OpenError> {
        backup::copy(self.shared.pool.path(), into)
    }
}

fn tails_of(writer: &Writer, shards: ShardCount) -> rusqlite::Result<Vec<Tail>> {
    let bounds = writer.first()?.into_iter().zip(writer.next()).map(|(first, next)| Bounds { first, next: *next });
    Ok(bounds.map(|bounds| Tail::new(bounds, shards.get())).collect())
}

impl Shared {
    fn tail(&self, shard: ShardId) -> Result<&Tail, ReadError> {
        let missing = || ReadError::Broken(format!("there is no shard {shard}"));
        self.tails.get(usize::from(shard.0)).ok_or_else(missing)
    }
}

#[async_trait]
impl EventLog for EmbeddedLog {
    fn shards(&self) -> ShardCount {
        self.shards
    }

    fn append(&self, shard: ShardId, payload: Vec<u8>) -> AppendTicket {
        if payload.len() > MAX_RECORD_BYTES {
            return AppendTicket::ready(Err(AppendError::TooLarge));
        }
        self.shared.queue.push(shard, &payload).unwrap_or_else(|error| AppendTicket::ready(Err(error)))
    }

    async fn reader(&self, shard: ShardId, from: u64) -> Result<Box<dyn ShardReader>, ReadError> {
        Ok(Box::new(EmbeddedReader::new(self.shared.clone(), shard, from)?))
    }

    async fn bounds(&self, shard: ShardId) -> Result<Bounds, ReadError> {
        Ok(self.shared.tail(shard)?.head().bounds)
    }

    async fn release(&self, shard: ShardId, below: u64) {
        if let Ok(tail) = self.shared.tail(shard) {
            tail.release(below);
        }
    }

    async fn close(&self) {
        self.shared.queue.close();
        let mut finished = self.shared.finished.subscribe();
        // The sender lives in `shared`: waiting cannot fail.
        let _ = finished.wait_for(|finished| *finished).await;
    }
}

impl Drop for EmbeddedLog {
    /// Writes what is queued, so that a log that was dropped can be opened again at once.
    fn drop(&mut self) {
        self.shared.queue.close();
        let thread = self.committer.lock().take();
        // The last owner may be a task whose waker the committer itself dropped: it cannot wait for itself.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id()) {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::time::UnixMs;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> UnixMs {
            UnixMs(5)
        }
    }

    fn open(directory: &Path, shards: ShardCount) -> Arc<EmbeddedLog> {
        let directory = directory.to_owned();
        let (retain_bytes, retain_ms, queue_records) = (u64::MAX, u64::MAX, 100);
        EmbeddedLog::open(
            EmbeddedLogOptions { directory, shards, retain_bytes, retain_ms, queue_records },
            Arc::new(Still),
        )
        .unwrap()
    }

    #[tokio::test]
    async fn one_process_reads_what_another_has_written_so_far() {
        let (directory, shards, shard) = (tempfile::tempdir().unwrap(), ShardCount::new(2).unwrap(), ShardId(1));
        assert!(EmbeddedLog::open_to_read(directory.path(), shards).is_err(), "there is none");
        let writer = open(directory.path(), shards);
        writer.append(shard, b"one".to_vec()).await.unwrap();
        let looker = EmbeddedLog::open_to_read(directory.path(), shards).unwrap();
        assert_eq!(looker.bounds(shard).await, Ok(Bounds { first: 0, next: 1 }));
        let read = looker.reader(shard, 0).await.unwrap().next(10).await.unwrap();
        assert_eq!(read.iter().map(|record| &record.payload[..]).collect::<Vec<_>>(), [b"one"]);
        writer.append(shard, b"two".to_vec()).await.unwrap();
        assert_eq!(looker.bounds(shard).await, Ok(Bounds { first: 0, next: 1 }));
        assert_eq!(looker.append(shard, b"three".to_vec()).await, Err(AppendError::Closed));
        looker.close().await;
        assert!(EmbeddedLog::open_to_read(directory.path(), ShardCount::new(3).unwrap()).is_err());
        writer.close().await;
    }
}
