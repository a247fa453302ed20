//! `quietpulse admin`: keys and backups, of a running server over gRPC, or of a data directory nobody serves.

#[cfg(feature = "cluster")]
mod cluster;
mod local;
pub(crate) mod remote;
mod shared;

use crate::cli::{AdminArguments, AdminCommand, KeyCommand, Target};
use crate::config::types::{Config, StoreBackend};
use crate::failure::Failure;
use crate::installation::keys_file;
use crate::serve::open;
use crate::serve::ready::Ready;
use crate::{output, telemetry};
use domain::time::UnixMs;
use eventlog::embedded::OpenError;
use local::Local;
use remote::Remote;
use std::path::{Path, PathBuf};
use store::row::Scope;

/// An API key as a list shows it.
pub struct KeyLine {
    pub prefix: String,
    pub name: String,
    pub scope: String,
    pub created: UnixMs,
    pub revoked: bool,
}

/// Whom the commands speak to.
enum Installation {
    Running(Box<Remote>),
    Asleep(Box<Local>),
}

/// Does what the arguments say and prints it.
pub fn run(arguments: AdminArguments) -> Result<(), Failure> {
    telemetry::init_for_command();
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(format_args!("the runtime: {error}")))?;
    runtime.block_on(async {
        let text = match &arguments.command {
            AdminCommand::Installation(command) => shared::run(command)?,
            #[cfg(feature = "cluster")]
            AdminCommand::Topic(command) => cluster::topic(&arguments.target.load()?, command).await?,
            #[cfg(feature = "cluster")]
            AdminCommand::Schema(command) => cluster::schema(&arguments.target.load()?, command).await?,
            AdminCommand::Key(_) | AdminCommand::Backup { .. } => {
                let installation = find(&arguments.target).await?;
                let done = installation.carry_out(&arguments.command).await;
                installation.close().await;
                done?
            }
        };
        output::print(&text)
    })
}

/// A server that was named, or the one that holds the data directory, or nobody: then the directory itself.
async fn find(target: &Target) -> Result<Installation, Failure> {
    if let Some(url) = &target.url {
        let key = target
            .api_key
            .clone()
            .ok_or_else(|| Failure::usage("--api-key or QUIETPULSE_API_KEY: needed with --url"))?;
        return Remote::connect(url, &key).map(|remote| Installation::Running(Box::new(remote)));
    }
    let config = target.load()?;
    if config.store.backend != StoreBackend::Embedded {
        return Ok(Installation::Asleep(Box::new(Local::shared(&config).await?)));
    }
    match open::open_existing(&config).await? {
        open::Existing::Free(opened) => Ok(Installation::Asleep(Box::new(Local::held(*opened)))),
        open::Existing::Held(refusal) => {
            running_on(&config, target, &refusal).map(|remote| Installation::Running(Box::new(remote)))
        }
    }
}

/// The server that holds the directory says where it is, and its first key is kept beside.
fn running_on(config: &Config, target: &Target, refusal: &OpenError) -> Result<Remote, Failure> {
    server_of(config, target.api_key.clone(), refusal)
}

/// The server that holds the data directory of `config`.
pub(crate) fn server_of(config: &Config, api_key: Option<String>, refusal: &OpenError) -> Result<Remote, Failure> {
    let ready = Ready::read(&config.data_dir).ok_or_else(|| {
        Failure::failed(format_args!("{refusal}, and it is not ready to be asked yet (or name it with --url)"))
    })?;
    let kept = || keys_file::read(&config.data_dir).map(|keys| keys.map(|keys| keys.api_key)).map_err(Failure::failed);
    let key = api_key.map_or_else(kept, |key| Ok(Some(key)))?;
    let file = config.data_dir.join(keys_file::FILE);
    let key = key.ok_or_else(|| {
        Failure::usage(format_args!("--api-key or QUIETPULSE_API_KEY: needed, {} is not there", file.display()))
    })?;
    Remote::connect(&ready.grpc.to_string(), &key)
}

impl Installation {
    async fn carry_out(&self, command: &AdminCommand) -> Result<String, Failure> {
        match command {
            AdminCommand::Backup { directory } => {
                let directory = absolute(directory)?;
                let bytes = self.backup(&directory).await?;
                Ok(format!("{bytes} bytes copied to {}\n", directory.display()))
            }
            AdminCommand::Key(KeyCommand::Create { name, scope }) => {
                let scope = scope_of(scope)?;
                Ok(format!("{}\n", self.create_key(name, scope).await?))
            }
            AdminCommand::Key(KeyCommand::List) => Ok(table(&self.keys().await?)),
            AdminCommand::Key(KeyCommand::Revoke { prefix }) => {
                self.revoke_key(prefix).await?;
                Ok(format!("{prefix} revoked\n"))
            }
            _ => Err(Failure::usage("admin: not a command of one installation")),
        }
    }

    async fn create_key(&self, name: &str, scope: Scope) -> Result<String, Failure> {
        match self {
            Self::Running(remote) => remote.create_key(name, scope).await,
            Self::Asleep(local) => local.create_key(name, scope).await,
        }
    }

    async fn keys(&self) -> Result<Vec<KeyLine>, Failure> {
        match self {
            Self::Running(remote) => remote.keys().await,
            Self::Asleep(local) => local.keys().await,
        }
    }

    async fn revoke_key(&self, prefix: &str) -> Result<(), Failure> {
        match self {
            Self::Running(remote) => remote.revoke_key(prefix).await,
            Self::Asleep(local) => local.revoke_key(prefix).await,
        }
    }

    async fn backup(&self, directory: &Path) -> Result<u64, Failure> {
        match self {
            Self::Running(remote) => remote.backup(directory).await,
            Self::Asleep(local) => local.backup(directory),
        }
    }

    async fn close(self) {
        if let Self::Asleep(local) = self {
            local.close().await;
        }
    }
}

fn scope_of(word: &str) -> Result<Scope, Failure> {
    Scope::from_word(word).ok_or_else(|| {
        Failure::usage(format_args!(
            "--scope: found {}, allowed: read, write or admin",
            domain::field_error::quoted(word)
        ))
    })
}

/// The server has another working directory than whoever asks it.
fn absolute(directory: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(directory).map_err(|error| Failure::usage(format_args!("{}: {error}", directory.display())))
}

fn table(keys: &[KeyLine]) -> String {
    let state = |key: &KeyLine| if key.revoked { "revoked" } else { "active" };
    let line =
        |key: &KeyLine| format!("{}  {:<5}  {:<7}  {}  {}\n", key.prefix, key.scope, state(key), key.created, key.name);
    keys.iter().map(line).collect()
}
