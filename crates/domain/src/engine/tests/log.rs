//! A log in the making: the test's clock moves, an ingest that hears sends canaries, the owner ticks.

use crate::command::{Action, Answer, AttemptOutcome, AttemptResult, Command, Live, Status};
use crate::engine::Engine;
use crate::engine::effects::{Effect, Note};
use crate::ids::{ChannelId, CommandId, DeliveryId, MonitorId, RunId, ShardId, TenantId, TransitionId};
use crate::monitor::{Identity, MonitorConfig, Policy};
use crate::ping::{Metric, Ping, PingKind};
use crate::record::{Body, Envelope, Params, Record};
use crate::schedule::Schedule;
use crate::time::UnixMs;
use crate::transition::{Reason, Transition, TransitionKind};

/// 2026-11-24T00:00:00Z, where every story begins.
pub const START: i64 = 1_795_478_400;
pub const M: MonitorId = MonitorId(0x1111);
pub const HOOK: ChannelId = ChannelId(77);

pub struct Log {
    pub engine: Engine,
    pub effects: Vec<Effect>,
    pub records: Vec<Record>,
    /// Milliseconds since `START`.
    pub now_ms: i64,
    pub hearing: bool,
    pub ticking: bool,
    sequence: u64,
    commands: u8,
}

impl Log {
    /// An installation that just started, W = C = 3 s.
    pub fn new() -> Self {
        let engine = Engine::new(ShardId(0), Params::EMBEDDED);
        let mut log = Self {
            engine,
            effects: vec![],
            records: vec![],
            now_ms: 0,
            hearing: true,
            ticking: true,
            sequence: 0,
            commands: 0,
        };
        log.push(Body::Boot);
        log
    }

    /// With one monitor of a period and a grace, in seconds, that alerts the channel `HOOK`.
    pub fn with_period(period: u32, grace: u32) -> Self {
        Self::with(Policy::every(Schedule::Period { seconds: period }, grace))
    }

    pub fn with_cron(expr: &str, zone: &str, grace: u32) -> Self {
        Self::with(Policy::every(Schedule::cron(expr, zone).unwrap(), grace))
    }

    pub fn with(policy: Policy) -> Self {
        let mut log = Self::new();
        log.command(Action::Create(Box::new(config(policy))));
        assert!(matches!(log.last_answer(), Some(Answer::Done(Some(_)))), "{:?}", log.last_answer());
        log.effects.clear();
        log
    }

    pub fn push(&mut self, body: Body) -> &mut Self {
        self.push_late(body, 0)
    }

    /// Appends a record that was received `late_ms` ago.
    pub fn push_late(&mut self, body: Body, late_ms: i64) -> &mut Self {
        self.sequence += 1;
        let append = UnixMs(START * 1000 + self.now_ms);
        let producer = if matches!(body, Body::Tick) { 0 } else { 9 };
        let envelope =
            Envelope { producer, sequence: self.sequence, node: 1, origin: 0, received: append.plus_ms(-late_ms) };
        if producer == 0 {
            self.sequence -= 1;
        }
        self.push_record(Record { offset: self.records.len() as u64, append, envelope, body })
    }

    pub fn push_record(&mut self, record: Record) -> &mut Self {
        self.engine.apply(&record, &mut self.effects);
        self.records.push(record);
        self
    }

    /// Lets time pass to `second` after the start, with a canary and a tick each second.
    pub fn until(&mut self, second: i64) -> &mut Self {
        while self.now_ms < second * 1000 {
            self.now_ms = (self.now_ms / 1000 + 1) * 1000;
            if self.hearing {
                self.push(Body::Canary);
            }
            if self.ticking {
                self.push(Body::Tick);
            }
        }
        self
    }

    /// The whole installation is away until `second`, then boots.
    pub fn outage_until(&mut self, second: i64) -> &mut Self {
        self.now_ms = second * 1000;
        self.push(Body::Boot)
    }

    pub fn ping(&mut self, kind: PingKind) -> &mut Self {
        self.push(Body::Ping(ping(kind)))
    }

    pub fn success(&mut self) -> &mut Self {
        self.ping(PingKind::Success)
    }

    pub fn run_ping(&mut self, kind: PingKind, run: u8) -> &mut Self {
        self.push(Body::Ping(Ping { run: Some(RunId([run; 16])), ..ping(kind) }))
    }

    pub fn metric(&mut self, name: &str, value: f64) -> &mut Self {
        let metrics = vec![Metric { name: name.into(), value }];
        self.push(Body::Ping(Ping { metrics, ..ping(PingKind::Success) }))
    }

    pub fn command(&mut self, action: Action) -> &mut Self {
        self.commands += 1;
        let id = CommandId([self.commands; 16]);
        self.push(Body::Command(Command { id, tenant: TenantId(1), monitor: M, actor: "test".into(), action }))
    }

    pub fn edit(&mut self, change: impl FnOnce(&mut Policy)) -> &mut Self {
        let view = self.engine.view(M).unwrap();
        let mut config = view.config;
        change(&mut config.policy);
        self.command(Action::Update { config: Box::new(config), version: view.version })
    }

    /// The notifier answers the attempt that is on offer for the newest delivery.
    pub fn answer(&mut self, result: AttemptResult) -> &mut Self {
        let (delivery, attempt) = self.offers().last().copied().expect("something was offered");
        self.push(Body::Outcome(AttemptOutcome { delivery, attempt, result }))
    }

    pub fn live(&self) -> Live {
        self.engine.view(M).unwrap().live
    }

    pub fn status(&self) -> Status {
        self.live().status
    }

    pub fn transitions(&self) -> Vec<&Transition> {
        self.effects.iter().filter_map(|e| if let Effect::Transition(t) = e { Some(&**t) } else { None }).collect()
    }

    /// What people were told, as (kind, reason, seconds after the start).
    pub fn told(&self) -> Vec<(TransitionKind, Reason, i64)> {
        let told = self.transitions().into_iter().filter(|t| t.kind != TransitionKind::Silent);
        told.map(|t| (t.kind, t.reason, t.occurred_ms / 1000 - START)).collect()
    }

    pub fn last(&self) -> &Transition {
        self.transitions().last().expect("a transition")
    }

    pub fn known_second(&self) -> i64 {
        self.last().known_ms / 1000 - START
    }

    pub fn offers(&self) -> Vec<(DeliveryId, u32)> {
        let offer =
            |e: &Effect| if let Effect::Offer { delivery, attempt } = e { Some((*delivery, *attempt)) } else { None };
        self.effects.iter().filter_map(offer).collect()
    }

    pub fn notes(&self) -> Vec<&Note> {
        self.effects.iter().filter_map(|e| if let Effect::Note(n) = e { Some(n) } else { None }).collect()
    }

    pub fn last_answer(&self) -> Option<&Answer> {
        self.effects.iter().rev().find_map(|e| if let Effect::Answer { answer, .. } = e { Some(answer) } else { None })
    }

    pub fn refused_field(&self) -> &str {
        match self.last_answer() {
            Some(Answer::Refused(refusal)) => &refusal.error.field,
            other => panic!("not refused: {other:?}"),
        }
    }

    pub fn incident(&self) -> TransitionId {
        self.live().incident.expect("an open incident").id
    }
}

pub fn config(policy: Policy) -> MonitorConfig {
    let policy = Policy { channels: vec![HOOK], ..policy };
    let identity =
        Identity { tenant: TenantId(1), slug: "backup".into(), name: "Backup".into(), ..Identity::default() };
    MonitorConfig { identity, policy }
}

pub fn ping(kind: PingKind) -> Ping {
    Ping {
        monitor: M,
        generation: Some(0),
        kind,
        run: None,
        duration_ms: None,
        metrics: vec![],
        details: None,
        create: None,
    }
}
