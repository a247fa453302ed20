//! Everything there is in a run, and the run itself.

use crate::clock::SimClock;
use crate::facts::Facts;
use crate::group::Group;
use crate::history::History;
use crate::ingest::{Door, Ingest};
use crate::jobs::Job;
use crate::log::{SimClient, SimLog};
use crate::nemesis;
use crate::nodes::{EvaluatorNode, NotifierNode, ROOT, Shared};
use crate::office::Office;
use crate::plan::{CHANNELS, EVALUATORS, INGESTS, NOTIFIERS, Plan, SHARDS};
use crate::provider::Providers;
use crate::store::SimStore;
use crate::weather;
use domain::ids::{ChannelId, MonitorId, ShardCount, TenantId};
use domain::time::Clock;
use eventlog::producer::Producer;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use store::Directory;
use store::row::ChannelRow;
use store::seal::{Sealer, seal_settings};
use wire::v1::WebhookSettings;
use wire::v1::channel::Settings;

pub const TENANT: TenantId = TenantId(1);
/// What the last fault left is gone after this.
const CONVERGE: Duration = Duration::from_secs(600);
/// Deliveries may wait for their next attempt: an hour and a fifth at most, by the longest a provider is away.
const DELIVER: Duration = Duration::from_secs(3 * 3_600);
const LOOK: Duration = Duration::from_secs(60);

/// Spread over the shards as real ids are.
pub fn monitor_of(job: u64) -> MonitorId {
    MonitorId((job + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// As a place in lists of shards.
pub fn shard_of(monitor: MonitorId) -> usize {
    ShardCount::new(SHARDS).expect("shards").shard_of(monitor).0.into()
}

pub fn slug_of(job: u64) -> String {
    format!("job-{job}")
}

/// The ingests that live.
pub struct Ingests(Mutex<Vec<Option<Arc<Ingest>>>>);

impl Ingests {
    pub fn count(&self) -> usize {
        self.0.lock().len()
    }

    pub fn get(&self, nth: usize) -> Option<Arc<Ingest>> {
        self.0.lock().get(nth).cloned().flatten()
    }
}

/// A world.
pub struct World {
    pub plan: Arc<Plan>,
    pub shared: Arc<Shared>,
    pub shards: ShardCount,
    pub door: Arc<Door>,
    pub ingests: Arc<Ingests>,
    pub evaluators: Vec<EvaluatorNode>,
    pub notifiers: Vec<NotifierNode>,
    /// The way of API nodes into the log.
    pub api: Arc<SimClient>,
    pub office: Producer,
    lives: u64,
}

/// Lets a plan happen, from the first record to the last delivery.
pub fn run(plan: &Plan) -> Facts {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(World::live(Arc::new(plan.clone())))
}

impl World {
    fn new(plan: Arc<Plan>) -> Self {
        let shards = ShardCount::new(SHARDS).expect("shards");
        let clock = SimClock::right(plan.begin_ms);
        let history = Arc::<History>::default();
        let log = SimLog::new(shards, clock.clone(), plan.seed);
        let shared = Arc::new(Shared {
            store: SimStore::new(plan.seed),
            group: Group::new(shards),
            network: Arc::default(),
            providers: Providers::new(Arc::clone(&history), clock.clone()),
            log,
            clock,
            history,
        });
        let api = shared.log.client("api");
        let office = Producer::new(api.clone(), 9_000, 200, 0);
        let evaluators = (0..EVALUATORS).map(|nth| EvaluatorNode::new(nth, &plan, Arc::clone(&shared))).collect();
        let notifiers = (0..NOTIFIERS).map(|nth| NotifierNode::new(nth, Arc::clone(&shared))).collect();
        let ingests = Arc::new(Ingests(Mutex::new(vec![None; INGESTS])));
        let door = Arc::new(Door { is_open: AtomicBool::new(true) });
        Self { plan, shared, shards, door, ingests, evaluators, notifiers, api, office, lives: 0 }
    }

    async fn live(plan: Arc<Plan>) -> Facts {
        let mut world = Self::new(Arc::clone(&plan));
        weather::of_log(&plan, &world.api);
        world.open_channels().await;
        world.heal();
        let (shared, begin_ms) = (Arc::clone(&world.shared), plan.begin_ms);
        let end_ms = begin_ms + plan.minutes as i64 * 60_000;
        let mut office = world.people();
        let jobs: Vec<Job> = plan.jobs.iter().map(|job| world.job(job.clone(), end_ms)).collect();
        let world = Arc::new(Mutex::new(world));
        office.open(&plan.jobs).await;
        jobs.into_iter().for_each(|job| drop(tokio::spawn(job.run())));
        let editing = tokio::spawn(office.work(plan.edits.clone()));
        let breaking = tokio::spawn(nemesis::work(Arc::clone(&world), plan.faults.clone(), begin_ms));
        tokio::time::sleep(Duration::from_millis((end_ms - shared.clock.now().0).max(0) as u64)).await;
        breaking.abort();
        editing.abort();
        world.lock().heal();
        tokio::time::sleep(CONVERGE).await;
        let missing = world.lock().missing();
        let late = Self::until_told(&shared).await;
        Facts::gather(&plan, &shared, missing, late).await
    }

    /// Waits until every delivery has ended; gives those that have not.
    async fn until_told(shared: &Shared) -> Vec<String> {
        let rounds = DELIVER.as_secs() / LOOK.as_secs();
        for _ in 0..rounds {
            if Self::open(shared).is_empty() {
                return Vec::new();
            }
            tokio::time::sleep(LOOK).await;
        }
        Self::open(shared)
    }

    fn open(shared: &Shared) -> Vec<String> {
        let open = shared.store.deliveries().into_iter().filter(|one| !one.state.is_terminal());
        open.map(|one| format!("{} {} after {} attempts: {}", one.id, one.state, one.attempts, one.error)).collect()
    }

    fn missing(&self) -> Vec<String> {
        let nodes = self.evaluators.iter().enumerate();
        nodes
            .flat_map(|(nth, node)| node.missing().into_iter().map(move |what| format!("evaluator {nth}: {what}")))
            .collect()
    }

    async fn open_channels(&self) {
        let sealer = Sealer::new(&ROOT);
        let store = self.shared.store.client("setup");
        for id in (1..=CHANNELS).map(ChannelId) {
            let url = format!("https://hooks.example/{}", id.0);
            let settings = Settings::Webhook(WebhookSettings { url, ..WebhookSettings::default() });
            let row = ChannelRow {
                id,
                tenant: TENANT,
                name: format!("hook-{}", id.0),
                kind: "webhook".to_owned(),
                settings: seal_settings(&sealer, TENANT, id, &settings),
                version: 1,
                created_ms: 0,
                changed_ms: 0,
                disabled: String::new(),
                deleted: false,
            };
            store.add_channel(row).await.expect("a channel");
        }
    }

    fn people(&self) -> Office {
        Office {
            producer: self.office.clone(),
            store: Arc::clone(&self.shared.store),
            clock: Arc::clone(&self.shared.clock),
            shards: self.shards,
            begin_ms: self.plan.begin_ms,
            commands: 0,
        }
    }

    fn job(&self, plan: crate::plan::JobPlan, end_ms: i64) -> Job {
        Job {
            monitor: monitor_of(plan.number),
            dice: Job::dice(self.plan.seed, plan.number),
            plan,
            shards: self.shards,
            ingests: Arc::clone(&self.ingests),
            history: Arc::clone(&self.shared.history),
            clock: Arc::clone(&self.shared.clock),
            begin_ms: self.plan.begin_ms,
            end_ms,
            sent: 0,
        }
    }

    pub fn ingest_count(&self) -> usize {
        self.ingests.count()
    }

    pub fn with_ingest(&self, nth: usize, doing: impl FnOnce(&SimClient)) {
        if let Some(ingest) = self.ingests.get(nth) {
            doing(&ingest.client);
        }
    }

    pub fn kill_ingest(&mut self, nth: usize) {
        if let Some(ingest) = self.ingests.0.lock()[nth].take() {
            ingest.kill();
        }
    }

    pub fn start_ingest(&mut self, nth: usize) {
        if self.ingests.get(nth).is_some() {
            return;
        }
        self.lives += 1;
        let client = self.shared.log.client(&format!("ingest-{nth}-{}", self.lives));
        weather::of_log(&self.plan, &client);
        let producer = Producer::new(client.clone(), 5_000 + self.lives, 1 + nth as u64, 0);
        let clock = self.shared.clock.skewed(self.plan.skew_ms[nth]);
        let timeout = Duration::from_millis(self.plan.append_timeout_ms());
        let every = Duration::from_millis(u64::from(self.plan.params.c_ms) / 4);
        let ingest = Ingest::new(client, producer, clock, Arc::clone(&self.door), timeout, every, self.shards);
        self.ingests.0.lock()[nth] = Some(Arc::clone(&ingest));
        tokio::spawn(ingest.run());
    }
}
