//! Everything that outlives the process, opened: data directory, lock, secrets, log, store, first keys. Also how
//! `admin` works without a server.

use super::backend::{Log, Tables};
use crate::clock::SystemClock;
use crate::config::types::{Config, Role};
use crate::config::{ConfigError, Origin, Settings};
use crate::failure::Failure;
use crate::installation::keys_file::{self, Keys};
use crate::installation::{Installation, moved_file, node_file, private};
use domain::ids::{ShardCount, TenantId};
use domain::time::{Clock, UnixMs};
use domain::token::KeyRing;
use eventlog::embedded::{DirectoryLock, OpenError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::row::{Scope, TenantRow};
use store::{Store, StoreError};

/// The tenant of the first start.
pub const DEFAULT_TENANT: TenantId = TenantId(1);

/// Where this process lives, and what it is a part of.
pub struct Place {
    pub directory: PathBuf,
    pub installation: Installation,
    /// Let go last. A place that is only looked at needs none.
    _lock: Option<DirectoryLock>,
}

/// A place with its log and its store.
pub struct Opened {
    pub place: Place,
    pub keys: KeyRing,
    pub log: Log,
    pub store: Tables,
    pub clock: Arc<dyn Clock>,
}

/// Opens what `config` names, making the directory, and the secrets of an installation of its own, if there are none.
pub async fn open_or_create(config: &Config, settings: &Settings) -> Result<Opened, Failure> {
    let place = tokio::task::block_in_place(|| take_place(config, settings))?;
    open_parts(config, place).await
}

fn take_place(config: &Config, settings: &Settings) -> Result<Place, Failure> {
    let directory = absolute(&config.data_dir)?;
    private::make_directory(&directory).map_err(|error| data_dir_failure(&directory, &error))?;
    let lock = DirectoryLock::take(&directory).map_err(|error| data_dir_failure(&directory, &error))?;
    if config.keeps_its_own_log() {
        refuse_what_has_moved(&directory)?;
    }
    let own = config.installation.as_os_str().is_empty();
    let installation = match Installation::read(&config.installation_file()).map_err(Failure::failed)? {
        Some(found) => found,
        None if own && config.keeps_its_own_log() => {
            Installation::create(&directory, wanted_shards(config)?).map_err(Failure::failed)?
        }
        None => return Err(no_installation(config)),
    };
    let installation = match own && config.keeps_its_own_log() {
        true => installation,
        false => installation.named(node_file::read_or_create(&directory).map_err(Failure::failed)?),
    };
    if config.keeps_its_own_log() {
        refuse_other_shards(config, settings, &installation)?;
    }
    warn_if_open(config);
    Ok(Place { directory, installation, _lock: Some(lock) })
}

/// A ping taken by the old server once its monitors have moved would be judged by nobody.
fn refuse_what_has_moved(directory: &Path) -> Result<(), Failure> {
    let Some(place) = moved_file::read(directory).map_err(Failure::failed)? else { return Ok(()) };
    let (directory, file) = (directory.display(), directory.join(moved_file::FILE));
    Err(Failure::failed(format_args!(
        "data_dir: the monitors of {directory} have moved to {place}, where pings belong now; to serve the old state all \
         the same, remove {}",
        file.display()
    )))
}

/// Secrets of its own would make a process a stranger among those it is to work with.
fn no_installation(config: &Config) -> Failure {
    let file = config.installation_file();
    let hint = "make one with `quietpulse admin installation create` and give it to every process";
    Failure::failed(format_args!("installation: {} is not there; {hint}", file.display()))
}

/// A data directory as a command finds it.
pub enum Existing {
    /// Ours for as long as this lives.
    Free(Box<Opened>),
    /// A server works with it; the refusal says which.
    Held(OpenError),
}

/// Opens the directory of `config` only if it is an installation already.
pub async fn open_existing(config: &Config) -> Result<Existing, Failure> {
    let directory = absolute(&config.data_dir)?;
    let installation = Installation::open(&directory).map_err(Failure::failed)?;
    match DirectoryLock::take(&directory) {
        Ok(lock) => {
            let opened = open_parts(config, Place { directory, installation, _lock: Some(lock) }).await?;
            Ok(Existing::Free(Box::new(opened)))
        }
        Err(held @ OpenError::Locked { .. }) => Ok(Existing::Held(held)),
        Err(error) => Err(data_dir_failure(&directory, &error)),
    }
}

/// Finds the place that `config` names to look at it, whether somebody works there or not.
pub fn look_at(config: &Config) -> Result<Place, Failure> {
    let directory = absolute(&config.data_dir)?;
    let installation = match config.installation.as_os_str().is_empty() {
        true => Installation::open(&directory).map_err(Failure::failed)?,
        false => Installation::read(&config.installation_file())
            .map_err(Failure::failed)?
            .ok_or_else(|| no_installation(config))?,
    };
    Ok(Place { directory, installation, _lock: None })
}

async fn open_parts(config: &Config, place: Place) -> Result<Opened, Failure> {
    let keys = place.installation.key_ring();
    refuse_foreign_keys(&place.directory, &keys)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let log = Log::open(config, &place, clock.clone()).await?;
    let store = Tables::open(config, &place).await?;
    Ok(Opened { place, keys, log, store, clock })
}

impl Opened {
    /// Makes tenant `default` and its first keys if there are none; gives them only then, to be shown once. That is
    /// for a process that serves the API: others have nobody to show them to.
    ///
    /// The file is written before the row: a crash between the two leaves a key that opens nothing and is
    /// drawn again by the next start, never one that opens everything and that nobody has seen.
    pub async fn first_keys(&self, config: &Config) -> Result<Option<Keys>, Failure> {
        if !config.roles.contains(&Role::Api) {
            return Ok(None);
        }
        let (store, now) = (self.store.shared(), self.clock.now());
        ensure_default_tenant(store.as_ref(), now).await?;
        if !store.api_keys(DEFAULT_TENANT).await.map_err(failure)?.is_empty() {
            return Ok(None);
        }
        let (api_key, row) = api::keys::new_key(DEFAULT_TENANT, "first start", Scope::Admin, now);
        let keys = Keys { api_key, ping_key: self.keys.ping_key(DEFAULT_TENANT, 0) };
        keys_file::write(&self.place.directory, &keys).map_err(Failure::failed)?;
        store.add_api_key(row).await.map_err(failure)?;
        Ok(Some(keys))
    }
}

/// Makes tenant `default` if it is not there.
pub async fn ensure_default_tenant(store: &dyn Store, now: UnixMs) -> Result<(), Failure> {
    if store.tenant(DEFAULT_TENANT).await.map_err(failure)?.is_some() {
        return Ok(());
    }
    let row = TenantRow { id: DEFAULT_TENANT, name: "default".into(), ping_key_generation: 0, created_ms: now.0 };
    store.put_tenant(row).await.map_err(failure)
}

fn failure(error: StoreError) -> Failure {
    Failure::failed(error)
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

fn warn_if_open(config: &Config) {
    for file in [config.installation_file(), config.data_dir.join(keys_file::FILE)] {
        if private::is_open_to_others(&file) {
            tracing::warn!(file = %file.display(), "others may read this file of secrets: chmod 600");
        }
    }
}
