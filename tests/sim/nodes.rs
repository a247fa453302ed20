//! Processes: evaluators and notifiers that start, die, pause and come back.

use crate::clock::SimClock;
use crate::group::{Group, SESSION};
use crate::history::History;
use crate::log::{SimClient, SimLog};
use crate::network::{Network, Wire};
use crate::plan::{EVALUATORS, Plan};
use crate::provider::{Providers, Way};
use crate::store::{SimStore, SimStoreClient};
use domain::egress::EgressPolicy;
use domain::engine::snapshot::Format;
use domain::record::Params;
use evaluator::{Evaluator, EvaluatorDeps, EvaluatorOptions};
use eventlog::producer::Producer;
use notifier::{LogForm, LogSink, Notifier, NotifierDeps, NotifierOptions, Parts};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::seal::Sealer;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use wire::internal_auth::InternalAuth;

/// The root of sealed settings.
pub const ROOT: [u8; 32] = [7; 32];

/// What all processes share.
pub struct Shared {
    pub log: Arc<SimLog>,
    pub store: Arc<SimStore>,
    pub clock: Arc<SimClock>,
    pub group: Arc<Group>,
    pub network: Arc<Network>,
    pub providers: Arc<Providers>,
    pub history: Arc<History>,
}

/// Where an evaluator listens.
pub fn address(nth: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1 + nth as u8], 8081))
}

/// One evaluator, in one of its lives.
pub struct EvaluatorNode {
    nth: usize,
    life: u64,
    shared: Arc<Shared>,
    format: Format,
    params: Params,
    snapshot_every: Duration,
    running: Option<Running>,
}

struct Running {
    evaluator: Arc<Evaluator>,
    log: Arc<SimClient>,
    store: Arc<SimStoreClient>,
    member: u64,
    is_frozen: Arc<AtomicBool>,
}

impl Running {
    fn freeze(&self, is_frozen: bool) {
        self.is_frozen.store(is_frozen, Ordering::Relaxed);
        self.log.freeze(is_frozen);
        self.store.freeze(is_frozen);
    }
}

impl EvaluatorNode {
    pub fn new(nth: usize, plan: &Plan, shared: Arc<Shared>) -> Self {
        let snapshot_every = Duration::from_secs(plan.snapshot_secs);
        let (format, params) = (plan.formats[nth], plan.params);
        Self { nth, life: 0, shared, format, params, snapshot_every, running: None }
    }

    pub fn start(&mut self, plan: &Plan) {
        if self.running.is_some() {
            return;
        }
        self.life += 1;
        let member = (self.nth as u64 + 1) * 1_000 + self.life;
        let name = format!("evaluator-{}-{}", self.nth, self.life);
        let (log, store) = (self.shared.log.client(&name), self.shared.store.client(&name));
        crate::weather::apply(plan, &log, &store);
        let deps = EvaluatorDeps {
            log: log.clone(),
            store: store.clone(),
            producer: Producer::new(log.clone(), member, 100 + self.nth as u64, 0),
            clock: self.shared.clock.clone(),
        };
        let options = EvaluatorOptions {
            params: self.params,
            address: address(self.nth).to_string(),
            node: 100 + self.nth as u64,
            snapshot_every: self.snapshot_every,
            format: self.format,
            offer_lease: EvaluatorOptions::OFFER_LEASE,
        };
        let evaluator = Arc::new(Evaluator::start(deps, options, Box::new(self.shared.group.join(member))));
        self.shared.network.listen(address(self.nth), evaluator.feed());
        self.running = Some(Running { evaluator, log, store, member, is_frozen: Arc::default() });
    }

    /// `kill -9`: what it had begun never ends.
    pub fn kill(&mut self) {
        let Some(running) = self.running.take() else { return };
        running.freeze(true);
        self.shared.network.leave(address(self.nth));
        let (group, member, evaluator) = (Arc::clone(&self.shared.group), running.member, running.evaluator);
        tokio::spawn(async move {
            tokio::time::sleep(SESSION).await;
            group.expel(member);
            evaluator.stop().await;
        });
    }

    /// SIGSTOP: the others find out after a session.
    pub fn pause(&mut self) {
        let Some(running) = &self.running else { return };
        running.freeze(true);
        let (group, member) = (Arc::clone(&self.shared.group), running.member);
        let is_frozen = Arc::clone(&running.is_frozen);
        tokio::spawn(async move {
            tokio::time::sleep(SESSION).await;
            if is_frozen.load(Ordering::Relaxed) {
                group.expel(member);
            }
        });
    }

    /// SIGCONT: it goes on as if nothing had been, until it hears that it is out; then it comes anew.
    pub fn resume(&mut self, plan: &Plan) {
        let Some(running) = self.running.take() else { return };
        running.freeze(false);
        let (evaluator, network, at) = (running.evaluator, Arc::clone(&self.shared.network), address(self.nth));
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(3)).await;
            evaluator.stop().await;
        });
        network.leave(at);
        self.start(plan);
    }

    /// SIGTERM.
    pub fn stop(&mut self) {
        let Some(running) = self.running.take() else { return };
        self.shared.network.leave(address(self.nth));
        tokio::spawn(async move { running.evaluator.stop().await });
    }

    pub fn cut_from_log(&self, is_cut: bool) {
        self.running.iter().for_each(|running| running.log.cut(is_cut));
    }

    pub fn cut_from_store(&self, is_cut: bool) {
        self.running.iter().for_each(|running| running.store.cut(is_cut));
    }

    /// Nothing stands in its way any more.
    pub fn heal(&mut self, plan: &Plan) {
        if let Some(running) = &self.running {
            running.freeze(false);
            running.log.cut(false);
            running.store.cut(false);
        }
        self.start(plan);
    }

    /// What it says is missing.
    pub fn missing(&self) -> Vec<String> {
        self.running.as_ref().map_or(vec!["is not there".to_owned()], |running| running.evaluator.readiness().missing)
    }
}

/// A line costs nothing here.
struct Lines(Arc<History>);

impl LogSink for Lines {
    fn line(&self, line: &str) -> std::io::Result<()> {
        self.0.line(line);
        Ok(())
    }

    fn form(&self) -> LogForm {
        LogForm::Json
    }

    fn is_quick(&self) -> bool {
        true
    }
}

/// One notifier.
pub struct NotifierNode {
    nth: usize,
    life: u64,
    shared: Arc<Shared>,
    running: Option<(JoinHandle<()>, Arc<AtomicBool>, Arc<SimStoreClient>)>,
}

impl NotifierNode {
    pub fn new(nth: usize, shared: Arc<Shared>) -> Self {
        Self { nth, life: 0, shared, running: None }
    }

    pub fn start(&mut self) {
        if self.running.is_some() {
            return;
        }
        self.life += 1;
        let worker = format!("notifier-{}-{}", self.nth, self.life);
        let (is_dead, store) = (Arc::new(AtomicBool::new(false)), self.shared.store.client(&worker));
        let deps = NotifierDeps {
            store: store.clone(),
            sealer: Sealer::new(&ROOT),
            clock: self.shared.clock.clone(),
            auth: InternalAuth::new("token"),
        };
        let options = NotifierOptions {
            evaluators: (0..EVALUATORS).map(|nth| address(nth).to_string()).collect(),
            worker,
            capacity: 16,
            egress: EgressPolicy::default(),
            smtp: None,
            telegram_base_url: "https://telegram.example".to_owned(),
            public_url: "https://pulse.example".to_owned(),
        };
        let way = Way { providers: Arc::clone(&self.shared.providers), is_dead: Arc::clone(&is_dead) };
        let parts = Parts {
            log: Arc::new(Lines(Arc::clone(&self.shared.history))),
            dial: Arc::new(Wire { network: Arc::clone(&self.shared.network), notifier: self.nth }),
            transport: Some(Arc::new(way)),
            ..Parts::default()
        };
        let notifier = Notifier::with_parts(deps, options, parts).expect("a notifier");
        self.running = Some((tokio::spawn(notifier.run(CancellationToken::new())), is_dead, store));
    }

    /// `kill -9`, perhaps between a provider's yes and the word of it.
    pub fn kill(&mut self) {
        let Some((task, is_dead, store)) = self.running.take() else { return };
        is_dead.store(true, Ordering::Relaxed);
        store.freeze(true);
        task.abort();
        self.shared.network.cut(self.nth, true);
        self.shared.network.cut(self.nth, false);
    }
}
