//! The data directory, opened: lock, secrets, log, store, first keys. Also how `admin` works without a server.

use crate::clock::SystemClock;
use crate::config::types::Config;
use crate::config::{ConfigError, Origin, Settings};
use crate::failure::Failure;
use crate::installation::keys_file::{self, Keys};
use crate::installation::{Installation, InstallationError, private};
use domain::ids::{ShardCount, TenantId};
use domain::time::Clock;
use domain::token::KeyRing;
use eventlog::embedded::{DirectoryLock, EmbeddedLog, EmbeddedLogOptions, OpenError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::embedded::EmbeddedStore;
use store::row::{Scope, TenantRow};
use store::{Directory as _, StoreError};

/// The tenant of the first start.
pub const DEFAULT_TENANT: TenantId = TenantId(1);
/// Appends that may wait for a commit: about a second of a busy machine.
const QUEUE_RECORDS: usize = 65_536;

/// A data directory that this process alone works with.
pub struct Opened {
    pub directory: PathBuf,
    pub installation: Installation,
    pub keys: KeyRing,
    pub log: Arc<EmbeddedLog>,
    pub store: Arc<EmbeddedStore>,
    pub clock: Arc<dyn Clock>,
    /// Let go last.
    _lock: DirectoryLock,
}

/// Opens the directory of `config`, making it and its secrets if there are none. Blocks.
pub fn open_or_create(config: &Config, settings: &Settings) -> Result<Opened, Failure> {
    let directory = absolute(&config.data_dir)?;
    private::make_directory(&directory).map_err(|error| data_dir_failure(&directory, &error))?;
    let lock = DirectoryLock::take(&directory).map_err(|error| data_dir_failure(&directory, &error))?;
    let installation = match Installation::open(&directory) {
        Err(InstallationError::Missing(_)) => Installation::create(&directory, wanted_shards(config)?),
        opened => opened,
    };
    let installation = installation.map_err(Failure::failed)?;
    refuse_other_shards(config, settings, &installation)?;
    warn_if_open(&directory);
    open_parts(config, directory, installation, lock)
}

/// A data directory as a command finds it.
pub enum Existing {
    /// Ours for as long as this lives.
    Free(Box<Opened>),
    /// A server works with it; the refusal says which.
    Held(OpenError),
}

/// Opens the directory of `config` only if it is an installation already. Blocks.
pub fn open_existing(config: &Config) -> Result<Existing, Failure> {
    let directory = absolute(&config.data_dir)?;
    let installation = Installation::open(&directory).map_err(Failure::failed)?;
    match DirectoryLock::take(&directory) {
        Ok(lock) => open_parts(config, directory, installation, lock).map(|opened| Existing::Free(Box::new(opened))),
        Err(held @ OpenError::Locked { .. }) => Ok(Existing::Held(held)),
        Err(error) => Err(data_dir_failure(&directory, &error)),
    }
}

fn open_parts(
    config: &Config,
    directory: PathBuf,
    installation: Installation,
    lock: DirectoryLock,
) -> Result<Opened, Failure> {
    let keys = installation.key_ring();
    refuse_foreign_keys(&directory, &keys)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let options = EmbeddedLogOptions {
        directory: directory.clone(),
        shards: installation.shards,
        retain_bytes: config.log.retain_bytes.0,
        retain_ms: config.log.retain_for.as_ms(),
        queue_records: QUEUE_RECORDS,
    };
    let log =
        EmbeddedLog::open(options, clock.clone()).map_err(|error| Failure::failed(format_args!("the log: {error}")))?;
    let store = EmbeddedStore::open(&directory).map_err(Failure::failed)?;
    Ok(Opened { directory, installation, keys, log, store, clock, _lock: lock })
}

impl Opened {
    /// Makes tenant `default` and its first keys if there are none; gives them only then, to be shown once.
    ///
    /// The file is written before the row: a crash between the two leaves a key that opens nothing and is
    /// drawn again by the next start, never one that opens everything and that nobody has seen.
    pub async fn first_keys(&self) -> Result<Option<Keys>, Failure> {
        let failure = |error: StoreError| Failure::failed(error);
        let now = self.clock.now();
        if self.store.tenant(DEFAULT_TENANT).await.map_err(failure)?.is_none() {
            let tenant =
                TenantRow { id: DEFAULT_TENANT, name: "default".into(), ping_key_generation: 0, created_ms: now.0 };
            self.store.put_tenant(tenant).await.map_err(failure)?;
        }
        if !self.store.api_keys(DEFAULT_TENANT).await.map_err(failure)?.is_empty() {
            return Ok(None);
        }
        let (api_key, row) = api::keys::new_key(DEFAULT_TENANT, "first start", Scope::Admin, now);
        let keys = Keys { api_key, ping_key: self.keys.ping_key(DEFAULT_TENANT, 0) };
        keys_file::write(&self.directory, &keys).map_err(Failure::failed)?;
        self.store.add_api_key(row).await.map_err(failure)?;
        Ok(Some(keys))
    }
}

/// The path as seen from the root: the process may be asked about it from elsewhere.
fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| data_dir_failure(path, &error))
}

fn data_dir_failure(directory: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::failed(format_args!("data_dir {}: {error}", directory.display()))
}

fn wanted_shards(config: &Config) -> Result<ShardCount, Failure> {
    ShardCount::new(config.log.shards).ok_or_else(|| Failure::usage("log.shards: allowed: 1 to 64"))
}

/// The number of shards is part of where every record lies: a start with another one would find nothing.
fn refuse_other_shards(config: &Config, settings: &Settings, installation: &Installation) -> Result<(), Failure> {
    let (wanted, made) = (config.log.shards, installation.shards.get());
    let origin = settings.origin("log.shards");
    if origin == Origin::Default || wanted == made {
        return Ok(());
    }
    let problem = format!("log.shards: found {wanted}, but this data_dir was made with {made}, and that is fixed");
    Err(ConfigError::new(origin, problem).into())
}

/// A `keys.toml` of another installation would send this machine's clients away with 404 and 401.
fn refuse_foreign_keys(directory: &Path, ring: &KeyRing) -> Result<(), Failure> {
    let Some(keys) = keys_file::read(directory).map_err(Failure::failed)? else { return Ok(()) };
    if ring.open_ping_key(&keys.ping_key).is_some() {
        return Ok(());
    }
    let file = directory.join(keys_file::FILE);
    Err(Failure::failed(format_args!(
        "{}: ping_key was not issued by this installation; move the file away",
        file.display()
    )))
}

fn warn_if_open(directory: &Path) {
    for name in [crate::installation::FILE, keys_file::FILE] {
        let file = directory.join(name);
        if private::is_open_to_others(&file) {
            tracing::warn!(file = %file.display(), "others may read this file of secrets: chmod 600");
        }
    }
}
