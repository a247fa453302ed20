//! What the tests stand on: a notifier with a real store, fed by a feed of ours.

pub mod evaluator;
pub mod facts;
pub mod fleet;
pub mod receiver;

use domain::command::{AttemptOutcome, AttemptResult};
use domain::egress::EgressPolicy;
use domain::ids::{ChannelId, DeliveryId, TenantId};
use domain::time::{Clock, UnixMs};
use evaluator::Evaluator;
use notifier::{LogSink, Lookup, Notifier, NotifierDeps, NotifierOptions, Parts, SmtpOptions};
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::Store;
use store::row::ChannelRow;
use store::seal::{Sealer, seal_settings};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wire::internal_auth::InternalAuth;
use wire::v1::channel::Settings;

pub const TENANT: TenantId = TenantId(1);
pub const INTERNAL_TOKEN: &str = "internal-token-of-the-test";
pub const NOW: i64 = 1_795_482_304_000; // 2026-11-24T01:05:04Z

pub struct ManualClock(pub AtomicI64);

impl Clock for ManualClock {
    fn now(&self) -> UnixMs {
        UnixMs(self.0.load(Ordering::SeqCst))
    }
}

/// A name service of ours: each name has a list of answers, the last of which stays.
#[derive(Default)]
pub struct Names(Mutex<HashMap<String, Vec<Vec<IpAddr>>>>, AtomicU64);

impl Names {
    pub fn set(&self, name: &str, answers: &[&[&str]]) {
        let answers = answers.iter().map(|a| a.iter().map(|ip| ip.parse().unwrap()).collect()).collect();
        self.0.lock().unwrap().insert(name.to_owned(), answers);
    }

    /// From now on there is no such name.
    pub fn remove(&self, name: &str) {
        self.0.lock().unwrap().remove(name);
    }

    /// How often anything was looked up.
    pub fn asked(&self) -> u64 {
        self.1.load(Ordering::SeqCst)
    }
}

#[async_trait::async_trait]
impl Lookup for Names {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.1.fetch_add(1, Ordering::SeqCst);
        let mut names = self.0.lock().unwrap();
        let answers = names.get_mut(host).ok_or(io::ErrorKind::NotFound)?;
        Ok(if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() })
    }
}

/// Everything around one notifier.
pub struct Rig {
    pub store: Arc<dyn Store>,
    pub sealer: Sealer,
    pub evaluator: Evaluator,
    pub notifier: Notifier,
    pub names: Arc<Names>,
    pub lines: Arc<Mutex<Vec<String>>>,
    pub shutdown: CancellationToken,
    pub running: Option<JoinHandle<()>>,
    next_channel: AtomicU64,
    _directory: tempfile::TempDir,
}

/// What a test may decide.
pub struct Plan {
    pub egress: EgressPolicy,
    pub smtp: Option<SmtpOptions>,
    pub telegram: String,
    pub capacity: u32,
    pub token: &'static str,
}

impl Default for Plan {
    /// Loopback is allowed, as a self-hoster would.
    fn default() -> Self {
        let allow = EgressPolicy::parse_allow(&["127.0.0.0/8".to_owned()]).unwrap();
        Self {
            egress: EgressPolicy { allow, ..EgressPolicy::default() },
            smtp: None,
            telegram: "http://127.0.0.1:9".to_owned(),
            capacity: 64,
            token: INTERNAL_TOKEN,
        }
    }
}

impl Rig {
    pub async fn start() -> Self {
        Self::with(Plan::default()).await
    }

    pub async fn with(plan: Plan) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = store::embedded::EmbeddedStore::open(directory.path()).unwrap();
        let sealer = Sealer::new(&[7; 32]);
        let evaluator = Evaluator::start().await;
        let (names, lines) = (Arc::new(Names::default()), Arc::new(Mutex::new(Vec::new())));
        let deps = NotifierDeps {
            store: store.clone(),
            sealer: sealer.clone(),
            clock: Arc::new(ManualClock(AtomicI64::new(NOW))),
            auth: InternalAuth::new(plan.token),
        };
        let options = NotifierOptions {
            evaluators: vec![evaluator.address.to_string()],
            worker: "test".to_owned(),
            capacity: plan.capacity,
            egress: plan.egress,
            smtp: plan.smtp,
            telegram_base_url: plan.telegram,
            public_url: "https://pulse.example/".to_owned(),
        };
        let parts = Parts { lookup: names.clone(), log: log_sink(lines.clone()), ..Parts::default() };
        let notifier = Notifier::with_parts(deps, options, parts).unwrap();
        let shutdown = CancellationToken::new();
        let running = Some(tokio::spawn(notifier.clone().run(shutdown.clone())));
        let next_channel = AtomicU64::new(1);
        Self {
            store,
            sealer,
            evaluator,
            notifier,
            names,
            lines,
            shutdown,
            running,
            next_channel,
            _directory: directory,
        }
    }

    /// Stores a channel.
    pub async fn channel(&self, settings: Settings) -> ChannelRow {
        let row = self.row(settings);
        self.store.add_channel(row.clone()).await.unwrap();
        row
    }

    /// A channel that is not stored.
    pub fn row(&self, settings: Settings) -> ChannelRow {
        let id = ChannelId(self.next_channel.fetch_add(1, Ordering::SeqCst));
        ChannelRow {
            id,
            tenant: TENANT,
            name: format!("channel-{}", id.0),
            kind: "webhook".to_owned(),
            settings: seal_settings(&self.sealer, TENANT, id, &settings),
            version: 1,
            created_ms: 0,
            changed_ms: 0,
            disabled: String::new(),
            deleted: false,
        }
    }

    /// Offers one attempt and waits for its outcome.
    pub async fn deliver(&self, offer: wire::v1::Offer) -> AttemptResult {
        let delivery = facts::id_of(&offer);
        self.evaluator.offer(offer).await;
        self.outcome(delivery).await.result
    }

    /// The next outcome of a delivery.
    pub async fn outcome(&self, delivery: DeliveryId) -> AttemptOutcome {
        within(Duration::from_secs(25), self.evaluator.outcome(delivery)).await
    }

    /// Stops the notifier and waits for it.
    pub async fn stop(&mut self) {
        self.shutdown.cancel();
        within(Duration::from_secs(25), self.running.take().unwrap()).await.unwrap();
    }
}

fn log_sink(lines: Arc<Mutex<Vec<String>>>) -> Arc<dyn LogSink> {
    Arc::new(move |line: &str| lines.lock().unwrap().push(line.to_owned()))
}

/// A wait with an end.
#[track_caller]
pub fn within<T>(limit: Duration, wait: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        tokio::time::timeout(limit, wait).await.unwrap_or_else(|_| panic!("nothing within {limit:?}, at {caller}"))
    }
}

/// Waits for a condition.
#[track_caller]
pub fn until(what: &'static str, mut holds: impl FnMut() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        for _ in 0..1_000 {
            if holds() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never: {what}, at {caller}");
    }
}

/// The error of an attempt that is to be made again.
#[track_caller]
pub fn retried(result: AttemptResult) -> (Option<u64>, String) {
    match result {
        AttemptResult::Retry { after_ms, error } => (after_ms, error),
        other => panic!("not a retry: {other:?}"),
    }
}

/// The error of an attempt that failed for good.
#[track_caller]
pub fn failed(result: AttemptResult) -> String {
    match result {
        AttemptResult::Failed { error } => error,
        other => panic!("not failed: {other:?}"),
    }
}

/// The error of an endpoint that is gone.
#[track_caller]
pub fn gone(result: AttemptResult) -> String {
    match result {
        AttemptResult::Gone { error } => error,
        other => panic!("not gone: {other:?}"),
    }
}
