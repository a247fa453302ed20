//! What people read, word for word.

use super::*;
use domain::command::Status;
use domain::ids::{ChannelId, DeliveryId, MonitorId, TenantId, TransitionId};
use domain::monitor::Identity;
use domain::ping::{Metric, PingKind, PingSummary};
use domain::time::UnixMs;
use domain::transition::{IncidentRef, Reason, Transition, TransitionKind};

fn ms(text: &str) -> i64 {
    text.parse::<jiff::Timestamp>().unwrap().as_millisecond()
}

fn ping(kind: PingKind, at: &str) -> PingSummary {
    PingSummary { kind, at_ms: ms(at), number: 7, duration_ms: None, metrics: Vec::new(), run: None }
}

/// A nightly backup that did not report at 02:00 in Berlin.
fn missed() -> Transition {
    Transition {
        id: TransitionId([1; 16]),
        monitor: MonitorId(0x0123_4567_89ab_cdef),
        identity: Identity { tenant: TenantId(1), slug: "backup".into(), name: "Backup".into(), ..Identity::default() },
        kind: TransitionKind::Down,
        reason: Reason::Missed,
        from: Status::Up,
        to: Status::Down,
        occurred_ms: ms("2026-11-24T01:05:00Z"),
        known_ms: ms("2026-11-24T01:05:03Z"),
        offset: 9,
        version: 2,
        expected_ms: Some(ms("2026-11-24T01:00:00Z")),
        deadline_ms: Some(ms("2026-11-24T01:05:00Z")),
        last_ping: Some(PingSummary { duration_ms: Some(12_300), ..ping(PingKind::Success, "2026-11-23T01:00:03Z") }),
        incident: Some(IncidentRef { id: TransitionId([1; 16]), opened_ms: ms("2026-11-24T01:05:00Z") }),
        zone: "Europe/Berlin".into(),
        schedule: "cron 0 2 * * *".into(),
        grace_secs: 300,
        detail: String::new(),
        run_started_ms: None,
        blind: None,
        retracts: None,
        channels: vec![ChannelId(5)],
    }
}

fn tell_all(items: Vec<Item>) -> Words {
    let notice = Notice::Alert(items);
    let now = UnixMs(ms("2026-11-24T01:05:04Z"));
    words(&Message { delivery: DeliveryId([3; 16]), notice: &notice, now, public_url: "https://pulse.example" })
}

fn tell(transition: Transition) -> Words {
    tell_all(vec![Item { transition, body_tail: Vec::new() }])
}

#[track_caller]
fn assert_told(words: &Words, headline: &str, sentences: &[&str]) {
    assert_eq!(words.headline, headline);
    assert_eq!(words.sentences, sentences);
    assert!(words.link.starts_with("https://pulse.example/"), "{}", words.link);
}

#[test]
fn a_missed_run() {
    let words = tell(missed());
    assert_told(
        &words,
        "DOWN Backup (backup): no ping since 2026-11-23 02:00:03; expected 02:00 (Europe/Berlin) + 5 min grace",
        &[
            "Backup did not report.",
            "Expected 02:00 (Europe/Berlin), with 5 min of grace until 02:05.",
            "Last ping: success at 2026-11-23 02:00:03 (Europe/Berlin), after 12 s.",
            "Silent for 1 d 5 min.",
            "Schedule: cron 0 2 * * * (Europe/Berlin), grace 5 min.",
        ],
    );
    assert_eq!(words.link, "https://pulse.example/m/backup");
}

#[test]
fn a_first_ping_that_never_came() {
    let t = Transition {
        last_ping: None,
        expected_ms: None,
        zone: String::new(),
        schedule: "every 5 min".into(),
        ..missed()
    };
    assert_told(
        &tell(t),
        "DOWN Backup (backup): never pinged",
        &[
            "Backup did not report.",
            "A first ping was due by 01:05 (UTC).",
            "It has never pinged.",
            "Schedule: every 5 min, grace 5 min.",
        ],
    );
}

#[test]
fn a_failure_with_an_exit_code() {
    let last = PingSummary {
        duration_ms: Some(250),
        metrics: vec![Metric { name: "count".into(), value: 0.0 }, Metric { name: "rate".into(), value: 1.5 }],
        ..ping(PingKind::Exit(3), "2026-11-24T01:00:03Z")
    };
    let t = Transition { reason: Reason::Failed, occurred_ms: last.at_ms, last_ping: Some(last), ..missed() };
    let words = tell_all(vec![Item { transition: t, body_tail: b"one\r\ndisk full\x1b[0m\n".to_vec() }]);
    assert_told(
        &words,
        "DOWN Backup (backup): failed with exit code 3 at 02:00:03 (Europe/Berlin)",
        &[
            "Backup: failed with exit code 3 at 02:00:03 (Europe/Berlin).",
            "It ran for 250 ms.",
            "Metrics: count=0, rate=1.5.",
            "Schedule: cron 0 2 * * * (Europe/Berlin), grace 5 min.",
        ],
    );
    assert_eq!(words.tail, "one\ndisk full\\u{1b}[0m");
    assert!(words.plain().contains("\n\nLast output:\none\ndisk full\\u{1b}[0m\n\nhttps://pulse.example/m/backup"));
}

#[test]
fn a_run_that_takes_too_long() {
    let t = Transition {
        reason: Reason::TimedOut,
        run_started_ms: Some(ms("2026-11-24T00:35:00Z")),
        last_ping: Some(ping(PingKind::Start, "2026-11-24T00:35:00Z")),
        ..missed()
    };
    assert_told(
        &tell(t),
        "DOWN Backup (backup): still running after 30 min 3 s (allowed: 30 min)",
        &[
            "Backup did not finish in time.",
            "It started at 01:35 (Europe/Berlin) and has been running for 30 min 3 s (allowed: 30 min).",
            "It was due to finish by 02:05 (Europe/Berlin).",
            "Schedule: cron 0 2 * * * (Europe/Berlin), grace 5 min.",
        ],
    );
}

#[test]
fn an_assertion_that_fails() {
    let t = Transition {
        reason: Reason::AssertionFailed,
        detail: "count >= 1, found 0".into(),
        occurred_ms: ms("2026-11-24T01:00:00Z"),
        last_ping: Some(PingSummary { duration_ms: Some(60_000), ..ping(PingKind::Success, "2026-11-24T01:00:00Z") }),
        ..missed()
    };
    assert_told(
        &tell(t),
        "DOWN Backup (backup): assertion failed: count >= 1, found 0",
        &[
            "Backup reported success at 02:00 (Europe/Berlin), but an assertion failed.",
            "Detail: count >= 1, found 0.",
            "It ran for 1 min.",
            "Schedule: cron 0 2 * * * (Europe/Berlin), grace 5 min.",
        ],
    );
}

#[test]
fn a_recovery() {
    let t = Transition {
        kind: TransitionKind::Up,
        reason: Reason::Recovered,
        occurred_ms: ms("2026-11-24T03:08:00Z"),
        last_ping: Some(ping(PingKind::Exit(0), "2026-11-24T03:08:00Z")),
        ..missed()
    };
    assert_told(
        &tell(t),
        "UP Backup (backup): back after 2 h 3 min down",
        &[
            "Backup is back since 04:08 (Europe/Berlin).",
            "It was down for 2 h 3 min, from 02:05 (Europe/Berlin).",
            "Last ping: exit code 0 at 04:08 (Europe/Berlin).",
            "Schedule: cron 0 2 * * * (Europe/Berlin), grace 5 min.",
        ],
    );
}

#[test]
fn an_alert_taken_back() {
    let t = Transition {
        kind: TransitionKind::Unobserved,
        reason: Reason::Blind,
        from: Status::Down,
        to: Status::Unknown,
        blind: Some((ms("2026-11-24T00:59:00Z"), ms("2026-11-24T01:01:30Z"))),
        retracts: Some(TransitionId([1; 16])),
        ..missed()
    };
    assert_told(
        &tell(t),
        "UNOBSERVED Backup (backup): the alert is taken back, no pings could be heard",
        &[
            "The alert that Backup did not report is taken back: it may well have.",
            "QuietPulse could not hear pings for 2 min 30 s, from 01:59 to 02:01:30 (Europe/Berlin).",
            "Last ping: success at 2026-11-23 02:00:03 (Europe/Berlin), after 12 s.",
            "Schedule: cron 0 2 * * * (Europe/Berlin), grace 5 min.",
        ],
    );
}

#[test]
fn a_run_nobody_could_hear() {
    let t = Transition {
        kind: TransitionKind::Unobserved,
        reason: Reason::Blind,
        to: Status::Unknown,
        blind: Some((ms("2026-11-24T00:59:50Z"), ms("2026-11-24T01:00:33Z"))),
        ..missed()
    };
    assert_told(
        &tell(t),
        "UNOBSERVED Backup (backup): no pings could be heard for 43 s",
        &[
            "Whether Backup ran is not known. It was expected at 02:00 (Europe/Berlin).",
            "QuietPulse could not hear pings for 43 s, from 01:59:50 to 02:00:33 (Europe/Berlin).",
            "Its next run is judged as usual.",
            "Last ping: success at 2026-11-23 02:00:03 (Europe/Berlin), after 12 s.",
            "Schedule: cron 0 2 * * * (Europe/Berlin), grace 5 min.",
        ],
    );
}

#[test]
fn a_reminder() {
    let t = Transition {
        kind: TransitionKind::Reminder,
        from: Status::Down,
        occurred_ms: ms("2026-11-24T07:05:00Z"),
        ..missed()
    };
    assert_told(
        &tell(t),
        "STILL DOWN Backup (backup): it did not report after 6 h down",
        &[
            "Backup is still down: it did not report.",
            "Down for 6 h, since 02:05 (Europe/Berlin).",
            "Last ping: success at 2026-11-23 02:00:03 (Europe/Berlin), after 12 s.",
            "Schedule: cron 0 2 * * * (Europe/Berlin), grace 5 min.",
        ],
    );
}

#[test]
fn warnings() {
    let overlap = Transition {
        kind: TransitionKind::Warning,
        reason: Reason::Overlap,
        detail: "2 runs are open".into(),
        occurred_ms: ms("2026-11-24T01:00:00Z"),
        last_ping: Some(ping(PingKind::Start, "2026-11-24T01:00:00Z")),
        ..missed()
    };
    assert_told(
        &tell(overlap.clone()),
        "WARNING Backup (backup): 2 runs are open",
        &[
            "Backup started again while an earlier run was still open, at 02:00 (Europe/Berlin).",
            "Detail: 2 runs are open.",
            "Schedule: cron 0 2 * * * (Europe/Berlin), grace 5 min.",
        ],
    );
    let last = PingSummary { duration_ms: Some(2_000), ..ping(PingKind::Success, "2026-11-24T01:00:00Z") };
    let fast = Transition { reason: Reason::TooFast, detail: String::new(), last_ping: Some(last), ..overlap };
    assert_told(
        &tell(fast),
        "WARNING Backup (backup): it finished too fast",
        &[
            "Backup finished sooner than it should, at 02:00 (Europe/Berlin).",
            "It ran for 2 s.",
            "Schedule: cron 0 2 * * * (Europe/Berlin), grace 5 min.",
        ],
    );
}

#[test]
fn a_digest_lists_its_monitors() {
    let item = |transition| Item { transition, body_tail: Vec::new() };
    let named = |slug: &str, kind| Transition {
        kind,
        identity: Identity { slug: slug.into(), name: slug.into(), ..Identity::default() },
        ..missed()
    };
    let up = Transition { reason: Reason::Recovered, ..named("b", TransitionKind::Up) };
    let words =
        tell_all(vec![item(named("a", TransitionKind::Down)), item(up), item(named("c", TransitionKind::Down))]);
    assert_told(
        &words,
        "3 alerts: 2 down, 1 up",
        &[
            "DOWN a: no ping since 2026-11-23 02:00:03; expected 02:00 (Europe/Berlin) + 5 min grace",
            "UP b: back after 0 s down",
            "DOWN c: no ping since 2026-11-23 02:00:03; expected 02:00 (Europe/Berlin) + 5 min grace",
        ],
    );
    let many = tell_all((0..120).map(|_| item(missed())).collect());
    assert_eq!(many.sentences.len(), MAX_DIGEST_LINES + 1);
    assert_eq!(many.sentences.last().map(String::as_str), Some("... and 70 more."));
}

#[test]
fn names_and_details_cannot_break_a_line() {
    let identity = Identity { slug: "x".into(), name: "a\r\nBcc: x@y\u{202e}\u{1b}[2J".into(), ..Identity::default() };
    let words = tell(Transition {
        identity,
        detail: "d\nd".into(),
        schedule: "s\rs".into(),
        reason: Reason::Overlap,
        ..missed()
    });
    let all = format!("{}{}", words.headline, words.paragraph());
    assert!(!all.chars().any(escape::is_unsafe), "{all:?}");
    assert!(words.headline.contains("a\\r\\nBcc: x@y\\u{202e}\\u{1b}[2J (x)"), "{}", words.headline);
}

#[test]
fn mail_html_escapes_every_value() {
    let identity =
        Identity { slug: "x".into(), name: "<b>&amp;</pre><a href=\"x\">{{7*7}}".into(), ..Identity::default() };
    let item =
        Item { transition: Transition { identity, ..missed() }, body_tail: b"<script>alert(1)</script>".to_vec() };
    let page = html::mail(&tell_all(vec![item])).unwrap();
    assert!(!page.contains("<script>") && !page.contains("<b>") && !page.contains("<a href=\"x\""), "{page}");
    assert!(page.contains("{{7*7}}"), "{page}");
    assert_eq!(page.matches("</pre>").count(), 1);
}
