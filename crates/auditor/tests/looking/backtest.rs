//! Other settings for the same pings.

use crate::config;
use auditor::backtest::{Alert, PastPing, Story, replay, suggest};
use domain::engine::effects::HistoryRow;
use domain::ids::{MonitorId, TransitionId};
use domain::ping::{PingDetails, PingKind, PingSummary};
use domain::schedule::Schedule;
use domain::time::UnixMs;
use domain::transition::Reason;

const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;
/// 2026-11-24T00:00:00Z.
const DAY: i64 = 1_795_478_400_000;

fn success(at_ms: i64) -> PastPing {
    PastPing { at_ms, kind: PingKind::Success, run: None, duration_ms: None, metrics: Vec::new(), method: "GET".into() }
}

fn story(pings: &[i64]) -> Story {
    Story { pings: pings.iter().map(|at| success(*at)).collect(), ..Story::default() }
}

fn times(alerts: &[Alert]) -> Vec<(i64, Option<i64>)> {
    alerts
        .iter()
        .map(|alert| ((alert.at_ms - DAY) / MINUTE, alert.recovered_ms.map(|at| (at - DAY) / MINUTE)))
        .collect()
}

/// Every hour, once twelve minutes late, once three hours late.
fn hourly() -> Story {
    story(&[DAY, DAY + HOUR, DAY + 2 * HOUR + 12 * MINUTE, DAY + 3 * HOUR + 12 * MINUTE, DAY + 7 * HOUR + 12 * MINUTE])
}

#[test]
fn a_shorter_grace_alerts_of_what_a_longer_one_forgives() {
    let (story, end) = (hourly(), DAY + 8 * HOUR);
    let alerts = |grace: u32| times(&replay(&config(3_600, grace), &story, DAY, end));
    assert_eq!(alerts(600), [(130, Some(132)), (262, Some(432))]);
    assert_eq!(alerts(1_200), [(272, Some(432))]);
    assert_eq!(alerts(4 * 3_600), []);
    // The last ping's own successor is not due by the end.
    assert_eq!(times(&replay(&config(3_600, 600), &story, DAY, end + 2 * HOUR)).len(), 3);
}

/// Exactly in time, a millisecond late: what the engine does with W zero.
#[test]
fn a_ping_at_its_deadline_is_in_time_and_one_behind_it_is_not() {
    let at = |late: i64| replay(&config(60, 10), &story(&[DAY, DAY + 70_000 + late]), DAY, DAY + 100_000).len();
    assert_eq!((at(0), at(1)), (0, 1));
}

#[test]
fn only_alerts_of_the_stretch_count_and_pings_before_it_set_the_scene() {
    let story = hourly();
    let alerts = replay(&config(3_600, 600), &story, DAY + 4 * HOUR, DAY + 8 * HOUR);
    assert_eq!(times(&alerts), [(262, Some(432))]);
    assert_eq!(replay(&config(3_600, 600), &story, DAY, DAY + 2 * HOUR).len(), 0);
}

#[test]
fn another_schedule_is_judged_by_its_own_slots() {
    let mut proposed = config(3_600, 600);
    proposed.policy.schedule = Schedule::cron("0 2 * * *", "Europe/Berlin").unwrap();
    // 02:00 in Berlin is 01:00 UTC in winter: one run in time, one an hour late.
    let story = story(&[DAY + HOUR, DAY + 26 * HOUR]);
    let alerts = replay(&proposed, &story, DAY, DAY + 30 * HOUR);
    assert_eq!(times(&alerts), [(25 * 60 + 10, Some(26 * 60))]);
    assert_eq!(alerts[0].expected_ms, Some(DAY + 25 * HOUR));
}

#[test]
fn a_pause_alerts_nobody_and_what_fell_into_the_dark_is_marked() {
    let mut story = hourly();
    story.pauses = vec![(DAY + 3 * HOUR + 30 * MINUTE, true), (DAY + 7 * HOUR, false)];
    let end = DAY + 8 * HOUR;
    assert_eq!(times(&replay(&config(3_600, 600), &story, DAY, end)), [(130, Some(132))]);
    story.blind = vec![(DAY + 2 * HOUR + 5 * MINUTE, DAY + 2 * HOUR + 6 * MINUTE)];
    let alerts = replay(&config(3_600, 600), &story, DAY, end);
    assert!(alerts[0].in_the_dark && !alerts[0].took_care_of_itself(HOUR));
}

#[test]
fn failures_are_alerts_whatever_the_grace() {
    let mut story = story(&[DAY, DAY + HOUR]);
    story.pings.push(PastPing { kind: PingKind::Exit(3), ..success(DAY + 2 * HOUR) });
    let alerts = replay(&config(3_600, 600), &story, DAY, DAY + 2 * HOUR);
    assert_eq!((alerts.len(), alerts[0].reason), (1, Reason::Failed));
    let mut patient = config(3_600, 600);
    patient.policy.failures_before_alert = 2;
    assert_eq!(replay(&patient, &story, DAY, DAY + 2 * HOUR).len(), 0);
}

#[test]
fn the_suggestion_is_the_smallest_round_grace_that_spares_what_took_care_of_itself() {
    let (story, span) = (hourly(), (DAY, DAY + 8 * HOUR));
    let proposed = config(3_600, 60);
    let alerts = replay(&proposed, &story, span.0, span.1);
    let suggested = suggest(&proposed, &story, &alerts, span, HOUR).unwrap();
    // Twelve minutes late: a quarter of an hour spares it. Three hours late is worth an alert.
    assert_eq!((suggested.grace_secs, suggested.spared, suggested.alerts.len()), (900, 1, 1));
    let all = suggest(&proposed, &story, &alerts, span, 4 * HOUR).unwrap();
    assert_eq!((all.grace_secs, all.spared, all.alerts.len()), (3 * 3_600, 2, 0));
    let long_enough = config(3_600, 1_200);
    let alerts = replay(&long_enough, &story, span.0, span.1);
    assert_eq!(suggest(&long_enough, &story, &alerts, span, HOUR), None);
}

#[test]
fn a_year_without_pings_is_one_alert() {
    let alerts = replay(&config(60, 10), &story(&[DAY]), DAY, DAY + 366 * 24 * HOUR);
    assert_eq!(alerts.len(), 1);
}

#[test]
fn history_rows_become_a_story_without_what_was_ignored() {
    let row = |at_ms: i64, ignored: &str| {
        let kind = PingKind::Success;
        let ping = PingSummary { kind, at_ms, number: 1, duration_ms: None, metrics: Vec::new(), run: None };
        let details = PingDetails::default();
        let (monitor, offset, ignored, coalesced) = (MonitorId(1), at_ms as u64, ignored.to_owned(), 0);
        HistoryRow { monitor, offset, ping, ignored, coalesced, details }
    };
    let story = Story::of(&[row(3, ""), row(2, "paused"), row(1, "")], &[]);
    assert_eq!(story.pings.iter().map(|ping| ping.at_ms).collect::<Vec<_>>(), [1, 3]);
    assert!(UnixMs(story.pings[0].at_ms) < UnixMs(story.pings[1].at_ms));
}

#[test]
fn an_incident_keeps_its_id() {
    let alerts = replay(&config(60, 10), &story(&[DAY]), DAY, DAY + HOUR);
    assert_ne!(alerts[0].id, TransitionId::default());
}
