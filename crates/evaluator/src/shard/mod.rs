//! One shard: its worker, and the handle by which others in this process see it.

mod answers;
mod coalesce;
mod history;
mod step;
pub mod worker;

use crate::digest::Digest;
use answers::AnswerBook;
use domain::command::{Answer, MonitorView};
use domain::engine::Engine;
use domain::ids::{MonitorId, ShardId};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// What a worker shares. The engine is locked for one batch of records at a time.
pub struct ShardHandle {
    shard: ShardId,
    engine: Mutex<Engine>,
    book: Mutex<AnswerBook>,
    /// The offset below which everything is applied and stored.
    applied: watch::Sender<u64>,
    /// Where the log ended when this worker started.
    goal: AtomicU64,
    /// Why it does not get on, if it does not.
    trouble: Mutex<Option<String>>,
}

impl ShardHandle {
    fn new(engine: Engine, goal: u64) -> Self {
        let applied = watch::Sender::new(engine.next_offset());
        let (shard, trouble) = (engine.shard(), Mutex::default());
        Self { shard, engine: Mutex::new(engine), book: Mutex::default(), applied, goal: goal.into(), trouble }
    }

    /// Monitors as they are now; unknown ones are left out.
    pub fn views(&self, monitors: &[MonitorId]) -> Vec<MonitorView> {
        let engine = self.engine.lock();
        monitors.iter().filter_map(|id| engine.view(*id)).collect()
    }

    /// The hash of the whole state.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.engine.lock())
    }

    /// The shard.
    pub fn id(&self) -> ShardId {
        self.shard
    }

    /// Waits until everything below `next` is applied and stored, at most `patience`; whether it is.
    pub async fn reach(&self, next: u64, patience: Duration) -> bool {
        let mut applied = self.applied.subscribe();
        tokio::time::timeout(patience, applied.wait_for(|reached| *reached >= next))
            .await
            .is_ok_and(|reached| reached.is_ok())
    }

    /// As [`Self::reach`] for the end of the log; an end that nobody can tell is not reached.
    pub async fn reach_end(&self, end: Option<u64>, patience: Duration) -> bool {
        match end {
            Some(next) => self.reach(next, patience).await,
            None => false,
        }
    }

    /// Waits until `offset` is applied. `None`: not within `timeout`. The inner option is the record's own
    /// answer, if it had one.
    pub async fn answer(&self, offset: u64, timeout: Duration) -> Option<Option<Answer>> {
        let reached = self.reach(offset.saturating_add(1), timeout).await;
        reached.then(|| self.book.lock().get(offset))
    }

    /// Whether it has applied what stood in the log when it started.
    pub fn has_caught_up(&self) -> bool {
        *self.applied.borrow() >= self.goal.load(Ordering::Relaxed)
    }

    /// Says why it does not get on; `None`: it does again.
    fn set_trouble(&self, trouble: Option<String>) {
        *self.trouble.lock() = trouble;
    }

    /// What keeps it from judging in time, for `/readyz`.
    fn missing(&self) -> Option<String> {
        if let Some(trouble) = &*self.trouble.lock() {
            return Some(format!("shard {} stands still: {trouble}", self.shard));
        }
        let (applied, goal) = (*self.applied.borrow(), self.goal.load(Ordering::Relaxed));
        (applied < goal).then(|| format!("shard {} replays the log: {applied} of {goal}", self.shard))
    }
}

/// The shards owned here. Clones share.
#[derive(Clone, Default)]
pub struct Shards(Arc<RwLock<Owned>>);

#[derive(Default)]
struct Owned {
    shards: BTreeMap<ShardId, Here>,
    /// Whether placement has said anything yet.
    placed: bool,
    obstacle: Option<String>,
}

/// How far along a shard is.
enum Here {
    Recovering(Option<String>),
    Working(Arc<ShardHandle>),
}

impl Shards {
    /// The handle of a shard, if it is worked on here.
    pub fn get(&self, shard: u32) -> Option<Arc<ShardHandle>> {
        let owned = self.0.read();
        match owned.shards.get(&ShardId(u16::try_from(shard).ok()?))? {
            Here::Working(handle) => Some(Arc::clone(handle)),
            Here::Recovering(_) => None,
        }
    }

    /// What keeps this process from its work.
    pub fn missing(&self) -> Vec<String> {
        let owned = self.0.read();
        let of_shard = |(shard, here): (&ShardId, &Here)| match here {
            Here::Working(handle) => handle.missing(),
            Here::Recovering(None) => Some(format!("shard {shard} loads its snapshot")),
            Here::Recovering(Some(problem)) => Some(format!("shard {shard} stands still: {problem}")),
        };
        let waits = (!owned.placed).then(|| "waits to be given shards".to_owned());
        owned.obstacle.clone().or(waits).into_iter().chain(owned.shards.iter().filter_map(of_shard)).collect()
    }

    pub fn recovering(&self, shard: ShardId) {
        self.0.write().shards.insert(shard, Here::Recovering(None));
    }

    pub fn stands_still(&self, shard: ShardId, problem: String) {
        self.0.write().shards.insert(shard, Here::Recovering(Some(problem)));
    }

    pub fn insert(&self, handle: Arc<ShardHandle>) {
        self.0.write().shards.insert(handle.shard, Here::Working(handle));
    }

    pub fn remove(&self, shard: ShardId) {
        self.0.write().shards.remove(&shard);
    }

    /// Placement has said what is owned here.
    pub fn placed(&self) {
        self.0.write().placed = true;
    }

    pub fn set_obstacle(&self, obstacle: Option<String>) {
        self.0.write().obstacle = obstacle;
    }
}
