//! Monitors as messages.

use super::channels::ChannelNames;
use crate::auth::Caller;
use crate::convert::ping::exit_code;
use crate::convert::time::{milliseconds, seconds, timestamp};
use crate::deps::Api;
use crate::live::Seen;
use domain::command::{Live, MonitorView};
use domain::ids::MonitorId;
use domain::monitor::Policy;
use domain::schedule::Schedule;
use store::row::Scope;
use tonic::Status;
use wire::v1;

/// One monitor as a reply.
pub(super) async fn reply(api: &Api, caller: &Caller, seen: Seen) -> Result<v1::Monitor, Status> {
    let seen = [seen];
    let names = ChannelNames::load(api, caller.tenant, &seen).await?;
    let [seen] = seen;
    Ok(message(api, caller.scope, &names, seen))
}

/// A monitor as a key of `scope` sees it. Whoever has its URL can ping it, which is more than to read.
pub(super) fn message(api: &Api, scope: Scope, names: &ChannelNames, seen: Seen) -> v1::Monitor {
    let MonitorView { monitor, config, version, generation, live } = seen.view;
    let mut message = v1::Monitor {
        id: monitor.to_string(),
        slug: config.identity.slug,
        name: config.identity.name,
        description: config.identity.description,
        tags: config.identity.tags,
        channels: names.of(&config.policy.channels),
        ping_url: if scope >= Scope::Write { ping_url(api, monitor, generation) } else { String::new() },
        version,
        state_age: seen.age_ms.map(|ms| milliseconds(ms.unsigned_abs())),
        ..v1::Monitor::default()
    };
    show_policy(&config.policy, &mut message);
    show_live(live, &mut message);
    message
}

fn ping_url(api: &Api, monitor: MonitorId, generation: u8) -> String {
    format!("{}/ping/{}", api.deps.public_url.trim_end_matches('/'), api.deps.keys.token(monitor, generation))
}

pub(super) fn show_policy(policy: &Policy, m: &mut v1::Monitor) {
    match &policy.schedule {
        Schedule::Period { seconds: secs } => m.period = Some(seconds(*secs)),
        Schedule::Cron { cron, .. } => m.cron = cron.source().to_owned(),
        Schedule::OnCalendar { calendar, .. } => m.oncalendar = calendar.source().to_owned(),
    }
    m.tz = policy.schedule.zone().map(|zone| zone.name().to_owned()).unwrap_or_default();
    m.grace = Some(seconds(policy.grace_secs));
    m.max_runtime = policy.max_runtime_secs.map(seconds);
    m.min_runtime = policy.min_runtime_secs.map(seconds);
    m.overlap = policy.overlap.word().to_owned();
    m.early = policy.early_secs.map(seconds);
    m.failures_before_alert = u32::from(policy.failures_before_alert);
    m.successes_before_recovery = u32::from(policy.successes_before_recovery);
    m.assertions = policy.assertions.iter().map(|assertion| assertion.source().to_owned()).collect();
    m.first_ping_within = policy.first_ping_within_secs.map(seconds);
    m.remind_every = policy.remind_every_secs.map(seconds);
    m.on_blind = policy.on_blind.word().to_owned();
    m.manual_resume = policy.manual_resume;
    m.post_only = policy.post_only;
}

fn show_live(live: Live, m: &mut v1::Monitor) {
    m.status = live.status.word().to_owned();
    m.running = live.runs > 0;
    m.open_runs = live.runs;
    m.ping_count = live.pings;
    m.created_at = Some(timestamp(live.created_ms));
    m.next_expected_at = live.next_expected_ms.map(timestamp);
    m.deadline_at = live.deadline_ms.map(timestamp);
    m.paused_until = live.paused_until_ms.map(timestamp);
    if let Some(incident) = live.incident {
        m.incident_id = incident.id.to_string();
        m.down_since = Some(timestamp(incident.opened_ms));
        m.acknowledged = incident.acknowledged;
    }
    if let Some(ping) = live.last_ping {
        m.last_ping_at = Some(timestamp(ping.at_ms));
        m.last_ping_kind = ping.kind.word().to_owned();
        m.last_exit_code = exit_code(&ping);
        m.last_duration = ping.duration_ms.map(milliseconds);
    }
}
