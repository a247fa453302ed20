//! `quietpulse serve`: from arguments to a running server, and to an orderly end.
//!
//! Ports are bound before anything is opened, so that what fails most often fails first. `ready` is said when
//! every port serves and the state of the monitors has caught up with the log.

mod backend;
mod background;
mod backup;
#[cfg(feature = "cluster")]
pub mod cluster;
mod grpc;
mod housekeeping;
mod incoming;
mod listeners;
pub mod open;
mod pages;
pub mod ready;
mod running;
mod signals;
mod stages;
mod tasks;
pub mod wiring;

pub use backend::{Log, Tables};
pub use backup::{Copier, NOT_HERE};

use crate::cli::ServeArguments;
use crate::config::types::{Config, Role};
use crate::config::{ConfigError, Settings};
use crate::failure::Failure;
use crate::health::{self, Health};
use crate::installation::keys_file::Keys;
use crate::telemetry::{self, metric};
use listeners::{Bound, Listeners};
use metrics_exporter_prometheus::PrometheusHandle;
use ready::Ready;
use running::Running;
use std::time::Duration;
use tasks::Task;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Threads for gRPC, the engine and the notifier; pings have threads of their own.
const RUNTIME_THREADS: usize = 2;
/// Longer than this nobody is kept waiting for `ready`: the ports serve, and /readyz says what is missing.
const MOST_CATCHING_UP: Duration = Duration::from_secs(60);

/// Runs until a signal or a failure.
pub fn run(arguments: &ServeArguments) -> Result<(), Failure> {
    let (config, settings) = arguments.load()?;
    let metrics = metric::install().map_err(|error| Failure::failed(format_args!("metrics: {error}")))?;
    // Fails only when a provider is installed already, and then there is one.
    let _installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(RUNTIME_THREADS)
        .enable_all()
        .build()
        .map_err(|error| Failure::failed(format_args!("the runtime: {error}")))?;
    let outcome = runtime.block_on(with_telemetry(config, settings, metrics));
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

async fn with_telemetry(config: Config, settings: Settings, metrics: PrometheusHandle) -> Result<(), Failure> {
    let telemetry = telemetry::init(&config.telemetry).map_err(|problem| {
        let setting = "telemetry.otlp_endpoint";
        Failure::from(ConfigError::new(settings.origin(setting), format!("{setting}: {problem}")))
    })?;
    let outcome = serve(&config, &settings, metrics).await;
    // What is left to send is sent; a thread that may block does it.
    let _sent = tokio::task::spawn_blocking(|| telemetry.finish()).await;
    outcome
}

async fn serve(config: &Config, settings: &Settings, metrics: PrometheusHandle) -> Result<(), Failure> {
    let stop = signals::listen(ready::path(&config.data_dir))?;
    say_what_is_set(config, settings);
    let listeners = Listeners::bind(config)?;
    let health = Health::default();
    let operator = serve_operator(&listeners.admin, health.clone(), metrics.clone())?;
    let outcome = serve_data(config, settings, listeners, health, metrics, stop).await;
    ready::remove_own(&ready::path(&config.data_dir));
    operator.stop(Duration::from_secs(1)).await;
    outcome
}

async fn serve_data(
    config: &Config,
    settings: &Settings,
    listeners: Listeners,
    health: Health,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) -> Result<(), Failure> {
    // Opening takes its time; the operator's port answers meanwhile.
    let opened = tokio::select! {
        opened = open::open_or_create(config, settings) => opened?,
        () = stop.cancelled() => return Ok(()),
    };
    ready::remove_stale(&opened.place.directory);
    let keys = opened.first_keys(config).await?;
    let (http, grpc, admin) = (listeners.http.address, listeners.grpc.address, listeners.admin.address);
    // The first records may have to wait for a log that is away; whoever is tired of it may end that.
    let mut running = tokio::select! {
        running = Running::start(config, opened, listeners, health.clone(), metrics) => running?,
        () = stop.cancelled() => return Ok(()),
    };
    wait_until_caught_up(&running, &stop).await;
    let said = if stop.is_cancelled() {
        Ok(())
    } else {
        health.serving();
        say_ready(&Ready { http, grpc, admin, pid: std::process::id() }, keys.as_ref(), &running, config)
    };
    let outcome = match said {
        Ok(()) => until_the_end(&mut running, &stop).await,
        failed => failed,
    };
    let ended = running.stop().await;
    outcome.and(ended)
}

fn say_ready(ready: &Ready, keys: Option<&Keys>, running: &Running, config: &Config) -> Result<(), Failure> {
    let (directory, format) = (running.directory(), config.telemetry.log_format);
    ready.announce(directory, format)?;
    keys.map_or(Ok(()), |keys| ready::greet(keys, directory, &running.public_url, format))
}

async fn until_the_end(running: &mut Running, stop: &CancellationToken) -> Result<(), Failure> {
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        failure = running.broken() => Err(failure),
    }
}

/// Ready means that verdicts are due in time as well. A shard that hangs back for long is said, not waited for.
async fn wait_until_caught_up(running: &Running, stop: &CancellationToken) {
    let waiting = async {
        while running.catching_up().is_some() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        () = waiting => {}
        () = stop.cancelled() => {}
        () = tokio::time::sleep(MOST_CATCHING_UP) => {
            let missing = running.catching_up().unwrap_or_default();
            tracing::warn!(missing, "the evaluator has not caught up yet, serving all the same");
        }
    }
}

/// The operator's port serves from the first moment: a start that takes long can be looked at.
fn serve_operator(bound: &Bound, health: Health, metrics: PrometheusHandle) -> Result<Task, Failure> {
    let refusal = |error: std::io::Error| Failure::failed(format_args!("admin.listen: {error}"));
    let listener = TcpListener::from_std(bound.listener.try_clone().map_err(refusal)?).map_err(refusal)?;
    metric::observe_build();
    let routes = health::router(health, metrics);
    Ok(Task::start("the admin port", |stop| async move {
        axum::serve(listener, routes)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
            .map_err(|error| error.to_string())
    }))
}

/// Names only: values may be secrets. The whole, with its secrets redacted, is there for who asks for debug.
fn say_what_is_set(config: &Config, settings: &Settings) {
    let set: Vec<String> = settings.changed().map(|(name, origin)| format!("{name} by {origin}")).collect();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), settings = set.join(", "), "starting");
    tracing::debug!(?config, "the whole configuration");
    if config.http.public_url.is_empty() && !config.http.listen.is_loopback() {
        tracing::warn!("http.public_url is empty: ping URLs will name an address of this machine only");
    }
    if Role::ALL.iter().any(|role| !config.roles.contains(role)) && config.keeps_its_own_log() {
        tracing::warn!(roles = ?config.roles, "no other process can play the missing roles on an embedded log");
    }
}
