//! One shard: its worker, and the handle by which others in this process see it.

mod answers;
mod coalesce;
mod history;
mod step;
pub mod worker;

use answers::AnswerBook;
use domain::command::{Answer, MonitorView};
use domain::engine::Engine;
use domain::ids::{MonitorId, ShardId};
use parking_lot::Mutex;
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
}

impl ShardHandle {
    fn new(engine: Engine, goal: u64) -> Self {
        let applied = watch::Sender::new(engine.next_offset());
        Self { shard: engine.shard(), engine: Mutex::new(engine), book: Mutex::default(), applied, goal: goal.into() }
    }

    /// Monitors as they are now; unknown ones are left out.
    pub fn views(&self, monitors: &[MonitorId]) -> Vec<MonitorView> {
        let engine = self.engine.lock();
        monitors.iter().filter_map(|id| engine.view(*id)).collect()
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

    /// Where it stands, for `/readyz`.
    pub fn state_in_words(&self) -> String {
        let (applied, goal) = (*self.applied.borrow(), self.goal.load(Ordering::Relaxed));
        format!("shard {} replays the log: {applied} of {goal}", self.shard)
    }
}

/// The shards owned here.
#[derive(Clone)]
pub struct Shards(Arc<[Arc<ShardHandle>]>);

impl Shards {
    pub fn new(handles: Vec<Arc<ShardHandle>>) -> Self {
        Self(handles.into())
    }

    /// The handle of a shard, if it is owned here.
    pub fn get(&self, shard: u32) -> Option<&Arc<ShardHandle>> {
        self.0.iter().find(|handle| u32::from(handle.shard.0) == shard)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Arc<ShardHandle>> {
        self.0.iter()
    }
}
