//! Log records.

use super::{DecodeError, bytes16, narrow};
use crate::v1;
use domain::assertion::Assertion;
use domain::command::{Action, AttemptOutcome, AttemptResult, Command};
use domain::engine::adopt::Adopted;
use domain::ids::{ChannelId, CommandId, DeliveryId, MonitorId, RunId, TenantId, TransitionId};
use domain::monitor::{Identity, MonitorConfig, OnBlind, Overlap, Policy};
use domain::ping::{Metric, Ping, PingDetails, PingKind};
use domain::planted;
use domain::record::{Body, Envelope, Params};
use domain::schedule::Schedule;
use domain::time::UnixMs;
use prost::Message;

/// The bytes of one record.
pub fn encode_record(envelope: &Envelope, body: &Body) -> Vec<u8> {
    v1::LogRecord {
        producer: envelope.producer,
        sequence: envelope.sequence,
        node: envelope.node,
        origin: u32::from(envelope.origin),
        received_ms: envelope.received.0,
        body: Some(body_to_wire(body)),
    }
    .encode_to_vec()
}

/// Reads one record's bytes.
pub fn decode_record(bytes: &[u8]) -> Result<(Envelope, Body), DecodeError> {
    let record = v1::LogRecord::decode(bytes).map_err(|e| DecodeError::Protobuf(e.to_string()))?;
    let envelope = Envelope {
        producer: record.producer,
        sequence: record.sequence,
        node: record.node,
        origin: narrow("origin", record.origin)?,
        received: UnixMs(record.received_ms),
    };
    let body = record.body.ok_or_else(|| DecodeError::field("body", "missing or of an unknown kind"))?;
    Ok((envelope, body_from_wire(body)?))
}

fn body_to_wire(body: &Body) -> v1::log_record::Body {
    use v1::log_record::Body as Wire;
    match body {
        Body::Ping(ping) => Wire::Ping(ping_to_wire(ping)),
        Body::Canary => Wire::Canary(v1::Empty {}),
        Body::Boot => Wire::Boot(v1::Empty {}),
        Body::Deaf { from, to } => Wire::Deaf(v1::LogDeaf { from_ms: from.0, to_ms: to.0 }),
        Body::Tick => Wire::Tick(v1::Empty {}),
        Body::Command(command) => Wire::Command(command_to_wire(command)),
        Body::Outcome(outcome) => Wire::Outcome(outcome_to_wire(outcome)),
        Body::ChannelClosed { channel } => Wire::ChannelClosed(channel.0),
        Body::Params(p) => Wire::Params(v1::LogParams { w_ms: p.w_ms, c_ms: p.c_ms, rules: p.rules }),
        Body::Moved => Wire::Moved(v1::Empty {}),
        Body::Adopt(adopted) => Wire::Adopt(adopted.encode()),
    }
}

fn body_from_wire(body: v1::log_record::Body) -> Result<Body, DecodeError> {
    use v1::log_record::Body as Wire;
    Ok(match body {
        Wire::Ping(ping) => Body::Ping(ping_from_wire(ping)?),
        Wire::Canary(_) => Body::Canary,
        Wire::Boot(_) => Body::Boot,
        Wire::Deaf(d) => Body::Deaf { from: UnixMs(d.from_ms), to: UnixMs(d.to_ms) },
        Wire::Tick(_) => Body::Tick,
        Wire::Command(command) => Body::Command(command_from_wire(command)?),
        Wire::Outcome(outcome) => Body::Outcome(outcome_from_wire(outcome)?),
        Wire::ChannelClosed(id) => Body::ChannelClosed { channel: ChannelId(id) },
        Wire::Params(p) => Body::Params(Params { w_ms: p.w_ms, c_ms: p.c_ms, rules: p.rules }),
        Wire::Moved(_) => Body::Moved,
        Wire::Adopt(bytes) => Body::Adopt(Box::new(
            Adopted::decode(&bytes).map_err(|error| DecodeError::field("adopt", error.to_string()))?,
        )),
    })
}

fn ping_to_wire(ping: &Ping) -> v1::LogPing {
    let (signal, exit_code) = kind_to_wire(planted!("log-says-success", ping.kind, PingKind::Success));
    v1::LogPing {
        monitor: ping.monitor.0,
        generation_plus_one: ping.generation.map_or(0, |g| u32::from(g) + 1),
        signal: signal as i32,
        exit_code,
        run: planted!("log-drops-run", ping.run, None).map(|run| run.0.to_vec()).unwrap_or_default(),
        duration_ms: ping.duration_ms,
        metrics: metrics_to_wire(&ping.metrics),
        details: ping.details.as_deref().map(details_to_wire),
        create: ping.create.as_deref().map(config_to_wire),
    }
}

fn ping_from_wire(ping: v1::LogPing) -> Result<Ping, DecodeError> {
    Ok(Ping {
        monitor: MonitorId(ping.monitor),
        generation: match ping.generation_plus_one {
            0 => None,
            more => Some(narrow("generation", more - 1)?),
        },
        kind: kind_from_wire(ping.signal, ping.exit_code)?,
        run: run_from_wire(&ping.run)?,
        duration_ms: ping.duration_ms,
        metrics: metrics_from_wire(ping.metrics)?,
        details: ping.details.map(|d| Box::new(details_from_wire(d))),
        create: ping.create.map(|c| config_from_wire(c).map(Box::new)).transpose()?,
    })
}

pub(super) fn kind_to_wire(kind: PingKind) -> (v1::PingSignal, u32) {
    match kind {
        PingKind::Success => (v1::PingSignal::Success, 0),
        PingKind::Start => (v1::PingSignal::Start, 0),
        PingKind::Fail => (v1::PingSignal::Fail, 0),
        PingKind::Exit(code) => (v1::PingSignal::Exit, u32::from(code)),
        PingKind::Log => (v1::PingSignal::Log, 0),
    }
}

pub(super) fn kind_from_wire(signal: i32, exit_code: u32) -> Result<PingKind, DecodeError> {
    Ok(match v1::PingSignal::try_from(signal).map_err(|e| DecodeError::field("signal", e))? {
        v1::PingSignal::Success => PingKind::Success,
        v1::PingSignal::Start => PingKind::Start,
        v1::PingSignal::Fail => PingKind::Fail,
        v1::PingSignal::Exit => PingKind::Exit(narrow("exit_code", exit_code)?),
        v1::PingSignal::Log => PingKind::Log,
    })
}

pub(super) fn run_from_wire(run: &[u8]) -> Result<Option<RunId>, DecodeError> {
    if run.is_empty() { Ok(None) } else { bytes16("run", run).map(|id| Some(RunId(id))) }
}

pub(super) fn metrics_to_wire(metrics: &[Metric]) -> Vec<v1::LogMetric> {
    metrics.iter().map(|m| v1::LogMetric { name: m.name.clone(), value: m.value }).collect()
}

pub(super) fn metrics_from_wire(metrics: Vec<v1::LogMetric>) -> Result<Vec<Metric>, DecodeError> {
    let sound = |m: v1::LogMetric| match m.value.is_finite() {
        true => Ok(Metric { name: m.name, value: m.value }),
        false => Err(DecodeError::field("metrics", "not a finite number")),
    };
    metrics.into_iter().map(sound).collect()
}

pub(super) fn details_to_wire(d: &PingDetails) -> v1::LogPingDetails {
    v1::LogPingDetails {
        body: d.body.clone(),
        body_cut: d.body_cut,
        message: d.message.clone(),
        environment: d.environment.clone(),
        host: d.host.clone(),
        method: d.method.clone(),
        client: d.client.clone(),
        user_agent: d.user_agent.clone(),
    }
}

pub(super) fn details_from_wire(d: v1::LogPingDetails) -> PingDetails {
    PingDetails {
        body: d.body,
        body_cut: d.body_cut,
        message: d.message,
        environment: d.environment,
        host: d.host,
        method: d.method,
        client: d.client,
        user_agent: d.user_agent,
    }
}

fn command_to_wire(command: &Command) -> v1::LogCommand {
    use v1::log_command::Action as Wire;
    let action = match &command.action {
        Action::Create(config) => Wire::Create(config_to_wire(config)),
        Action::Update { config, version } => {
            Wire::Update(v1::LogUpdate { config: Some(config_to_wire(config)), version: *version })
        }
        Action::Pause { until_ms } => Wire::Pause(v1::LogPause { until_ms: *until_ms }),
        Action::Resume => Wire::Resume(v1::Empty {}),
        Action::Delete => Wire::Delete(v1::Empty {}),
        Action::RotateToken => Wire::RotateToken(v1::Empty {}),
        Action::Acknowledge { incident } => Wire::Acknowledge(incident.0.to_vec()),
    };
    v1::LogCommand {
        id: command.id.0.to_vec(),
        tenant: command.tenant.0,
        monitor: command.monitor.0,
        actor: command.actor.clone(),
        action: Some(action),
    }
}

fn command_from_wire(command: v1::LogCommand) -> Result<Command, DecodeError> {
    use v1::log_command::Action as Wire;
    let action = match command.action.ok_or_else(|| DecodeError::field("action", "missing"))? {
        Wire::Create(config) => Action::Create(Box::new(config_from_wire(config)?)),
        Wire::Update(update) => Action::Update {
            config: Box::new(config_from_wire(update.config.ok_or_else(|| DecodeError::field("config", "missing"))?)?),
            version: update.version,
        },
        Wire::Pause(pause) => Action::Pause { until_ms: pause.until_ms },
        Wire::Resume(_) => Action::Resume,
        Wire::Delete(_) => Action::Delete,
        Wire::RotateToken(_) => Action::RotateToken,
        Wire::Acknowledge(id) => Action::Acknowledge { incident: TransitionId(bytes16("incident", &id)?) },
    };
    Ok(Command {
        id: CommandId(bytes16("command id", &command.id)?),
        tenant: TenantId(command.tenant),
        monitor: MonitorId(command.monitor),
        actor: command.actor,
        action,
    })
}

/// A monitor's configuration as a message.
pub fn config_to_wire(config: &MonitorConfig) -> v1::LogMonitorConfig {
    let identity = &config.identity;
    v1::LogMonitorConfig {
        tenant: identity.tenant.0,
        slug: identity.slug.clone(),
        name: identity.name.clone(),
        description: identity.description.clone(),
        tags: identity.tags.clone(),
        policy: Some(policy_to_wire(&config.policy)),
    }
}

/// Reads a monitor's configuration. Parses its texts; whether its schedule runs is not asked.
pub fn config_from_wire(config: v1::LogMonitorConfig) -> Result<MonitorConfig, DecodeError> {
    let identity = Identity {
        tenant: TenantId(config.tenant),
        slug: config.slug,
        name: config.name,
        description: config.description,
        tags: config.tags,
    };
    let policy = config.policy.ok_or_else(|| DecodeError::field("policy", "missing"))?;
    Ok(MonitorConfig { identity, policy: policy_from_wire(policy)? })
}

/// A policy as a message; the engine's snapshots use it too.
pub fn policy_to_wire(policy: &Policy) -> v1::LogPolicy {
    use v1::log_policy::Schedule as Wire;
    let schedule = match &policy.schedule {
        Schedule::Period { seconds } => Wire::PeriodSecs(*seconds),
        Schedule::Cron { cron, .. } => Wire::Cron(cron.source().to_owned()),
        Schedule::OnCalendar { calendar, .. } => Wire::Oncalendar(calendar.source().to_owned()),
    };
    v1::LogPolicy {
        schedule: Some(schedule),
        zone: policy.schedule.zone().map(|z| z.name().to_owned()).unwrap_or_default(),
        grace_secs: policy.grace_secs,
        max_runtime_secs: policy.max_runtime_secs,
        min_runtime_secs: policy.min_runtime_secs,
        overlap: policy.overlap.word().to_owned(),
        early_secs: policy.early_secs,
        failures_before_alert: u32::from(policy.failures_before_alert),
        successes_before_recovery: u32::from(policy.successes_before_recovery),
        assertions: policy.assertions.iter().map(|a| a.source().to_owned()).collect(),
        first_ping_within_secs: policy.first_ping_within_secs,
        remind_every_secs: policy.remind_every_secs,
        on_blind: policy.on_blind.word().to_owned(),
        channels: policy.channels.iter().map(|c| c.0).collect(),
        manual_resume: policy.manual_resume,
        post_only: policy.post_only,
    }
}

/// Reads a policy.
pub fn policy_from_wire(policy: v1::LogPolicy) -> Result<Policy, DecodeError> {
    use v1::log_policy::Schedule as Wire;
    let zone = if policy.zone.is_empty() { "UTC" } else { &policy.zone };
    let schedule = match policy.schedule.ok_or_else(|| DecodeError::field("schedule", "missing"))? {
        Wire::PeriodSecs(seconds) => Schedule::period(u64::from(seconds)),
        Wire::Cron(text) => Schedule::cron(&text, zone),
        Wire::Oncalendar(text) => Schedule::oncalendar(&text, zone),
    };
    let assertions: Result<_, _> = policy.assertions.iter().map(|text| Assertion::parse(text)).collect();
    Ok(Policy {
        schedule: schedule.map_err(|e| DecodeError::field("schedule", e))?,
        grace_secs: policy.grace_secs,
        max_runtime_secs: policy.max_runtime_secs,
        min_runtime_secs: policy.min_runtime_secs,
        overlap: Overlap::from_word(&policy.overlap).ok_or_else(|| DecodeError::field("overlap", "unknown word"))?,
        early_secs: policy.early_secs,
        failures_before_alert: narrow("failures_before_alert", policy.failures_before_alert)?,
        successes_before_recovery: narrow("successes_before_recovery", policy.successes_before_recovery)?,
        assertions: assertions.map_err(|e| DecodeError::field("assertions", e))?,
        first_ping_within_secs: policy.first_ping_within_secs,
        remind_every_secs: policy.remind_every_secs,
        on_blind: OnBlind::from_word(&policy.on_blind).ok_or_else(|| DecodeError::field("on_blind", "unknown word"))?,
        channels: policy.channels.into_iter().map(ChannelId).collect(),
        manual_resume: policy.manual_resume,
        post_only: policy.post_only,
    })
}

/// The outcome of an attempt as a message, for the log and the feed.
pub fn outcome_to_wire(outcome: &AttemptOutcome) -> v1::LogOutcome {
    use v1::log_outcome::Result as Wire;
    let result = match &outcome.result {
        AttemptResult::Delivered => Wire::Delivered(v1::Empty {}),
        AttemptResult::Retry { after_ms, error } => {
            Wire::Retry(v1::LogRetry { after_ms: *after_ms, error: error.clone() })
        }
        AttemptResult::Failed { error } => Wire::Failed(error.clone()),
        AttemptResult::Gone { error } => Wire::Gone(error.clone()),
    };
    v1::LogOutcome { delivery: outcome.delivery.0.to_vec(), attempt: outcome.attempt, result: Some(result) }
}

/// Reads the outcome of an attempt.
pub fn outcome_from_wire(outcome: v1::LogOutcome) -> Result<AttemptOutcome, DecodeError> {
    use v1::log_outcome::Result as Wire;
    let result = match outcome.result.ok_or_else(|| DecodeError::field("result", "missing"))? {
        Wire::Delivered(_) => AttemptResult::Delivered,
        Wire::Retry(retry) => AttemptResult::Retry { after_ms: retry.after_ms, error: retry.error },
        Wire::Failed(error) => AttemptResult::Failed { error },
        Wire::Gone(error) => AttemptResult::Gone { error },
    };
    Ok(AttemptOutcome {
        delivery: DeliveryId(bytes16("delivery", &outcome.delivery)?),
        attempt: outcome.attempt,
        result,
    })
}
