//! Log and store of an installation that is only looked at: a server may work with them at the same time.

use crate::config::types::Config;
use crate::failure::Failure;
use crate::serve::open::{self, Place};
use crate::serve::{Log, Tables};
use crate::telemetry;
use std::sync::Arc;
use store::Store;

/// What is looked at.
pub struct Looked {
    pub place: Place,
    pub store: Arc<dyn Store>,
    config: Config,
}

impl Looked {
    /// Opens the store; the log is opened when it is asked for.
    pub async fn open(config: Config) -> Result<Self, Failure> {
        let place = open::look_at(&config)?;
        let store = Tables::open_to_read(&config, &place).await?.shared();
        Ok(Self { place, store, config })
    }

    /// The log as it is now.
    pub async fn log(&self) -> Result<Arc<dyn eventlog::EventLog>, Failure> {
        Ok(Log::open_to_read(&self.config, &self.place).await?.shared())
    }
}

/// Does the work of a command that looks.
pub fn run<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    telemetry::init_for_command();
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(format_args!("the runtime: {error}")))?;
    let done = runtime.block_on(work);
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    done
}

/// What a store says when it cannot be read.
pub fn unread(error: store::StoreError) -> Failure {
    Failure::failed(error)
}
