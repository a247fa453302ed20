//! The file `log.sqlite`: how it is opened, what stands in it.
//!
//! | table | key | value |
//! |---|---|---|
//! | `meta` | name | `format`, `shards`, `created_ms`: written once, when the file is made |
//! | `batch` | shard, first offset | one commit's records of one shard: count, append time, a [`frame`](super::frame) |
//!
//! Rows of a shard follow each other without holes. The newest row of a shard is never removed: it is
//! where the next offset is read from when the file is opened.

use super::OpenError;
use domain::ids::ShardCount;
use domain::time::UnixMs;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// 3.51.3: the first without the WAL-reset corruption.
const SQLITE_NEEDED: i32 = 3_051_003;
const FORMAT: i64 = 1;
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID, STRICT;
    CREATE TABLE IF NOT EXISTS batch (
        shard INTEGER NOT NULL,
        first_offset INTEGER NOT NULL,
        count INTEGER NOT NULL,
        append_ms INTEGER NOT NULL,
        bytes BLOB NOT NULL,
        PRIMARY KEY (shard, first_offset)
    ) WITHOUT ROWID, STRICT;";

/// The log's file in `directory`.
pub(super) fn file_in(directory: &Path) -> PathBuf {
    directory.join("log.sqlite")
}

/// Refuses a SQLite that may damage the file.
pub(super) fn check_sqlite(found: i32) -> Result<(), OpenError> {
    if found < SQLITE_NEEDED { Err(OpenError::OldSqlite { found, needed: SQLITE_NEEDED }) } else { Ok(()) }
}

/// Opens the file to write, making it and its tables if they are missing.
pub(super) fn open_writer(path: &Path, shards: ShardCount, now: UnixMs) -> Result<Connection, OpenError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(directory).map_err(OpenError::io(directory))?;
    let mut connection = Connection::open(path).map_err(OpenError::sqlite(path))?;
    set_up_writer(&connection, path)?;
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(OpenError::sqlite(path))?;
    make_tables(&transaction, shards, now).map_err(OpenError::sqlite(path))?;
    check_meta(&transaction, path, shards)?;
    transaction.commit().map_err(OpenError::sqlite(path))?;
    // A file whose name is not on disk is lost with the power, however well it is synced itself.
    File::open(directory).and_then(|d| d.sync_all()).map_err(OpenError::io(directory))?;
    Ok(connection)
}

/// Opens a file that another process may be writing, and checks that it is what it should be.
pub(super) fn open_to_read(path: &Path, shards: ShardCount) -> Result<Connection, OpenError> {
    check_sqlite(rusqlite::version_number())?;
    let mut connection = open_reader(path).map_err(OpenError::sqlite(path))?;
    let transaction = connection.transaction().map_err(OpenError::sqlite(path))?;
    check_meta(&transaction, path, shards)?;
    drop(transaction);
    Ok(connection)
}

/// Opens the file to read only.
pub(super) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

fn set_up_writer(connection: &Connection, path: &Path) -> Result<(), OpenError> {
    connection.busy_timeout(BUSY_TIMEOUT).map_err(OpenError::sqlite(path))?;
    let mode: String = connection
        .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
        .map_err(OpenError::sqlite(path))?;
    if mode != "wal" {
        return Err(OpenError::NoWal { path: path.to_owned(), mode });
    }
    connection.execute_batch(PRAGMAS).map_err(OpenError::sqlite(path))
}

/// Every commit syncs the WAL (and on macOS asks the disk itself for it). `wal_autocheckpoint` stays at its
/// 1,000 pages: a checkpoint then moves 4 MB, which bounds how long a commit can take. The limit on the WAL's
/// size gives back what a long read (a backup) made it grow to.
const PRAGMAS: &str = "
    PRAGMA synchronous = FULL;
    PRAGMA fullfsync = ON;
    PRAGMA checkpoint_fullfsync = ON;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA cache_size = -8192;";

fn make_tables(transaction: &Transaction, shards: ShardCount, now: UnixMs) -> rusqlite::Result<()> {
    transaction.execute_batch(TABLES)?;
    let facts = [("format", FORMAT), ("shards", i64::from(shards.get())), ("created_ms", now.0)];
    for (name, value) in facts {
        transaction.execute("INSERT OR IGNORE INTO meta (name, value) VALUES (?1, ?2)", params![name, value])?;
    }
    Ok(())
}

fn check_meta(transaction: &Transaction, path: &Path, shards: ShardCount) -> Result<(), OpenError> {
    let format = fact(transaction, "format").map_err(OpenError::sqlite(path))?;
    if format != FORMAT {
        return Err(OpenError::Format { path: path.to_owned(), found: format, known: FORMAT });
    }
    let found = fact(transaction, "shards").map_err(OpenError::sqlite(path))?;
    if found != i64::from(shards.get()) {
        return Err(OpenError::ShardCount { path: path.to_owned(), found, wanted: shards.get() });
    }
    Ok(())
}

fn fact(transaction: &Transaction, name: &str) -> rusqlite::Result<i64> {
    let value = transaction.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()?;
    Ok(value.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sqlite_that_is_linked_is_new_enough_and_older_ones_are_refused() {
        assert!(check_sqlite(rusqlite::version_number()).is_ok());
        assert!(check_sqlite(3_051_002).unwrap_err().to_string().contains("3051002"));
    }

    #[test]
    fn commits_are_synced() {
        let directory = tempfile::tempdir().unwrap();
        let writer = open_writer(&file_in(directory.path()), ShardCount::new(1).unwrap(), UnixMs(5)).unwrap();
        let pragma = |name: &str| writer.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
        assert_eq!(pragma("synchronous"), 2, "FULL");
        assert_eq!(pragma("fullfsync"), 1);
        assert_eq!(pragma("wal_autocheckpoint"), 1000);
    }

    #[test]
    fn another_number_of_shards_is_refused_and_both_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let open = |shards| open_writer(&file_in(directory.path()), ShardCount::new(shards).unwrap(), UnixMs(5));
        drop(open(4).unwrap());
        let message = open(7).unwrap_err().to_string();
        assert!(message.contains('4') && message.contains('7') && message.contains("log.sqlite"), "{message}");
        open(4).unwrap();
    }

    #[test]
    fn a_format_of_the_future_is_refused_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = file_in(directory.path());
        let shards = ShardCount::new(1).unwrap();
        open_writer(&path, shards, UnixMs(5))
            .unwrap()
            .execute("UPDATE meta SET value = 9 WHERE name = 'format'", [])
            .unwrap();
        assert!(matches!(open_writer(&path, shards, UnixMs(5)), Err(OpenError::Format { found: 9, known: 1, .. })));
    }
}
