//! The commands on log and store themselves: of a data directory that no server holds, or of a shared store.

use super::KeyLine;
use crate::config::types::Config;
use crate::failure::Failure;
use crate::serve::open::{self, DEFAULT_TENANT, Opened};
use crate::serve::{Copier, NOT_HERE, Tables};
use domain::monitor::check_text;
use domain::time::Clock;
use std::path::Path;
use std::sync::Arc;
use store::row::{ApiKeyRow, Scope};
use store::{Store, StoreError};

/// A store, and the data directory around it if it lies in one.
pub struct Local {
    store: Arc<dyn Store>,
    /// Held for one command.
    opened: Option<Opened>,
}

impl Local {
    /// A data directory.
    pub fn held(opened: Opened) -> Self {
        Self { store: opened.store.shared(), opened: Some(opened) }
    }

    /// A store that others work with at the same time.
    pub async fn shared(config: &Config) -> Result<Self, Failure> {
        let store = Tables::shared_of(config).await?.shared();
        open::ensure_default_tenant(store.as_ref(), crate::clock::SystemClock.now()).await?;
        Ok(Self { store, opened: None })
    }

    pub async fn create_key(&self, name: &str, scope: Scope) -> Result<String, Failure> {
        check_text("name", name, 1, 100, false).map_err(Failure::failed)?;
        let (key, row) = api::keys::new_key(DEFAULT_TENANT, name, scope, crate::clock::SystemClock.now());
        self.store.add_api_key(row).await.map_err(failure)?;
        Ok(key)
    }

    pub async fn keys(&self) -> Result<Vec<KeyLine>, Failure> {
        let rows = self.store.api_keys(DEFAULT_TENANT).await.map_err(failure)?;
        Ok(rows.into_iter().map(KeyLine::from).collect())
    }

    /// The last admin key may go as well: this command, on this machine, can make another.
    pub async fn revoke_key(&self, prefix: &str) -> Result<(), Failure> {
        let found = self.store.revoke_api_key(DEFAULT_TENANT, prefix).await.map_err(failure)?;
        if found {
            Ok(())
        } else {
            Err(Failure::failed(format_args!("prefix: no key has {}", domain::field_error::quoted(prefix))))
        }
    }

    pub fn backup(&self, directory: &Path) -> Result<u64, Failure> {
        let copier = self.opened.as_ref().and_then(Copier::of).ok_or_else(|| Failure::failed(NOT_HERE))?;
        tokio::task::block_in_place(|| copier.copy(directory)).map_err(Failure::failed)
    }

    /// Writes what is queued.
    pub async fn close(self) {
        if let Some(opened) = self.opened {
            opened.log.shared().close().await;
        }
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
