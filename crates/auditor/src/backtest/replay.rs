//! The alerts that a configuration makes of a story: the story is written as a log, and the engine reads it.
//!
//! In a real log a deadline closes W after it, so that a ping on its way still counts (rule 2 of time). Here every record
//! stands a whole W behind what it tells of, and W is long: each ping then counts at the very time it has in the history,
//! no deadline closes early or late by it, and an hour without pings needs two canaries and not 1,200.

use super::alert::{Alert, past_alerts};
use super::story::{PastPing, Story};
use domain::command::{Action, Command};
use domain::engine::Engine;
use domain::engine::effects::Effect;
use domain::ids::{CommandId, MonitorId, ShardId, TenantId};
use domain::monitor::MonitorConfig;
use domain::ping::{Ping, PingDetails};
use domain::record::{Body, Envelope, Params, Record};
use domain::time::UnixMs;
use domain::transition::Transition;

/// How far records stand behind what they tell of.
const W_MS: i64 = 3_600_000;
/// Between canaries.
const CANARY_MS: i64 = W_MS / 2;
const PARAMS: Params = Params { w_ms: W_MS as u32, c_ms: W_MS as u32, rules: 1 };
const MONITOR: MonitorId = MonitorId(1);

/// The alerts that began in `from_ms..=to_ms`, oldest first. Pings from before that set the scene. The wait for a first
/// ping is left out: when the monitor was made is not part of the story.
pub fn replay(config: &MonitorConfig, story: &Story, from_ms: i64, to_ms: i64) -> Vec<Alert> {
    let mut log = Log::new(config, story, from_ms);
    let mut pauses = story.pauses.iter().peekable();
    for ping in story.pings.iter().filter(|ping| ping.at_ms <= to_ms) {
        while let Some((at, is_pause)) = pauses.next_if(|(at, _)| *at <= ping.at_ms) {
            log.pause(*at, *is_pause);
        }
        log.ping(ping);
    }
    for (at, is_pause) in pauses.filter(|(at, _)| *at <= to_ms) {
        log.pause(*at, *is_pause);
    }
    log.until(to_ms.saturating_add(1));
    let mut alerts = past_alerts(&log.concluded, from_ms, to_ms);
    alerts.iter_mut().for_each(|alert| alert.in_the_dark = is_in_the_dark(alert, &story.blind));
    alerts
}

fn is_in_the_dark(alert: &Alert, blind: &[(i64, i64)]) -> bool {
    let Some(deadline) = alert.deadline_ms else { return false };
    let from = alert.expected_ms.unwrap_or(deadline) - 60_000;
    blind.iter().any(|(begin, end)| *begin < deadline && *end > from)
}

/// A log that is read as it is written.
struct Log {
    engine: Engine,
    tenant: TenantId,
    concluded: Vec<Transition>,
    /// What was told last happened then.
    now_ms: i64,
    offset: u64,
    commands: u64,
}

impl Log {
    fn new(config: &MonitorConfig, story: &Story, from_ms: i64) -> Self {
        let first = story.pings.first().map_or(from_ms, |ping| ping.at_ms.min(from_ms));
        let first = story.pauses.first().map_or(first, |(at, _)| first.min(*at));
        let tenant = config.identity.tenant;
        let engine = Engine::new(ShardId(0), PARAMS);
        let mut log = Self { engine, tenant, concluded: Vec::new(), now_ms: first - 1, offset: 0, commands: 0 };
        let mut config = config.clone();
        config.policy.first_ping_within_secs = None;
        log.append(log.now_ms, Body::Canary);
        log.command(log.now_ms, Action::Create(Box::new(config)));
        log
    }

    fn ping(&mut self, ping: &PastPing) {
        let details = PingDetails { method: ping.method.clone(), ..PingDetails::default() };
        let body = Body::Ping(Ping {
            monitor: MONITOR,
            generation: None,
            kind: ping.kind,
            run: ping.run,
            duration_ms: ping.duration_ms,
            metrics: ping.metrics.clone(),
            details: Some(Box::new(details)),
            create: None,
        });
        self.until(ping.at_ms);
        self.append(ping.at_ms, body);
    }

    fn pause(&mut self, at_ms: i64, is_pause: bool) {
        self.until(at_ms);
        self.command(at_ms, if is_pause { Action::Pause { until_ms: None } } else { Action::Resume });
    }

    /// Lets time pass.
    fn until(&mut self, at_ms: i64) {
        while at_ms - self.now_ms > CANARY_MS {
            let next = self.now_ms + CANARY_MS;
            self.append(next, Body::Canary);
            self.append(next, Body::Tick);
        }
        self.append(at_ms.max(self.now_ms), Body::Canary);
        self.append(at_ms.max(self.now_ms), Body::Tick);
    }

    fn command(&mut self, at_ms: i64, action: Action) {
        self.commands += 1;
        let mut id = [0; 16];
        id[..8].copy_from_slice(&self.commands.to_be_bytes());
        let (id, tenant, actor) = (CommandId(id), self.tenant, String::new());
        self.append(at_ms, Body::Command(Command { id, tenant, monitor: MONITOR, actor, action }));
    }

    fn append(&mut self, at_ms: i64, body: Body) {
        self.now_ms = self.now_ms.max(at_ms);
        // A millisecond less than W: a ping at the very deadline is in time.
        let append = UnixMs(self.now_ms + W_MS - 1);
        let envelope = Envelope { received: UnixMs(self.now_ms), ..Envelope::default() };
        let mut effects = Vec::new();
        self.engine.apply(&Record { offset: self.offset, append, envelope, body }, &mut effects);
        self.offset += 1;
        self.concluded.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Transition(transition) => Some(*transition),
            _ => None,
        }));
    }
}
