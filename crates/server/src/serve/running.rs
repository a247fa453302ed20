//! All stages running, in the order they start, and the opposite order in which they end.

use super::background::Background;
use super::grpc;
use super::housekeeping;
use super::listeners::Listeners;
use super::open::Opened;
use super::stages::Plan;
use super::tasks::Task;
use crate::config::types::{Config, Role};
use crate::failure::Failure;
use crate::health::{Health, Lack};
use evaluator::Evaluator;
use ingest::Ingest;
use metrics_exporter_prometheus::PrometheusHandle;
use notifier::Notifier;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// From SIGTERM to the exit, in all; a second is left for the runtime.
const WHOLE_END: Duration = Duration::from_secs(29);

/// The running process.
pub struct Running {
    /// What ping URLs begin with.
    pub public_url: String,
    health: Health,
    budget: Budget,
    http: Task,
    ingest: Option<Ingest>,
    canaries: Option<Task>,
    notifier: Option<Task>,
    auditor: Option<Task>,
    grpc: Task,
    upkeep: Vec<Task>,
    evaluator: Option<Arc<Evaluator>>,
    _background: Background,
    opened: Opened,
}

/// How the time of the end is shared out.
#[derive(Clone, Copy)]
struct Budget {
    delay: Duration,
    drain: Duration,
    attempts: Duration,
    calls: Duration,
    snapshot: Duration,
}

impl Budget {
    fn of(config: &Config) -> Self {
        let delay = config.shutdown_delay.duration();
        let rest = WHOLE_END.saturating_sub(delay);
        Self {
            delay,
            drain: (rest / 3).min(Duration::from_secs(9)),
            attempts: rest / 4,
            calls: rest / 8,
            snapshot: rest / 5,
        }
    }
}

impl Running {
    /// Starts every stage. Pings are taken only after the boot records are durable: what came before them is
    /// a stretch in which nobody could hear.
    pub async fn start(
        config: &Config,
        opened: Opened,
        listeners: Listeners,
        health: Health,
        metrics: PrometheusHandle,
    ) -> Result<Self, Failure> {
        let budget = Budget::of(config);
        let plan = Plan::new(config, &opened, &listeners, budget.drain)?;
        let notifier = plan.notifier()?;
        let ingest = plan.plays(Role::Ingest).then(|| plan.ingest()).transpose()?;
        let background =
            Background::start().map_err(|error| Failure::failed(format_args!("the evaluator's threads: {error}")))?;
        let evaluator = match plan.plays(Role::Evaluator) {
            true => Some(Arc::new(plan.evaluator(&background).await?)),
            false => None,
        };
        let auditor = match plan.plays(Role::Auditor) {
            true => Some(audit(&plan, &health, &background).await?),
            false => None,
        };
        let delivering = plan.plays(Role::Notifier).then_some(&notifier);
        watch(&health, &opened, ingest.as_ref(), evaluator.as_ref(), delivering);
        let (routes, reporter) = grpc::routes(&plan, ingest.as_ref(), evaluator.as_deref(), &notifier)?;
        let public_url = plan.public_url.clone();
        if let Some(ingest) = &ingest {
            ingest
                .announce_boot()
                .await
                .map_err(|error| Failure::failed(format_args!("the log: no boot record: {error}")))?;
        }
        let listener = tokio_listener("grpc.listen", listeners.grpc.listener)?;
        let traced = !config.telemetry.otlp_endpoint.is_empty();
        let grpc = Task::start("the grpc port", |stop| grpc::serve(listener, routes, traced, stop));
        let http = Task::start("the http port", |stop| serve_http(ingest.clone(), listeners.http.listener, stop));
        let upkeep = upkeep(config, &opened, health.clone(), reporter, metrics);
        Ok(Self {
            canaries: ingest.clone().map(|ingest| Task::run("the canaries", |stop| ingest.run_canaries(stop))),
            ingest,
            notifier: plan.plays(Role::Notifier).then(|| Task::run("the notifier", |stop| notifier.run(stop))),
            auditor,
            public_url,
            health,
            budget,
            http,
            grpc,
            upkeep,
            evaluator,
            _background: background,
            opened,
        })
    }

    /// What of the log the evaluator has still to read; `None` when it is where pings arrive.
    pub fn catching_up(&self) -> Option<String> {
        let readiness = self.evaluator.as_ref()?.readiness();
        (!readiness.ready).then(|| readiness.missing.join(", "))
    }

    /// The data directory.
    pub fn directory(&self) -> &Path {
        &self.opened.place.directory
    }

    /// Returns only if a stage ends by itself.
    pub async fn broken(&mut self) -> Failure {
        let (canaries, notifier) = (ended(self.canaries.as_mut()), ended(self.notifier.as_mut()));
        let auditor = ended(self.auditor.as_mut());
        tokio::select! {
            failure = self.http.ended() => failure,
            failure = self.grpc.ended() => failure,
            failure = canaries => failure,
            failure = notifier => failure,
            failure = auditor => failure,
        }
    }

    /// Ends every stage, each in the time it is given and all of them within 29 s.
    pub async fn stop(self) -> Result<(), Failure> {
        let late = |_| Failure::failed(format_args!("the shutdown: not done within {} s", WHOLE_END.as_secs()));
        tokio::time::timeout(WHOLE_END, self.end()).await.map_err(late)
    }

    /// No new pings, those in progress answered; attempts finished and reported; calls ended; the last snapshot;
    /// then log and store.
    async fn end(self) {
        let Budget { delay, drain, attempts, calls, snapshot } = self.budget;
        self.health.stopping();
        self.ingest.iter().for_each(Ingest::leave);
        stop(self.auditor, Duration::from_secs(1)).await;
        tokio::time::sleep(delay).await;
        // First, since what they prove ends here: a port that drains takes no new connection.
        stop(self.canaries, Duration::from_secs(1)).await;
        // The stage keeps its own time; a second more and it is cut off.
        self.http.stop(drain + Duration::from_secs(1)).await;
        stop(self.notifier, attempts).await;
        if let Some(evaluator) = &self.evaluator {
            evaluator.close_feed();
        }
        self.grpc.stop(calls).await;
        if let Some(evaluator) = self.evaluator {
            bounded("the evaluator", snapshot, evaluator.stop()).await;
        }
        for task in self.upkeep {
            task.stop(Duration::from_secs(1)).await;
        }
        bounded("the log", Duration::from_secs(3), self.opened.log.shared().close()).await;
        tracing::info!("stopped");
    }
}

/// Starts the auditor. A process that does something else as well stays ready while the audit is interrupted: a second
/// opinion must not take pings or alerts away.
async fn audit(plan: &Plan<'_>, health: &Health, background: &Background) -> Result<Task, Failure> {
    let auditor = plan.auditor();
    let (asked, is_alone) = (auditor.clone(), plan.config.roles.len() == 1);
    health.add(Box::new(move || match is_alone {
        true => Lack { missing: asked.missing(), ..Lack::default() },
        false => Lack { warnings: asked.missing(), ..Lack::default() },
    }));
    let started = background.run(async { Task::run("the auditor", |stop| auditor.run(stop)) }).await;
    started.map_err(|error| Failure::failed(format_args!("the auditor: {error}")))
}

/// The public port: pings, and the few pages beside them.
async fn serve_http(ingest: Option<Ingest>, listener: TcpListener, stop: CancellationToken) -> Result<(), String> {
    let fallback = super::pages::routes();
    let served = match ingest {
        Some(ingest) => ingest.serve_http(listener, fallback, stop).await,
        None => match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => axum::serve(listener, fallback).with_graceful_shutdown(stop.cancelled_owned()).await,
            Err(error) => Err(error),
        },
    };
    served.map_err(|error| error.to_string())
}

/// Pings are taken without the store: a process that only takes them stays ready while it is away.
fn watch(
    health: &Health,
    opened: &Opened,
    ingest: Option<&Ingest>,
    evaluator: Option<&Arc<Evaluator>>,
    notifier: Option<&Notifier>,
) {
    if ingest.is_none() || evaluator.is_some() || notifier.is_some() {
        health.watch_store(opened.store.shared());
    }
    if let Some(ingest) = ingest.cloned() {
        health.add(Box::new(move || {
            let readiness = ingest.readiness();
            Lack { missing: readiness.missing, warnings: readiness.warnings }
        }));
    }
    if let Some(evaluator) = evaluator.cloned() {
        health.add(Box::new(move || Lack { missing: evaluator.readiness().missing, ..Lack::default() }));
    }
    if let Some(notifier) = notifier.cloned() {
        health.add(Box::new(move || {
            // One evaluator is enough to have work; the others are worth a look.
            let readiness = notifier.readiness();
            match readiness.ready {
                true => Lack { warnings: readiness.missing, ..Lack::default() },
                false => Lack { missing: readiness.missing, ..Lack::default() },
            }
        }));
    }
}

fn upkeep(
    config: &Config,
    opened: &Opened,
    health: Health,
    reporter: tonic_health::server::HealthReporter,
    metrics: PrometheusHandle,
) -> Vec<Task> {
    let (store, clock, settings) = (opened.store.shared(), opened.clock.clone(), config.store.clone());
    vec![
        Task::run("expiry", |stop| housekeeping::expire(store, clock, settings, stop)),
        Task::run("metrics upkeep", |stop| housekeeping::upkeep(metrics, stop)),
        Task::run("grpc health", |stop| housekeeping::mirror_health(health, reporter, stop)),
    ]
}

fn tokio_listener(setting: &str, listener: TcpListener) -> Result<tokio::net::TcpListener, Failure> {
    tokio::net::TcpListener::from_std(listener).map_err(|error| Failure::failed(format_args!("{setting}: {error}")))
}

async fn ended(task: Option<&mut Task>) -> Failure {
    match task {
        Some(task) => task.ended().await,
        None => std::future::pending().await,
    }
}

async fn stop(task: Option<Task>, patience: Duration) {
    if let Some(task) = task {
        task.stop(patience).await;
    }
}

async fn bounded(name: &'static str, patience: Duration, work: impl Future<Output = ()>) {
    if tokio::time::timeout(patience, work).await.is_err() {
        tracing::warn!(stage = name, patience_ms = patience.as_millis() as u64, "did not end in time");
    }
}
