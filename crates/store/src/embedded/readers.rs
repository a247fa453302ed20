//! A few connections that only read, used on the runtime's blocking threads. Each read sees what was
//! committed when it began; it never waits for the writer, nor the writer for it.

use super::connection::open_reader;
use crate::StoreError;
use parking_lot::Mutex;
use rusqlite::Connection;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Reads at a time.
const CONNECTIONS: usize = 4;
/// How long a read waits for its turn.
const MAX_WAIT: Duration = Duration::from_secs(5);

#[derive(Clone)]
pub(super) struct Readers {
    pool: Arc<Pool>,
    turns: Arc<Semaphore>,
}

struct Pool {
    file: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    /// Opens one connection, so that a file that cannot be read is known at start; the others when needed.
    pub(super) fn open(file: PathBuf) -> Result<Self, StoreError> {
        let first = open_reader(&file)?;
        let pool = Pool { file, idle: Mutex::new(vec![first]) };
        Ok(Self { pool: Arc::new(pool), turns: Arc::new(Semaphore::new(CONNECTIONS)) })
    }

    /// Runs `work` with a connection. Safe to cancel: the read then ends unheard.
    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    {
        let turn = self.turn().await?;
        let pool = self.pool.clone();
        let read = tokio::task::spawn_blocking(move || pool.run(turn, work));
        read.await.map_err(|_| StoreError::Broken("a read was cut off".into()))?
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        match tokio::time::timeout(MAX_WAIT, self.turns.clone().acquire_owned()).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(StoreError::Busy("too many reads at a time".into())),
        }
    }

    /// Closes what is idle, so that the writer is the last to close and tidies the write-ahead log away.
    pub(super) fn close_idle(&self) {
        self.pool.idle.lock().clear();
    }
}

impl Pool {
    fn run<T>(
        &self,
        _turn: OwnedSemaphorePermit,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = self.idle.lock().pop();
        let connection = idle.map_or_else(|| open_reader(&self.file), Ok)?;
        let outcome = work(&connection);
        self.idle.lock().push(connection);
        outcome
    }
}
