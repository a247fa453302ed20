//! The store of a single machine: SQLite, one file. One thread writes, in group commits that are on the disk
//! before anybody hears of them; a few connections read.
//!
//! The file may be looked at with any SQLite shell while the server runs; only the server writes it, which
//! the data directory's lock sees to (`eventlog::embedded::DirectoryLock`).

mod backup;
mod batch;
mod connection;
mod directory;
mod expire;
#[doc(hidden)]
pub mod fuzzing;
mod pack;
mod page;
mod readers;
mod schema;
mod shard_tables;
mod snapshot;
mod tenant_reads;
mod writer;

use crate::{Store, StoreError};
use async_trait::async_trait;
use connection::{FILE, broken, check_sqlite, open_reader, open_writer};
use readers::Readers;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use writer::Writer;

/// All tables in `store.sqlite`. Dropping it writes what is queued, waits for that and closes the file.
pub struct EmbeddedStore {
    file: PathBuf,
    writer: Writer,
    readers: Readers,
}

impl EmbeddedStore {
    /// Opens the store in `directory`, making both if they are not there and bringing an older format up to
    /// date. Refuses a newer format, a file that is not a store, and a SQLite that may corrupt it.
    pub fn open(directory: &Path) -> Result<Arc<Self>, StoreError> {
        check_sqlite(rusqlite::version_number())?;
        let refused = |e| StoreError::Broken(format!("{}: {e}", directory.display()));
        std::fs::create_dir_all(directory).map_err(refused)?;
        let file = directory.join(FILE);
        let mut connection = open_writer(&file)?;
        schema::migrate(&mut connection, &file.display().to_string())?;
        let readers = Readers::open(file.clone())?;
        Ok(Arc::new(Self { writer: Writer::start(connection)?, readers, file }))
    }

    /// Opens the store in `directory` to look at it, while another process may go on writing it. Writes are refused.
    pub fn open_to_read(directory: &Path) -> Result<Arc<Self>, StoreError> {
        check_sqlite(rusqlite::version_number())?;
        let file = directory.join(FILE);
        let readers = Readers::open(file.clone())?;
        let connection = open_reader(&file)?;
        schema::check(&connection, &file.display().to_string())?;
        Ok(Arc::new(Self { writer: Writer::start(connection)?, readers, file }))
    }

    /// Copies the store as it is now to `store.sqlite` in the directory `into`, while it goes on being
    /// written; [`StoreError::Conflict`] if there is one already. Returns bytes. Blocks: call it from a thread
    /// that may. Copy the store before the log, so that the log's copy holds all that the snapshots speak of.
    pub fn backup(&self, into: &Path) -> Result<u64, StoreError> {
        backup::copy(&self.file, into)
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.readers.close_idle();
    }
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn expire(&self, history_before_ms: i64, transitions_before_ms: i64) -> Result<u64, StoreError> {
        let history = expire::history(&self.readers, &self.writer, history_before_ms).await?;
        Ok(history + expire::transitions(&self.writer, transitions_before_ms).await?)
    }

    /// Goes the way of a write, through thread and transaction, and of a read.
    async fn ping(&self) -> Result<(), StoreError> {
        self.writer.run(0, |_| Ok(())).await?;
        let one = |connection: &rusqlite::Connection| connection.query_row("select 1", (), |_| Ok(()));
        self.readers.run(move |connection| one(connection).map_err(broken)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Directory;
    use crate::row::TenantRow;
    use domain::ids::TenantId;

    #[tokio::test]
    async fn one_process_looks_while_another_writes() {
        let directory = tempfile::tempdir().unwrap();
        assert!(EmbeddedStore::open_to_read(directory.path()).is_err(), "there is none");
        let writer = EmbeddedStore::open(directory.path()).unwrap();
        let looker = EmbeddedStore::open_to_read(directory.path()).unwrap();
        let row = |id| TenantRow { id: TenantId(id), name: "t".into(), ping_key_generation: 0, created_ms: 0 };
        writer.put_tenant(row(7)).await.unwrap();
        assert_eq!(looker.tenant(TenantId(7)).await.unwrap(), Some(row(7)));
        assert!(looker.put_tenant(row(8)).await.is_err());
        drop(looker);
        writer.put_tenant(row(9)).await.unwrap();
    }
}
