//! What happens that day, drawn from a seed: all kinds of records, in the order in which a busy installation would
//! write them, and some that nobody should write.

use super::grounds::SHARDS;
use domain::assertion::Assertion;
use domain::command::{Action, Command};
use domain::ids::{ChannelId, CommandId, MonitorId, RunId, ShardId, TenantId, TransitionId};
use domain::monitor::{Identity, MonitorConfig, OnBlind, Overlap, Policy};
use domain::ping::{Metric, Ping, PingDetails, PingKind};
use domain::record::{Body, Envelope};
use domain::schedule::Schedule;
use domain::time::UnixMs;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, VecDeque};
use wire::convert::log::encode_record;

/// Records of the script; the evaluator's own ticks come on top.
pub const RECORDS: usize = 10_000;
/// Monitors from the start.
const MONITORS: u64 = 40;
pub const TENANT: TenantId = TenantId(1);
pub const CHANNELS: [ChannelId; 3] = [ChannelId(7), ChannelId(8), ChannelId(9)];

/// A record to append.
pub struct Entry {
    pub shard: ShardId,
    pub payload: Vec<u8>,
}

/// The script, as far as it has come.
pub struct Script {
    dice: StdRng,
    step: usize,
    monitors: Vec<MonitorId>,
    /// Runs that were started, with their monitor.
    runs: VecDeque<(MonitorId, RunId)>,
    sequences: BTreeMap<(u64, ShardId), u64>,
    last: Option<(ShardId, Vec<u8>)>,
}

impl Script {
    pub fn new(seed: u64) -> Self {
        Self {
            dice: StdRng::seed_from_u64(seed),
            step: 0,
            monitors: (0..MONITORS).map(|n| MonitorId(u64::MAX / MONITORS * n + 1)).collect(),
            runs: VecDeque::new(),
            sequences: BTreeMap::new(),
            last: None,
        }
    }

    /// All monitors that ever were.
    pub fn monitors(&self) -> &[MonitorId] {
        &self.monitors
    }

    /// The next record, written at `now`.
    pub fn next(&mut self, now: UnixMs) -> Entry {
        let step = self.step;
        self.step += 1;
        let shard_of_dice = ShardId(self.dice.random_range(0..SHARDS.get()));
        let made = step.checked_sub(2).and_then(|n| self.monitors.get(n).copied()).filter(|_| step < 2 + 40);
        let (shard, body) = match (step, made) {
            (0 | 1, _) => (ShardId(step as u16), Body::Boot),
            (_, Some(monitor)) => self.command(monitor, |script| Action::Create(Box::new(script.config(monitor)))),
            _ => match self.dice.random_range(0..1_000) {
                0..430 => self.success(),
                430..510 => self.start(),
                510..580 => self.finish(),
                580..586 => self.ping(PingKind::Fail, None),
                586..610 => {
                    let code = if self.dice.random_bool(0.7) { 0 } else { self.dice.random_range(1..=255) };
                    self.ping(PingKind::Exit(code), None)
                }
                610..640 => self.ping(PingKind::Log, None),
                640..930 => (shard_of_dice, Body::Canary),
                930..934 => (shard_of_dice, self.deaf(now)),
                934..936 => (shard_of_dice, Body::Boot),
                936..966 => self.edit(now),
                966..972 => self.created_by_ping(),
                972..974 => (shard_of_dice, Body::ChannelClosed { channel: CHANNELS[2] }),
                974..989 => return self.repeat().unwrap_or_else(|| self.write(shard_of_dice, &Body::Canary, now)),
                989..994 => return Entry { shard: shard_of_dice, payload: vec![0xff; self.dice.random_range(0..40)] },
                _ => self.ping(PingKind::Success, None),
            },
        };
        self.write(shard, &body, now)
    }

    /// Under the name of one of two ingests, received a moment ago.
    fn write(&mut self, shard: ShardId, body: &Body, now: UnixMs) -> Entry {
        let node = if self.step < 3 { 1 } else { self.dice.random_range(1..=2) };
        let producer = 100 + node;
        let sequence = self.sequences.entry((producer, shard)).or_default();
        *sequence += 1;
        let late = if self.dice.random_bool(0.1) { self.dice.random_range(0..3_000) } else { 0 };
        let received = UnixMs(now.0 - late);
        let envelope = Envelope { producer, sequence: *sequence, node, origin: 0, received };
        let payload = encode_record(&envelope, body);
        self.last = Some((shard, payload.clone()));
        Entry { shard, payload }
    }

    /// The last record once more, as after a time-out: it must count once.
    fn repeat(&self) -> Option<Entry> {
        self.last.clone().map(|(shard, payload)| Entry { shard, payload })
    }

    /// Every fifth job sleeps, and it is another fifth every few seconds.
    fn success(&mut self) -> (ShardId, Body) {
        let place = self.dice.random_range(0..self.monitors.len());
        if (self.step / 1_200 + place).is_multiple_of(5) {
            return (SHARDS.shard_of(self.monitors[place]), Body::Canary);
        }
        self.ping_of(self.monitors[place], PingKind::Success, None)
    }

    fn start(&mut self) -> (ShardId, Body) {
        let (monitor, run) = (self.one(), RunId(self.dice.random()));
        self.runs.push_back((monitor, run));
        self.ping_of(monitor, PingKind::Start, Some(run))
    }

    /// Most runs end; some are forgotten.
    fn finish(&mut self) -> (ShardId, Body) {
        if self.dice.random_bool(0.25) {
            self.runs.pop_front();
        }
        match self.runs.pop_front() {
            Some((monitor, run)) => self.ping_of(monitor, PingKind::Success, Some(run)),
            None => self.start(),
        }
    }

    fn ping(&mut self, kind: PingKind, run: Option<RunId>) -> (ShardId, Body) {
        let monitor = self.one();
        self.ping_of(monitor, kind, run)
    }

    fn ping_of(&mut self, monitor: MonitorId, kind: PingKind, run: Option<RunId>) -> (ShardId, Body) {
        let details = self.dice.random_bool(0.3).then(|| {
            let body = (0..self.dice.random_range(0..200)).map(|_| self.dice.random()).collect();
            Box::new(PingDetails { message: "done".into(), body, method: "POST".into(), ..PingDetails::default() })
        });
        let count = Metric { name: "count".into(), value: f64::from(self.dice.random_range(0..4_u8)) };
        let metrics = if self.dice.random_bool(0.3) { vec![count] } else { Vec::new() };
        let duration_ms = self.dice.random_bool(0.1).then(|| self.dice.random_range(0..90_000));
        let generation = self.dice.random_bool(0.5).then_some(0);
        let ping = Ping { monitor, generation, kind, run, duration_ms, metrics, details, create: None };
        (SHARDS.shard_of(monitor), Body::Ping(ping))
    }

    fn created_by_ping(&mut self) -> (ShardId, Body) {
        let monitor = MonitorId(self.dice.random());
        self.monitors.push(monitor);
        let (shard, body) = self.ping_of(monitor, PingKind::Success, None);
        let Body::Ping(ping) = body else { unreachable!("a ping was asked for") };
        let create = Some(Box::new(self.config(monitor)));
        (shard, Body::Ping(Ping { create, generation: None, ..ping }))
    }

    fn edit(&mut self, now: UnixMs) -> (ShardId, Body) {
        let monitor = self.one();
        self.command(monitor, |script| match script.dice.random_range(0..12) {
            0..4 => {
                let version = script.dice.random_range(1..4);
                Action::Update { config: Box::new(script.config(monitor)), version }
            }
            4 | 5 => Action::Pause { until_ms: script.dice.random_bool(0.8).then_some(now.0 + 3_000) },
            6 | 7 => Action::Resume,
            8 => Action::Delete,
            9 => Action::RotateToken,
            10 => Action::Acknowledge { incident: TransitionId(script.dice.random()) },
            _ => Action::Create(Box::new(script.config(monitor))),
        })
    }

    fn command(&mut self, monitor: MonitorId, action: impl FnOnce(&mut Self) -> Action) -> (ShardId, Body) {
        let (id, actor) = (CommandId(self.dice.random()), "somebody".to_owned());
        let action = action(self);
        (SHARDS.shard_of(monitor), Body::Command(Command { id, tenant: TENANT, monitor, actor, action }))
    }

    fn deaf(&mut self, now: UnixMs) -> Body {
        let from = now.0 - self.dice.random_range(500..4_000);
        Body::Deaf { from: UnixMs(from), to: UnixMs(from + self.dice.random_range(1..400)) }
    }

    fn config(&mut self, monitor: MonitorId) -> MonitorConfig {
        let slug = format!("job-{:016x}", monitor.0);
        let name = format!("Job {}", self.dice.random_range(0..100));
        let identity = Identity { tenant: TENANT, slug, name, ..Identity::default() };
        MonitorConfig { identity, policy: self.policy() }
    }

    fn policy(&mut self) -> Policy {
        let dice = &mut self.dice;
        let schedule = match dice.random_range(0..10) {
            0 => Schedule::cron("* * * * *", "Europe/Berlin").expect("a schedule"),
            1 => Schedule::oncalendar("*-*-* *:*:0/4", "UTC").expect("a schedule"),
            _ => Schedule::Period { seconds: dice.random_range(1..6) },
        };
        let channels = CHANNELS.iter().copied().filter(|_| dice.random_bool(0.5)).collect();
        Policy {
            max_runtime_secs: dice.random_bool(0.7).then(|| dice.random_range(1..5)),
            min_runtime_secs: dice.random_bool(0.1).then_some(1),
            overlap: [Overlap::Allow, Overlap::Warn, Overlap::Fail][dice.random_range(0..3)],
            failures_before_alert: dice.random_range(1..3),
            successes_before_recovery: dice.random_range(1..3),
            assertions: if dice.random_bool(0.2) {
                vec![Assertion::parse("count? >= 1").expect("one")]
            } else {
                vec![]
            },
            on_blind: [OnBlind::Notify, OnBlind::Hold, OnBlind::Down][dice.random_range(0..3)],
            channels,
            manual_resume: dice.random_bool(0.1),
            ..Policy::every(schedule, dice.random_range(0..3))
        }
    }

    fn one(&mut self) -> MonitorId {
        self.monitors[self.dice.random_range(0..self.monitors.len())]
    }
}
