//! Connections to the file, and SQLite's errors in the store's words.

use crate::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// The file, inside the data directory.
pub(super) const FILE: &str = "store.sqlite";
/// The first version without the WAL-reset corruption of 3.7.0 to 3.51.2 (sqlite.org/wal.html, "The WAL-Reset Bug").
const LEAST_SQLITE: i32 = 3_051_003;
/// How long a statement waits for another process (a shell, a copy) that holds the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Statements a connection keeps prepared; more than the store has.
const STATEMENT_CACHE: usize = 64;

/// Refuses a SQLite that may lose data.
pub(super) fn check_sqlite(version: i32) -> Result<(), StoreError> {
    if version >= LEAST_SQLITE {
        return Ok(());
    }
    let found = format!("{}.{}.{}", version / 1_000_000, version / 1_000 % 1_000, version % 1_000);
    Err(StoreError::Broken(format!("SQLite {found} can corrupt its file under load: 3.51.3 or newer is needed")))
}

/// The one connection that writes. Every commit is on the disk when it returns. The write-ahead log is folded
/// in every 32 MiB, not every 4: pages that pings touch again and again are then copied once. The cache of 64 MiB
/// holds the pages at which 10,000 monitors grow. Pages of 8 and 16 kB were tried: no faster where a step holds many
/// pings of a monitor, and slower by a quarter where it holds one, since each such ping logs a page.
pub(super) fn open_writer(file: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(file, flags)?;
    connection
        .execute_batch(
            "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = off; pragma temp_store = memory;
             pragma cache_size = -65536; pragma wal_autocheckpoint = 8000; pragma journal_size_limit = 67108864;",
        )
        .map_err(|e| at(file, e))?;
    Ok(connection)
}

/// A connection that cannot write.
pub(super) fn open_reader(file: &Path) -> Result<Connection, StoreError> {
    let connection = open(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.execute_batch("pragma cache_size = -8192; pragma temp_store = memory;").map_err(|e| at(file, e))?;
    Ok(connection)
}

fn open(file: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(file, flags).map_err(|e| at(file, e))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(|e| at(file, e))?;
    connection.set_prepared_statement_cache_capacity(STATEMENT_CACHE);
    Ok(connection)
}

/// An error with the file it happened to: at start that is what a person needs to know.
fn at(file: &Path, error: rusqlite::Error) -> StoreError {
    match broken(error) {
        StoreError::Broken(problem) => StoreError::Broken(format!("{}: {problem}", file.display())),
        StoreError::Busy(problem) => StoreError::Busy(format!("{}: {problem}", file.display())),
        other => other,
    }
}

/// What SQLite said, in the store's words.
pub(super) fn broken(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy(error.to_string()),
        _ => StoreError::Broken(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Acknowledged means durable (invariant I10): in SQLite's words, WAL and FULL (2).
    #[test]
    fn the_writer_syncs_every_commit_and_readers_cannot_write() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(FILE);
        let writer = open_writer(&file).unwrap();
        let mode: String = writer.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        let synchronous: i64 = writer.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        assert_eq!((mode.as_str(), synchronous), ("wal", 2));
        writer.execute_batch("create table t (x)").unwrap();
        assert!(open_reader(&file).unwrap().execute_batch("insert into t values (1)").is_err());
    }

    #[test]
    fn a_sqlite_that_corrupts_is_refused_by_its_version() {
        assert_eq!(check_sqlite(rusqlite::version_number()), Ok(()));
        let refusal = check_sqlite(3_051_002).unwrap_err().to_string();
        assert!(refusal.contains("SQLite 3.51.2"), "{refusal}");
    }
}
