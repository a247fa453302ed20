//! A log drawn from a seed.

use domain::command::{Action, Command};
use domain::engine::Engine;
use domain::engine::effects::Effect;
use domain::ids::{CommandId, MonitorId, RunId, ShardId, TenantId, TransitionId};
use domain::monitor::{Identity, MonitorConfig, OnBlind, Overlap, Policy};
use domain::ping::{Metric, Ping, PingDetails, PingKind};
use domain::record::{Body, Envelope, Params, Record};
use domain::schedule::Schedule;
use domain::time::UnixMs;
use domain::transition::TransitionKind;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// A winter evening before the night in which clocks change.
const BEGIN_MS: i64 = 1_774_720_800_000;
const MONITORS: u64 = 6;

/// A log in the making. The engine reads along, so that edits can name versions and incidents that there are.
struct Drawing {
    dice: StdRng,
    now: i64,
    log: Vec<Record>,
    engine: Engine,
    incidents: Vec<TransitionId>,
    sequences: [u64; 2],
    commands: u64,
}

/// The records of one shard.
pub fn log(seed: u64) -> Vec<Record> {
    let mut drawing = Drawing {
        dice: StdRng::seed_from_u64(seed),
        now: BEGIN_MS,
        log: Vec::new(),
        engine: Engine::new(ShardId(0), Params::EMBEDDED),
        incidents: Vec::new(),
        sequences: [0; 2],
        commands: 0,
    };
    drawing.opening();
    for _ in 0..400 {
        drawing.step();
    }
    drawing.log
}

impl Drawing {
    fn opening(&mut self) {
        if self.dice.random_bool(0.5) {
            let w_ms = *[1_000, 3_000, 6_000, 20_000].choose(&mut self.dice).unwrap();
            self.write(Body::Params(Params { w_ms, c_ms: w_ms, rules: 1 }), 0);
        }
        self.heard(Body::Boot);
        for monitor in 0..MONITORS {
            let config = self.config(monitor);
            self.command(monitor, Action::Create(Box::new(config)));
        }
    }

    fn step(&mut self) {
        let monitor = self.dice.random_range(0..MONITORS);
        match self.dice.random_range(0..100) {
            0..35 => self.ping(monitor),
            35..70 => {
                let seconds = match self.dice.random_range(0..10) {
                    0..6 => self.dice.random_range(1..40),
                    6..9 => self.dice.random_range(1..300),
                    _ => self.dice.random_range(1..2_000),
                };
                self.pass(seconds);
            }
            70..74 => self.outage(),
            74..77 => self.deaf(),
            77..79 => self.write(Body::Boot, 0),
            79..81 => self.jump(),
            81..83 => self.repeat(),
            _ => self.edit(monitor),
        }
    }

    /// Seconds with their ticks and canaries.
    fn pass(&mut self, seconds: i64) {
        for _ in 0..seconds {
            self.now += 1_000;
            self.heard(Body::Canary);
            if self.dice.random_bool(0.95) {
                self.write(Body::Tick, 0);
            }
        }
    }

    /// Nobody hears; the owner ticks on, or does not either.
    fn outage(&mut self) {
        let (seconds, ticks) = (self.dice.random_range(1..900), self.dice.random_bool(0.6));
        for _ in 0..seconds {
            self.now += 1_000;
            if ticks {
                self.write(Body::Tick, 0);
            }
        }
        if self.dice.random_bool(0.5) {
            self.write(Body::Boot, 0);
        }
    }

    fn deaf(&mut self) {
        let to = self.now - self.dice.random_range(-2_000..5_000);
        let from = to - self.dice.random_range(0..600_000);
        self.heard(Body::Deaf { from: UnixMs(from), to: UnixMs(to) });
    }

    /// The log's clock is wrong for a while.
    fn jump(&mut self) {
        let (right, off) = (self.now, self.dice.random_range(-400_000..4_000_000));
        self.now += off;
        for _ in 0..self.dice.random_range(1..8) {
            self.heard(Body::Canary);
            self.write(Body::Tick, 0);
            self.now += 1_000;
        }
        self.now = right;
        self.pass(45);
    }

    /// A record that its producer sent twice.
    fn repeat(&mut self) {
        let recent = self.log.iter().rev().take(6).find(|record| record.envelope.producer != 0);
        let Some(record) = recent.cloned() else { return };
        self.append(record.envelope, record.body);
    }

    fn ping(&mut self, monitor: u64) {
        let kinds = [
            PingKind::Success,
            PingKind::Success,
            PingKind::Success,
            PingKind::Exit(0),
            PingKind::Start,
            PingKind::Start,
            PingKind::Fail,
            PingKind::Exit(3),
            PingKind::Log,
        ];
        let kind = *kinds.choose(&mut self.dice).unwrap();
        let run = self.dice.random_bool(0.5).then(|| RunId([self.dice.random_range(1..4); 16]));
        let metrics = match self.dice.random_bool(0.3) {
            true => vec![Metric { name: "count".to_owned(), value: f64::from(self.dice.random_range(0..3)) }],
            false => vec![],
        };
        let method = (*["GET", "POST", "HEAD"].choose(&mut self.dice).unwrap()).to_owned();
        let details = self.dice.random_bool(0.5).then(|| Box::new(PingDetails { method, ..PingDetails::default() }));
        let duration_ms = self.dice.random_bool(0.1).then(|| self.dice.random_range(0..100_000));
        let generation = self.dice.random_bool(0.5).then(|| self.dice.random_range(0..2));
        let create = self.dice.random_bool(0.1).then(|| Box::new(self.config(monitor)));
        let ping = Ping { monitor: MonitorId(monitor), generation, kind, run, duration_ms, metrics, details, create };
        let late = if self.dice.random_bool(0.3) { self.dice.random_range(-2_000..9_000) } else { 0 };
        let moved = if self.dice.random_bool(0.5) { self.dice.random_range(0..1_000) } else { 0 };
        self.now += moved;
        self.write(Body::Ping(ping), late);
    }

    fn edit(&mut self, monitor: u64) {
        let view = self.engine.view(MonitorId(monitor));
        let action = match (self.dice.random_range(0..12), view) {
            (0..4, Some(view)) => {
                let fresh = self.config(monitor);
                let mut policy = view.config.policy;
                match self.dice.random_range(0..5) {
                    0 => policy = fresh.policy,
                    1 => policy.schedule = fresh.policy.schedule,
                    2 => policy.grace_secs = fresh.policy.grace_secs,
                    3 => {
                        policy.max_runtime_secs =
                            fresh.policy.max_runtime_secs.filter(|_| policy.min_runtime_secs.is_none())
                    }
                    _ => policy.first_ping_within_secs = fresh.policy.first_ping_within_secs,
                }
                let version = view.version - u32::from(self.dice.random_bool(0.1) && view.version > 1);
                Action::Update { config: Box::new(MonitorConfig { policy, ..view.config }), version }
            }
            (4..6, _) => {
                let until_ms = self.dice.random_bool(0.5).then(|| self.now + self.dice.random_range(-1_000..600_000));
                Action::Pause { until_ms }
            }
            (6..8, _) => Action::Resume,
            (8, _) => Action::Delete,
            (9, _) => Action::RotateToken,
            (10, _) => match self.incidents.choose(&mut self.dice) {
                Some(incident) => Action::Acknowledge { incident: *incident },
                None => return,
            },
            _ => Action::Create(Box::new(self.config(monitor))),
        };
        self.command(monitor, action);
    }

    fn config(&mut self, monitor: u64) -> MonitorConfig {
        let slug = format!("job-{monitor}");
        let identity = Identity { tenant: TenantId(1), name: slug.clone(), slug, ..Identity::default() };
        MonitorConfig { identity, policy: self.policy() }
    }

    fn policy(&mut self) -> Policy {
        let dice = &mut self.dice;
        let schedule = match dice.random_range(0..6) {
            0..3 => Schedule::Period { seconds: *[1, 20, 60, 300, 3_000, 86_400].choose(dice).unwrap() },
            3 => Schedule::cron("*/5 * * * *", "Europe/Berlin").unwrap(),
            4 => Schedule::cron("30 2 * * *", "Europe/Berlin").unwrap(),
            _ => Schedule::oncalendar("*:0/10:30", "America/New_York").unwrap(),
        };
        let mut policy = Policy::every(schedule, *[0, 1, 10, 60, 600].choose(dice).unwrap());
        let mut seldom = |share: f64, most: u32, least: u32| -> Option<u32> {
            dice.random_bool(share).then(|| dice.random_range(least..most))
        };
        policy.max_runtime_secs = seldom(0.4, 200, 1);
        policy.min_runtime_secs =
            seldom(0.1, 20, 1).filter(|least| policy.max_runtime_secs.is_none_or(|most| *least < most));
        policy.early_secs = seldom(0.1, 100, 0);
        policy.first_ping_within_secs = seldom(0.3, 400, 1);
        policy.remind_every_secs = seldom(0.2, 400, 60);
        policy.failures_before_alert = seldom(0.3, 4, 1).unwrap_or(1) as u8;
        policy.successes_before_recovery = seldom(0.3, 4, 1).unwrap_or(1) as u8;
        policy.on_blind =
            *[OnBlind::Notify, OnBlind::Notify, OnBlind::Hold, OnBlind::Down].choose(&mut self.dice).unwrap();
        policy.overlap =
            *[Overlap::Allow, Overlap::Allow, Overlap::Warn, Overlap::Fail].choose(&mut self.dice).unwrap();
        policy.manual_resume = self.dice.random_bool(0.2);
        policy.post_only = self.dice.random_bool(0.1);
        if self.dice.random_bool(0.1) {
            policy.assertions = vec![domain::assertion::Assertion::parse("count >= 1").unwrap()];
        }
        policy
    }

    fn command(&mut self, monitor: u64, action: Action) {
        // Now and then somebody repeats a command under its id.
        if self.commands == 0 || self.dice.random_bool(0.95) {
            self.commands += 1;
        }
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.commands.to_be_bytes());
        let (id, monitor, actor) = (CommandId(id), MonitorId(monitor), String::new());
        self.append_new(0, 0, Body::Command(Command { id, tenant: TenantId(1), monitor, actor, action }), 0);
    }

    /// What an ingest heard just now.
    fn heard(&mut self, body: Body) {
        self.write(body, 0);
    }

    fn write(&mut self, body: Body, late: i64) {
        let is_tick = matches!(body, Body::Tick);
        let (node, origin) =
            if self.dice.random_bool(0.8) { (1, 0) } else { (2, u8::from(self.dice.random_bool(0.3))) };
        if is_tick {
            self.append(Envelope { received: UnixMs(self.now), ..Envelope::default() }, body);
        } else {
            self.append_new(node, origin, body, late);
        }
    }

    fn append_new(&mut self, node: u64, origin: u8, body: Body, late: i64) {
        let place = node as usize % 2;
        // A number that never arrives is a record that was lost.
        self.sequences[place] += 1 + u64::from(self.dice.random_bool(0.02));
        let envelope = Envelope {
            producer: 100 + place as u64,
            sequence: self.sequences[place],
            node,
            origin,
            received: UnixMs(self.now - late),
        };
        self.append(envelope, body);
    }

    fn append(&mut self, envelope: Envelope, body: Body) {
        let record = Record { offset: self.log.len() as u64, append: UnixMs(self.now), envelope, body };
        let mut effects = Vec::new();
        self.engine.apply(&record, &mut effects);
        for effect in effects {
            match effect {
                Effect::Transition(one) if one.kind == TransitionKind::Down => self.incidents.push(one.id),
                _ => {}
            }
        }
        self.log.push(record);
    }
}
