//! Who breaks things, and mends them.

use crate::plan::{Fault, FaultPlan};
use crate::world::World;
use domain::ids::ShardId;
use domain::record::{Body, Params};
use domain::time::Clock;
use eventlog::EventLog;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Performs every fault at its time and ends it at its time.
pub async fn work(world: Arc<Mutex<World>>, faults: Vec<FaultPlan>, begin_ms: i64) {
    let performances = faults.into_iter().map(|fault| perform(Arc::clone(&world), fault, begin_ms));
    futures::future::join_all(performances).await;
}

async fn perform(world: Arc<Mutex<World>>, fault: FaultPlan, begin_ms: i64) {
    let now = world.lock().shared.clock.now().0;
    let wait = begin_ms + fault.at_secs as i64 * 1_000 - now;
    tokio::time::sleep(Duration::from_millis(wait.max(0) as u64)).await;
    world.lock().strike(&fault.what);
    tokio::time::sleep(Duration::from_secs(fault.secs)).await;
    world.lock().relent(&fault.what);
}

impl World {
    fn strike(&mut self, fault: &Fault) {
        match fault {
            Fault::KillIngest(nth) => self.kill_ingest(*nth),
            Fault::Deaf => self.door.is_open.store(false, Ordering::Relaxed),
            Fault::CutIngest(nth) => self.with_ingest(*nth, |client| client.cut(true)),
            Fault::CutIngestReplies(nth) => self.with_ingest(*nth, |client| client.cut_replies(true)),
            Fault::KillEvaluator(nth) => self.evaluators[*nth].kill(),
            Fault::PauseEvaluator(nth) => self.evaluators[*nth].pause(),
            Fault::StopEvaluator(nth) => self.evaluators[*nth].stop(),
            Fault::TwoOwners => self.shared.group.split(),
            Fault::CutEvaluatorFromLog(nth) => self.evaluators[*nth].cut_from_log(true),
            Fault::CutEvaluatorFromStore(nth) => self.evaluators[*nth].cut_from_store(true),
            Fault::KillNotifier(nth) => self.notifiers[*nth].kill(),
            Fault::CutNotifier(nth) => self.shared.network.cut(*nth, true),
            Fault::Provider(channel, mode) => self.shared.providers.set(*channel, Some(*mode)),
            Fault::Clock(shard, off) => self.shared.log.set_clock_offset(ShardId(*shard), *off),
            Fault::Poison(shard) => drop(self.api.append(ShardId(*shard), vec![0xff; 40])),
            Fault::CorruptSnapshot(shard) => {
                // Whoever comes next must read it.
                let _ = self.shared.store.corrupt_snapshot(ShardId(*shard));
                self.evaluators.iter_mut().for_each(|node| node.kill());
            }
            Fault::Params(times) => self.write_params(*times),
            Fault::Everything => {
                (0..self.ingest_count()).for_each(|nth| self.kill_ingest(nth));
                self.evaluators.iter_mut().for_each(|node| node.kill());
                self.notifiers.iter_mut().for_each(|node| node.kill());
            }
        }
    }

    fn relent(&mut self, fault: &Fault) {
        let plan = Arc::clone(&self.plan);
        match fault {
            Fault::KillIngest(nth) => self.start_ingest(*nth),
            Fault::Deaf => self.door.is_open.store(true, Ordering::Relaxed),
            Fault::CutIngest(nth) => self.with_ingest(*nth, |client| client.cut(false)),
            Fault::CutIngestReplies(nth) => self.with_ingest(*nth, |client| client.cut_replies(false)),
            Fault::KillEvaluator(nth) | Fault::StopEvaluator(nth) => self.evaluators[*nth].start(&plan),
            Fault::PauseEvaluator(nth) => self.evaluators[*nth].resume(&plan),
            Fault::TwoOwners => drop(tokio::spawn(Arc::clone(&self.shared.group).deal())),
            Fault::CutEvaluatorFromLog(nth) => self.evaluators[*nth].cut_from_log(false),
            Fault::CutEvaluatorFromStore(nth) => self.evaluators[*nth].cut_from_store(false),
            Fault::KillNotifier(nth) => self.notifiers[*nth].start(),
            Fault::CutNotifier(nth) => self.shared.network.cut(*nth, false),
            Fault::Provider(channel, _) => self.shared.providers.set(*channel, None),
            Fault::Clock(shard, _) => self.shared.log.set_clock_offset(ShardId(*shard), 0),
            Fault::CorruptSnapshot(_) => self.evaluators.iter_mut().for_each(|node| node.start(&plan)),
            Fault::Poison(_) | Fault::Params(_) => {}
            Fault::Everything => self.heal(),
        }
    }

    /// Nothing is broken any more.
    pub fn heal(&mut self) {
        let plan = Arc::clone(&self.plan);
        self.door.is_open.store(true, Ordering::Relaxed);
        for nth in 0..self.ingest_count() {
            self.with_ingest(nth, |client| {
                client.cut(false);
                client.cut_replies(false);
            });
            self.start_ingest(nth);
        }
        self.evaluators.iter_mut().for_each(|node| node.heal(&plan));
        for (nth, node) in self.notifiers.iter_mut().enumerate() {
            self.shared.network.cut(nth, false);
            node.start();
        }
        self.shared.providers.heal();
        self.shards.all().for_each(|shard| self.shared.log.set_clock_offset(shard, 0));
        tokio::spawn(Arc::clone(&self.shared.group).deal());
    }

    /// Only ever longer ones: ingest answers by the shortest W.
    fn write_params(&self, times: u32) {
        let w_ms = self.plan.params.w_ms * times;
        let body = Body::Params(Params { w_ms, c_ms: w_ms, rules: 1 });
        self.shards.all().for_each(|shard| drop(self.office.append(shard, &body, self.shared.clock.now())));
    }
}
