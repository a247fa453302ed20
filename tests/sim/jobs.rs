//! Jobs: each pings when its schedule says so, more or less, through whichever ingest it finds, and tries again when it
//! was not told `OK`.

use crate::clock::SimClock;
use crate::history::{Answer, History, Sent};
use crate::plan::JobPlan;
use crate::world::Ingests;
use domain::ids::{MonitorId, RunId, ShardCount};
use domain::ping::{Ping, PingDetails, PingKind};
use domain::schedule::Schedule;
use domain::time::{Clock, UnixMs};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use std::time::Duration;

/// How often a ping is tried.
const TRIES: usize = 3;

/// One job.
pub struct Job {
    pub plan: JobPlan,
    pub monitor: MonitorId,
    pub shards: ShardCount,
    pub ingests: Arc<Ingests>,
    pub history: Arc<History>,
    pub clock: Arc<SimClock>,
    pub begin_ms: i64,
    pub end_ms: i64,
    pub dice: StdRng,
    pub sent: u64,
}

impl Job {
    pub fn dice(seed: u64, number: u64) -> StdRng {
        StdRng::seed_from_u64(seed.wrapping_mul(1_000_003) ^ number)
    }

    /// Works until the end of the run.
    pub async fn run(mut self) {
        let mut last = self.begin_ms;
        loop {
            let Some(slot) = self.plan.policy.schedule.next(UnixMs(last)) else { return };
            let (earliest, latest) = self.plan.jitter_ms;
            let at = (slot.0 + self.dice.random_range(earliest..=latest)).max(last + 1);
            if at >= self.end_ms {
                return;
            }
            self.until(at).await;
            if let Some(end_ms) = self.silent_until() {
                last = end_ms;
                continue;
            }
            let ended = self.work().await;
            // A job with a period counts from its end, one with a calendar from its slot.
            last = match self.plan.policy.schedule {
                Schedule::Period { .. } => ended,
                _ => slot.0.max(ended.min(slot.0 + 1)),
            };
        }
    }

    fn silent_until(&self) -> Option<i64> {
        let now_s = (self.clock.now().0 - self.begin_ms) / 1_000;
        let silent = self.plan.silent.iter().find(|(from, to)| (*from as i64..*to as i64).contains(&now_s));
        silent.map(|(_, to)| self.begin_ms + *to as i64 * 1_000)
    }

    /// One run; gives when it ended.
    async fn work(&mut self) -> i64 {
        let run = self.dice.random_bool(0.6).then(|| RunId(self.dice.random()));
        if self.dice.random_bool(self.plan.starts) {
            self.send(PingKind::Start, run).await;
            let (least, most) = self.plan.run_secs;
            let secs = self.dice.random_range(least..=most);
            tokio::time::sleep(Duration::from_secs(secs)).await;
        }
        let kind = match self.dice.random_bool(self.plan.fails) {
            true if self.dice.random_bool(0.5) => PingKind::Fail,
            true => PingKind::Exit(self.dice.random_range(1..=255)),
            false if self.dice.random_bool(0.3) => PingKind::Exit(0),
            false => PingKind::Success,
        };
        let ended = self.clock.now().0;
        self.send(kind, run).await;
        if self.dice.random_bool(self.plan.doubles) {
            self.send(kind, run).await;
        }
        if self.dice.random_bool(self.plan.notes) {
            self.send(PingKind::Log, None).await;
        }
        ended
    }

    /// Pings until it is told `OK`, a few times.
    async fn send(&mut self, kind: PingKind, run: Option<RunId>) {
        for attempt in 0..TRIES {
            if self.send_once(kind, run).await == Answer::Acked {
                return;
            }
            tokio::time::sleep(Duration::from_millis(700 << attempt)).await;
        }
    }

    async fn send_once(&mut self, kind: PingKind, run: Option<RunId>) -> Answer {
        self.sent += 1;
        let id = format!("{}#{}", self.plan.number, self.sent);
        let details = PingDetails { message: id.clone(), method: "POST".to_owned(), ..PingDetails::default() };
        let ping = Ping {
            monitor: self.monitor,
            generation: None,
            kind,
            run,
            duration_ms: None,
            metrics: Vec::new(),
            details: Some(Box::new(details)),
            create: None,
        };
        let which = self.dice.random_range(0..self.ingests.count());
        let answer = match self.ingests.get(which) {
            Some(ingest) => ingest.take(self.shards.shard_of(self.monitor), ping).await,
            None => Answer::None,
        };
        self.history.sent(Sent { id, monitor: self.monitor, kind, run, answer });
        answer
    }

    async fn until(&self, at_ms: i64) {
        let wait = at_ms - self.clock.now().0;
        tokio::time::sleep(Duration::from_millis(wait.max(0) as u64)).await;
    }
}
