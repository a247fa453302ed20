//! The commands on a data directory that no server holds.

use super::KeyLine;
use crate::failure::Failure;
use crate::serve::Copier;
use crate::serve::open::{DEFAULT_TENANT, Opened};
use domain::monitor::check_text;
use eventlog::EventLog;
use std::path::Path;
use store::row::{ApiKeyRow, Scope};
use store::{Directory, StoreError};

/// A data directory, held for one command.
pub struct Local(pub Opened);

impl Local {
    pub async fn create_key(&self, name: &str, scope: Scope) -> Result<String, Failure> {
        check_text("name", name, 1, 100, false).map_err(Failure::failed)?;
        let (key, row) = api::keys::new_key(DEFAULT_TENANT, name, scope, self.0.clock.now());
        self.0.store.add_api_key(row).await.map_err(failure)?;
        Ok(key)
    }

    pub async fn keys(&self) -> Result<Vec<KeyLine>, Failure> {
        let rows = self.0.store.api_keys(DEFAULT_TENANT).await.map_err(failure)?;
        Ok(rows.into_iter().map(KeyLine::from).collect())
    }

    /// The last admin key may go as well: this command, on this machine, can make another.
    pub async fn revoke_key(&self, prefix: &str) -> Result<(), Failure> {
        let found = self.0.store.revoke_api_key(DEFAULT_TENANT, prefix).await.map_err(failure)?;
        if found {
            Ok(())
        } else {
            Err(Failure::failed(format_args!("prefix: no key has {}", domain::field_error::quoted(prefix))))
        }
    }

    pub fn backup(&self, directory: &Path) -> Result<u64, Failure> {
        tokio::task::block_in_place(|| Copier::of(&self.0).copy(directory)).map_err(Failure::failed)
    }

    /// Writes what is queued.
    pub async fn close(self) {
        self.0.log.close().await;
    }
}

impl From<ApiKeyRow> for KeyLine {
    fn from(row: ApiKeyRow) -> Self {
        let created = domain::time::UnixMs(row.created_ms);
        Self { prefix: row.prefix, name: row.name, scope: row.scope.word().to_owned(), created, revoked: row.revoked }
    }
}

fn failure(error: StoreError) -> Failure {
    Failure::failed(error)
}
