//! Connections that read, for readers that are further back than memory reaches.

use super::database::open_reader;
use crate::ReadError;
use parking_lot::Mutex;
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// How many reads may run at once; more would only queue at the disk.
const CONNECTIONS: usize = 4;

pub(super) struct ReadPool {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl ReadPool {
    pub fn new(path: PathBuf) -> Arc<Self> {
        Arc::new(Self { path, idle: Mutex::default(), permits: Arc::new(Semaphore::new(CONNECTIONS)) })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `read` on a thread that may block. When the caller goes away the read ends by itself, and holds
    /// its place until then.
    pub async fn read<T, F>(self: &Arc<Self>, read: F) -> Result<T, ReadError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let permit = self.permits.clone().acquire_owned().await.map_err(|_| ReadError::Closed)?;
        let pool = self.clone();
        let task = spawn_blocking(move || {
            let result = pool.read_here(read);
            drop(permit);
            result
        });
        task.await.map_err(broken)?.map_err(broken)
    }

    /// A connection goes back only after a read that went well: a new one is cheap.
    fn read_here<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let idle = self.idle.lock().pop();
        let connection = idle.map_or_else(|| open_reader(&self.path), Ok)?;
        let value = read(&connection)?;
        self.idle.lock().push(connection);
        Ok(value)
    }
}

fn broken(error: impl std::fmt::Display) -> ReadError {
    ReadError::Broken(error.to_string())
}
