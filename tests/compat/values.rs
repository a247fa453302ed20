//! The values that are frozen: each with everything set, so that no field can get lost unnoticed.

use domain::assertion::Assertion;
use domain::ids::{ChannelId, MonitorId, RunId, TenantId, TransitionId};
use domain::monitor::{Identity, MonitorConfig, OnBlind, Overlap, Policy};
use domain::ping::{Metric, Ping, PingDetails, PingKind};
use domain::schedule::Schedule;

/// 2026-11-24T00:00:00Z in milliseconds.
pub const START: i64 = 1_795_478_400_000;
pub const MONITOR: MonitorId = MonitorId(0x0123_4567_89ab_cdef);
pub const RUN: RunId = RunId([0xa5; 16]);
pub const INCIDENT: TransitionId = TransitionId([0x1c; 16]);

/// Every field of a policy is set, to something that is not its default.
pub fn policy(schedule: Schedule) -> Policy {
    Policy {
        schedule,
        grace_secs: 90,
        max_runtime_secs: Some(3_600),
        min_runtime_secs: Some(2),
        overlap: Overlap::Warn,
        early_secs: Some(45),
        failures_before_alert: 3,
        successes_before_recovery: 2,
        assertions: ["count >= 1", "duration < 5m", "errors? == 0"]
            .map(|text| Assertion::parse(text).unwrap())
            .to_vec(),
        first_ping_within_secs: Some(7_200),
        remind_every_secs: Some(600),
        on_blind: OnBlind::Hold,
        channels: vec![ChannelId(77), ChannelId(u64::MAX)],
        manual_resume: true,
        post_only: true,
    }
}

pub fn cron() -> Schedule {
    Schedule::cron("*/7 2-4 * * 1-5", "Europe/Berlin").unwrap()
}

pub fn calendar() -> Schedule {
    Schedule::oncalendar("Mon..Fri 02:30\nSat *-*-1..7 04:00", "America/New_York").unwrap()
}

pub fn period() -> Schedule {
    Schedule::Period { seconds: 300 }
}

pub fn identity() -> Identity {
    Identity {
        tenant: TenantId(3),
        slug: "nightly-backup".into(),
        name: "Nightly backup \u{fc}".into(),
        description: "two\nlines".into(),
        tags: vec!["db".into(), "prod".into()],
    }
}

pub fn config(schedule: Schedule) -> MonitorConfig {
    MonitorConfig { identity: identity(), policy: policy(schedule) }
}

/// As little as a monitor can be.
pub fn small_config() -> MonitorConfig {
    let identity = Identity { slug: "m".into(), ..Identity::default() };
    MonitorConfig { identity, policy: Policy::daily() }
}

pub fn metrics() -> Vec<Metric> {
    vec![Metric { name: "count".into(), value: 123.25 }, Metric { name: "delta".into(), value: -1e-9 }]
}

pub fn details() -> PingDetails {
    PingDetails {
        body: vec![0, 0xff, b'o', b'k'],
        body_cut: true,
        message: "done \u{2713}".into(),
        environment: "prod".into(),
        host: "db-1".into(),
        method: "POST".into(),
        client: "2001:db8::1".into(),
        user_agent: "curl/8.0".into(),
    }
}

pub fn ping(kind: PingKind) -> Ping {
    Ping {
        monitor: MONITOR,
        generation: Some(5),
        kind,
        run: Some(RUN),
        duration_ms: Some(1_500),
        metrics: metrics(),
        details: Some(Box::new(details())),
        create: Some(Box::new(config(cron()))),
    }
}

/// As little as a ping can say.
pub fn small_ping(kind: PingKind) -> Ping {
    Ping {
        monitor: MonitorId(0),
        generation: None,
        kind,
        run: None,
        duration_ms: None,
        metrics: vec![],
        details: None,
        create: None,
    }
}
