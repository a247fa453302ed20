//! A shard's log after which its engine holds a bit of everything that an engine can hold.

use crate::values::{self, START};
use domain::command::{Action, AttemptOutcome, AttemptResult, Command};
use domain::engine::Engine;
use domain::engine::effects::Effect;
use domain::ids::{ChannelId, CommandId, MonitorId, RunId, ShardId, TenantId};
use domain::monitor::{Identity, MonitorConfig, Policy};
use domain::ping::{Ping, PingKind};
use domain::record::{Body, Envelope, Params, Record};
use domain::schedule::Schedule;
use domain::time::UnixMs;

pub const SHARD: ShardId = ShardId(3);
/// The second at which the story ends.
const END: i64 = 204;
const HOOK: ChannelId = ChannelId(77);

/// A log in the making.
pub struct Log {
    pub engine: Engine,
    pub effects: Vec<Effect>,
    /// Milliseconds since the start.
    now_ms: i64,
    sequence: u64,
    commands: u8,
}

impl Log {
    /// Goes on with an engine, `now_ms` after the start.
    pub fn of(engine: Engine, now_ms: i64) -> Self {
        Self { engine, effects: vec![], now_ms, sequence: 1_000_000, commands: 200 }
    }

    fn new() -> Self {
        let mut log = Self { sequence: 0, commands: 0, ..Self::of(Engine::new(SHARD, Params::KAFKA), 0) };
        log.push(Body::Params(Params::EMBEDDED)).push(Body::Boot);
        log
    }

    pub fn push(&mut self, body: Body) -> &mut Self {
        self.push_from(0, 1, body)
    }

    fn push_from(&mut self, origin: u8, node: u64, body: Body) -> &mut Self {
        self.sequence += 1;
        let append = UnixMs(START + self.now_ms);
        let producer = if matches!(body, Body::Tick) { 0 } else { 9 };
        let envelope = Envelope { producer, sequence: self.sequence, node, origin, received: append };
        self.apply(Record { offset: self.engine.next_offset(), append, envelope, body })
    }

    fn apply(&mut self, record: Record) -> &mut Self {
        self.engine.apply(&record, &mut self.effects);
        self
    }

    /// A canary and a tick each second, up to `second` after the start.
    pub fn until(&mut self, second: i64) -> &mut Self {
        while self.now_ms < second * 1000 {
            self.now_ms = (self.now_ms / 1000 + 1) * 1000;
            self.push(Body::Canary).push(Body::Tick);
        }
        self
    }

    fn command(&mut self, monitor: u64, action: Action) -> &mut Self {
        self.commands += 1;
        let (id, tenant, monitor) = (CommandId([self.commands; 16]), TenantId(3), MonitorId(monitor));
        self.push(Body::Command(Command { id, tenant, monitor, actor: "ci".into(), action }))
    }

    fn create(&mut self, monitor: u64, policy: Policy) -> &mut Self {
        let identity = Identity { slug: format!("m-{monitor}"), ..values::identity() };
        let policy = Policy { channels: vec![HOOK], ..policy };
        self.command(monitor, Action::Create(Box::new(MonitorConfig { identity, policy })))
    }

    fn ping(&mut self, monitor: u64, kind: PingKind) -> &mut Self {
        self.push(Body::Ping(Ping { monitor: MonitorId(monitor), ..values::small_ping(kind) }))
    }

    /// The notifier answers what is on offer about `monitor`.
    pub fn answer(&mut self, monitor: u64, result: &AttemptResult) -> &mut Self {
        let offered = self.engine.offered().filter(|(row, _)| row.monitor == MonitorId(monitor));
        let offered: Vec<_> = offered.map(|(row, attempt)| (row.id, attempt)).collect();
        for (delivery, attempt) in offered {
            self.push(Body::Outcome(AttemptOutcome { delivery, attempt, result: result.clone() }));
        }
        self
    }
}

fn every(seconds: u32) -> Policy {
    Policy::every(Schedule::Period { seconds }, 30)
}

/// An engine with everything.
pub fn everything() -> Engine {
    let mut log = Log::new();
    make_monitors(&mut log);
    log.now_ms = 1_000;
    ping_once(&mut log);
    log.until(130);
    // Everybody is away: what was due by then is held back.
    log.now_ms = 160_000;
    log.push(Body::Boot).until(170);
    let incident = log.engine.view(MonitorId(1)).and_then(|view| view.live.incident).expect("silence was noticed");
    log.command(1, Action::Acknowledge { incident: incident.id });
    log.until(200);
    storm(&mut log);
    log.until(END);
    // A tick that says that the clock ran ahead.
    let (append, offset) = (UnixMs(START + log.now_ms - 70_000), log.engine.next_offset());
    log.apply(Record { offset, append, envelope: Envelope::default(), body: Body::Tick });
    log.engine
}

/// An engine whose monitors went elsewhere.
pub fn moved() -> Engine {
    let mut log = Log::new();
    log.create(1, every(60)).ping(1, PingKind::Fail).push(Body::Moved);
    log.engine
}

fn make_monitors(log: &mut Log) {
    let cron = Schedule::cron("*/2 * * * *", "UTC").expect("a cron expression");
    log.create(1, Policy { remind_every_secs: Some(60), ..every(60) });
    log.create(2, Policy { max_runtime_secs: Some(3_600), ..every(86_400) });
    log.create(3, values::policy(values::cron()));
    log.create(4, Policy::every(cron, 30));
    log.create(5, every(60)).create(6, every(60)).create(7, every(60));
    log.create(8, every(120));
    let everything = values::policy(values::calendar());
    let edited = MonitorConfig { identity: Identity { slug: "m-8".into(), ..values::identity() }, policy: everything };
    log.command(8, Action::Update { config: Box::new(edited), version: 1 });
    for monitor in 20..32 {
        log.create(monitor, every(86_400));
    }
    // Refused, and remembered as that.
    log.command(8, Action::Resume);
}

fn ping_once(log: &mut Log) {
    log.ping(1, PingKind::Success).ping(4, PingKind::Success).ping(6, PingKind::Success);
    log.push(Body::Ping(Ping {
        run: Some(RunId([2; 16])),
        monitor: MonitorId(2),
        ..values::small_ping(PingKind::Start)
    }));
    log.ping(2, PingKind::Start);
    let with_metrics =
        Ping { monitor: MonitorId(3), create: None, generation: None, ..values::ping(PingKind::Exit(0)) };
    log.push(Body::Ping(with_metrics));
    // Heard in another region, of which nothing is heard any more.
    let elsewhere = Ping { monitor: MonitorId(5), ..values::small_ping(PingKind::Success) };
    log.push_from(1, 2, Body::Ping(elsewhere));
    log.command(6, Action::Pause { until_ms: Some(START + 86_400_000) });
    log.command(7, Action::RotateToken).command(7, Action::Delete);
    log.push(Body::Deaf { from: UnixMs(START - 60_000), to: UnixMs(START - 50_000) });
}

/// More than goes out one by one; one delivery is tried again, one waits behind another.
fn storm(log: &mut Log) {
    for monitor in 20..32 {
        log.ping(monitor, PingKind::Fail);
    }
    log.answer(20, &AttemptResult::Delivered);
    log.answer(21, &AttemptResult::Retry { after_ms: Some(60_000), error: "503".into() });
    log.ping(22, PingKind::Success);
    log.answer(23, &AttemptResult::Failed { error: "404".into() });
}
