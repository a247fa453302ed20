//! Seeds of gRPC: one byte for the kind of message, and the message. Maps have one entry each, so that the bytes are the
//! same whenever they are made.

use super::Seed;
use prost::Message;
use prost_types::{Duration, FieldMask};
use store::embedded::fuzzing::page_token;
use wire::v1;
use wire::v1::channel::Settings;

/// Messages, page tokens and cursors.
pub fn all() -> Vec<Seed> {
    let groups = [pings(), created(), updated(), channels(), outcomes(), tokens()];
    groups.into_iter().flatten().map(|(name, kind, bytes)| (name.to_owned(), [&[kind], &*bytes].concat())).collect()
}

type Named = (&'static str, u8, Vec<u8>);

fn secs(seconds: i64) -> Option<Duration> {
    Some(Duration { seconds, nanos: 0 })
}

fn pings() -> Vec<Named> {
    let target = "01234567-89ab-8def-8123-456789abcdef";
    let plain = v1::PingRequest { target: target.into(), ..Default::default() };
    let rich = v1::PingRequest {
        kind: "255".into(),
        rid: "00000000-0000-0000-0000-000000000001".into(),
        metrics: [("count".to_owned(), 3.0)].into(),
        duration_ms: Some(u64::MAX),
        body: vec![0xff; 300],
        msg: "all good".into(),
        env: "prod".into(),
        host: "db-1".into(),
        ..plain.clone()
    };
    let slug = v1::PingRequest { target: "abcdefghijklmnopqrstuv/backup".into(), kind: "fail".into(), ..plain.clone() };
    let bad = v1::PingRequest { kind: "256".into(), rid: "x".into(), ..plain.clone() };
    vec![
        ("ping", 0, plain.encode_to_vec()),
        ("ping-rich", 0, rich.encode_to_vec()),
        ("ping-slug", 0, slug.encode_to_vec()),
        ("bad-ping", 0, bad.encode_to_vec()),
    ]
}

fn monitor() -> v1::Monitor {
    v1::Monitor { slug: "backup".into(), ..Default::default() }
}

fn rich_monitor() -> v1::Monitor {
    v1::Monitor {
        name: " Nightly backup ".into(),
        description: "two\nlines".into(),
        tags: ["db", "prod", "db"].map(str::to_owned).to_vec(),
        cron: "0 2 * * MON-FRI".into(),
        tz: "Europe/Berlin".into(),
        grace: secs(300),
        max_runtime: secs(600),
        min_runtime: secs(2),
        overlap: "fail".into(),
        early: secs(0),
        failures_before_alert: 2,
        successes_before_recovery: 100,
        assertions: vec!["count >= 1".into(), "duration < 5m".into()],
        first_ping_within: secs(3_600),
        remind_every: secs(60),
        on_blind: "down".into(),
        channels: vec!["ops".into(), "ch_0000000000000007".into()],
        manual_resume: true,
        post_only: true,
        ..monitor()
    }
}

fn created() -> Vec<Named> {
    let create =
        |monitor| v1::CreateMonitorRequest { monitor: Some(monitor), command_id: String::new() }.encode_to_vec();
    let calendar = v1::Monitor { oncalendar: "Mon..Fri 02:30\nSat 04:00".into(), ..monitor() };
    let two = v1::Monitor { cron: "* * * * *".into(), period: secs(60), ..monitor() };
    let output = v1::Monitor { status: "up".into(), ..monitor() };
    let bounds = v1::Monitor { period: secs(i64::MIN), grace: secs(i64::MAX), failures_before_alert: 257, ..monitor() };
    let nanos = v1::Monitor { period: Some(Duration { seconds: 60, nanos: -1 }), ..monitor() };
    vec![
        ("create", 1, create(monitor())),
        ("create-rich", 1, create(rich_monitor())),
        ("create-calendar", 1, create(calendar)),
        ("create-period", 1, create(v1::Monitor { period: secs(60), ..monitor() })),
        ("bad-create-two", 1, create(two)),
        ("bad-create-output", 1, create(output)),
        ("bad-create-bounds", 1, create(bounds)),
        ("bad-create-nanos", 1, create(nanos)),
        ("bad-create-name", 1, create(v1::Monitor { name: "a\u{202e}b\0".into(), ..monitor() })),
        ("bad-create-assertion", 1, create(v1::Monitor { assertions: vec!["c\n> 1".into()], ..monitor() })),
        ("bad-create-tags", 1, create(v1::Monitor { tags: vec!["a b\"'".into(); 33], ..monitor() })),
    ]
}

fn updated() -> Vec<Named> {
    let update = |monitor, paths: &[&str]| {
        let paths = paths.iter().map(|path| (*path).to_owned()).collect();
        let update_mask = Some(FieldMask { paths });
        v1::UpdateMonitorRequest { monitor: Some(monitor), update_mask, command_id: String::new() }.encode_to_vec()
    };
    vec![
        ("update", 2, update(rich_monitor(), &[])),
        ("update-named", 2, update(rich_monitor(), &["name", "tags", "grace", "assertions", "channels"])),
        ("update-reset", 2, update(monitor(), &["grace", "max_runtime", "failures_before_alert", "overlap"])),
        ("update-zone", 2, update(v1::Monitor { tz: "Asia/Tokyo".into(), ..monitor() }, &["tz"])),
        ("bad-update-all", 2, update(rich_monitor(), &["*"])),
        ("bad-update-clear", 2, update(monitor(), &["cron"])),
        ("bad-update-none", 2, update(monitor(), &[])),
    ]
}

fn channels() -> Vec<Named> {
    let channel = |settings| v1::Channel { name: "ops".into(), settings: Some(settings), ..Default::default() };
    let create = |settings| v1::CreateChannelRequest { channel: Some(channel(settings)) }.encode_to_vec();
    let update = |settings, paths: &[&str]| {
        let update_mask = Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() });
        v1::UpdateChannelRequest { channel: Some(channel(settings)), update_mask }.encode_to_vec()
    };
    let webhook = |url: &str| {
        Settings::Webhook(v1::WebhookSettings {
            url: url.into(),
            method: "PUT".into(),
            headers: [("X-Key".to_owned(), "…".to_owned())].into(),
            body_template: "{\"text\":\"$TEXT\"}".into(),
            secret: format!("whsec_{}=", "A".repeat(43)),
        })
    };
    let telegram = v1::TelegramSettings { bot_token: "123456:ABC-def".into(), chat_id: "-100123".into() };
    vec![
        ("channel-webhook", 3, create(webhook("https://hooks.example.com:8443/a?b#c"))),
        ("channel-telegram", 3, create(Settings::Telegram(telegram))),
        ("channel-email", 3, create(Settings::Email(v1::EmailSettings { to: "ops@xn--bcher-kva.example".into() }))),
        (
            "channel-slack",
            3,
            create(Settings::Slack(v1::SlackSettings { url: "https://hooks.slack.com/services/x".into() })),
        ),
        (
            "channel-discord",
            3,
            create(Settings::Discord(v1::DiscordSettings { url: "https://discord.com/api/webhooks/1/x".into() })),
        ),
        ("channel-log", 3, create(Settings::Log(v1::LogSettings {}))),
        ("bad-channel-inside", 3, create(webhook("http://0177.0.0.1/"))),
        ("bad-channel-mapped", 3, create(webhook("http://[64:ff9b::7f00:1]/"))),
        ("bad-channel-user", 3, create(webhook("http://user:pass@a.example\\@b/"))),
        ("bad-channel-mail", 3, create(Settings::Email(v1::EmailSettings { to: "a@b, c@d".into() }))),
        ("channel-update", 4, update(webhook("https://hooks.example.com/b"), &["webhook.url", "webhook.headers"])),
        ("channel-update-kind", 4, update(webhook("https://hooks.example.com/b"), &["webhook"])),
        ("bad-channel-update", 4, update(Settings::Log(v1::LogSettings {}), &["slack.url", "disabled_reason"])),
    ]
}

fn outcomes() -> Vec<Named> {
    use v1::log_outcome::Result as Wire;
    let outcome = |result| v1::LogOutcome { delivery: vec![7; 16], attempt: 3, result: Some(result) }.encode_to_vec();
    vec![
        ("outcome-delivered", 5, outcome(Wire::Delivered(v1::Empty {}))),
        ("outcome-retry", 5, outcome(Wire::Retry(v1::LogRetry { after_ms: Some(u64::MAX), error: "HTTP 503".into() }))),
        ("bad-outcome", 5, v1::LogOutcome { delivery: vec![7; 15], attempt: 3, result: None }.encode_to_vec()),
    ]
}

fn tokens() -> Vec<Named> {
    vec![
        ("cursor", 6, b"AAECAwQFBgc:1,2,3".to_vec()),
        ("cursor-start", 6, b":tr_x:1".to_vec()),
        ("bad-cursor", 6, b"AAAA:1".to_vec()),
        ("page", 7, page_token(b'm', 7, b"backup").into_bytes()),
        ("page-history", 7, page_token(b'h', 7, &[0, 1, 2, 3, 4, 5, 6, 7]).into_bytes()),
        ("page-longest", 7, "A".repeat(294).into_bytes()),
        ("bad-page-longer", 7, "A".repeat(295).into_bytes()),
        ("bad-page", 7, page_token(b'm', 8, b"backup").into_bytes()),
    ]
}
