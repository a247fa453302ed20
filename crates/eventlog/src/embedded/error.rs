//! Why a log, its lock or its copy could not be opened.

use std::io;
use std::path::{Path, PathBuf};

/// Why the log on disk is not opened. Each message names the place and what to do or what was found.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// SQLite 3.7.0 to 3.51.2 can corrupt a WAL database when a checkpoint meets a writer.
    #[error("SQLite version number {found} is linked in, {needed} or newer is needed")]
    OldSqlite { found: i32, needed: i32 },
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    #[error("{path}: {source}")]
    Sqlite { path: PathBuf, source: rusqlite::Error },
    #[error("{path}: the file system does not support write-ahead logging (SQLite chose journal mode {mode:?})")]
    NoWal { path: PathBuf, mode: String },
    #[error("{path} has {found} shards, {wanted} were asked for: the number is fixed when an installation is created")]
    ShardCount { path: PathBuf, found: i64, wanted: u16 },
    #[error("{path} has format {found}, this program reads format {known}")]
    Format { path: PathBuf, found: i64, known: i64 },
    #[error("directory {directory} is in use by {}", holder(*.pid))]
    Locked { directory: PathBuf, pid: Option<u32> },
    #[error("{path} exists already: a backup overwrites nothing")]
    Exists { path: PathBuf },
}

impl OpenError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(super) fn sqlite(path: &Path) -> impl FnOnce(rusqlite::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Sqlite { path, source }
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}
