//! Looks keys up, and remembers for some seconds what it found. Keys that are not there are not remembered: a
//! new key works at once, and guesses cannot fill the memory.

use super::{Caller, bearer, unauthenticated};
use crate::{keys, refusal};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use store::row::ApiKeyRow;
use subtle::ConstantTimeEq;
use tokio::time::Instant;
use tonic::Status;
use tonic::metadata::MetadataMap;

/// The most keys remembered at once.
const KEYS_MOST: usize = 10_000;

/// Knows keys.
pub(crate) struct Authenticator {
    store: Arc<dyn Store>,
    trusted: Duration,
    known: Mutex<HashMap<String, Known>>,
}

struct Known {
    row: ApiKeyRow,
    read_at: Instant,
}

impl Authenticator {
    pub fn new(store: Arc<dyn Store>, trusted: Duration) -> Self {
        Self { store, trusted, known: Mutex::default() }
    }

    /// The caller a call's metadata names, or `UNAUTHENTICATED`; `UNAVAILABLE` when the store cannot say.
    pub async fn caller(&self, metadata: &MetadataMap) -> Result<Caller, Status> {
        let key = bearer(metadata)?;
        let prefix = keys::prefix_of(key).ok_or_else(unauthenticated)?;
        let row = self.living(prefix).await?;
        if !bool::from(keys::sha256(key).ct_eq(&row.sha256)) {
            return Err(unauthenticated());
        }
        Ok(Caller::new(&row))
    }

    /// Whether a key that was good still is, for calls that last.
    pub async fn still_good(&self, caller: &Caller) -> Result<(), Status> {
        self.living(&caller.prefix).await.map(drop)
    }

    /// Forgets a key, so that its revocation counts at once here.
    pub fn forget(&self, prefix: &str) {
        self.known.lock().remove(prefix);
    }

    /// The row of a key that is neither unknown nor revoked and whose tenant exists.
    async fn living(&self, prefix: &str) -> Result<ApiKeyRow, Status> {
        if let Some(row) = self.remembered(prefix) {
            return Ok(row);
        }
        // The age counts from before the read: a revocation while it runs must not be outlived.
        let read_at = Instant::now();
        let row = self.store.api_key(prefix).await.map_err(refusal::from_store)?;
        let row = row.filter(|row| !row.revoked).ok_or_else(unauthenticated)?;
        let tenant = self.store.tenant(row.tenant).await.map_err(refusal::from_store)?;
        tenant.ok_or_else(unauthenticated)?;
        self.remember(row.clone(), read_at);
        Ok(row)
    }

    fn remembered(&self, prefix: &str) -> Option<ApiKeyRow> {
        let known = self.known.lock();
        known.get(prefix).filter(|known| known.read_at.elapsed() < self.trusted).map(|known| known.row.clone())
    }

    fn remember(&self, row: ApiKeyRow, read_at: Instant) {
        let mut known = self.known.lock();
        if known.len() >= KEYS_MOST {
            known.retain(|_, known| known.read_at.elapsed() < self.trusted);
        }
        if known.len() < KEYS_MOST {
            known.insert(row.prefix.clone(), Known { row, read_at });
        }
    }
}
