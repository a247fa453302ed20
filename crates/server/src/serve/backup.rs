//! A copy of everything, taken while the server runs: a directory that `serve --data-dir` starts from.

use super::backend::{Log, Tables};
use super::open::Opened;
use crate::installation::{self, keys_file, private};
use eventlog::embedded::EmbeddedLog;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::embedded::EmbeddedStore;

/// What a backup copies from.
#[derive(Clone)]
pub struct Copier {
    directory: PathBuf,
    log: Arc<EmbeddedLog>,
    store: Arc<EmbeddedStore>,
}

impl Copier {
    /// Copies of what is open, if all of it lies in the data directory.
    pub fn of(opened: &Opened) -> Option<Self> {
        match (&opened.log, &opened.store) {
            (Log::Embedded(log), Tables::Embedded(store)) => {
                let directory = opened.place.directory.clone();
                Some(Self { directory, log: log.clone(), store: store.clone() })
            }
            #[cfg(feature = "cluster")]
            _ => None,
        }
    }

    /// Copies into `into`, an absolute path to nothing or to an empty directory. Gives the bytes. Blocks.
    ///
    /// The store goes first: its snapshots name offsets of the log, and a log that is copied later reaches
    /// at least as far. The other way round the copy could not start.
    pub fn copy(&self, into: &Path) -> Result<u64, String> {
        self.refuse(into)?;
        let here = |error: std::io::Error| format!("{}: {error}", into.display());
        private::make_directory(into).map_err(here)?;
        let store = self.store.backup(into).map_err(|error| format!("the store: {error}"))?;
        let log = self.log.backup(into).map_err(|error| format!("the log: {error}"))?;
        let secrets =
            private::copy(&self.directory.join(installation::FILE), &into.join(installation::FILE)).map_err(here)?;
        let keys = self.directory.join(keys_file::FILE);
        let keys = if keys.exists() { private::copy(&keys, &into.join(keys_file::FILE)).map_err(here)? } else { 0 };
        Ok(store + log + secrets + keys)
    }

    fn refuse(&self, into: &Path) -> Result<(), String> {
        if !into.is_absolute() {
            return Err(format!("directory: {} is not an absolute path", into.display()));
        }
        if into.starts_with(&self.directory) {
            return Err("directory: must not lie in the data directory".into());
        }
        match std::fs::read_dir(into).map(|mut entries| entries.next().is_some()) {
            Ok(false) => Ok(()),
            Ok(true) => Err(format!("directory: {} is not empty", into.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(format!("directory: {}: {error}", into.display())),
        }
    }
}

/// What is said where log or store lie elsewhere.
pub const NOT_HERE: &str = "the log or the store is not in data_dir: copy them with their own tools";

/// Copies what can be copied.
pub struct Backups(pub Option<Copier>);

#[async_trait::async_trait]
impl api::Backup for Backups {
    async fn backup(&self, directory: &Path) -> Result<u64, String> {
        let (copier, into) = (self.0.clone().ok_or(NOT_HERE)?, directory.to_owned());
        let copied = tokio::task::spawn_blocking(move || copier.copy(&into)).await;
        copied.unwrap_or_else(|error| Err(error.to_string()))
    }
}
