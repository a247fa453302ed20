//! Rules 1 to 3 and 9 of time: when silence becomes a verdict.

use super::Log;
use super::log::{M, config};
use crate::command::{Action, Status};
use crate::monitor::Policy;
use crate::ping::PingKind;
use crate::schedule::Schedule;
use crate::transition::{Reason, TransitionKind};

const DOWN: TransitionKind = TransitionKind::Down;
const UP: TransitionKind = TransitionKind::Up;

#[test]
fn a_new_monitor_is_not_expected_before_its_first_ping() {
    let mut log = Log::with_period(10, 5);
    log.until(1_000);
    assert_eq!((log.status(), log.told().len()), (Status::New, 0));
}

#[test]
fn rule_2_a_deadline_closes_w_after_it_passed() {
    let mut log = Log::with_period(60, 30);
    log.until(1).success();
    log.until(93);
    assert_eq!((log.status(), log.told().len()), (Status::Late, 0));
    log.until(94);
    assert_eq!(log.told(), [(DOWN, Reason::Missed, 91)]);
    assert_eq!((log.status(), log.known_second()), (Status::Down, 94));
    assert_eq!(log.last().expected_ms, Some((super::log::START + 61) * 1000));
}

#[test]
fn status_is_up_then_late_then_down_then_up_again() {
    let mut log = Log::with_period(60, 30);
    log.until(1).success();
    assert_eq!(log.status(), Status::Up);
    log.until(61);
    assert_eq!(log.status(), Status::Up);
    log.until(62);
    assert_eq!(log.status(), Status::Late);
    log.until(200).success();
    assert_eq!(log.told(), [(DOWN, Reason::Missed, 91), (UP, Reason::Recovered, 200)]);
    assert_eq!(log.status(), Status::Up);
}

#[test]
fn rule_3_a_ping_received_by_the_deadline_counts_when_it_is_appended_late() {
    let mut log = Log::with_period(60, 30);
    log.until(1).success();
    log.until(93);
    log.push_late(crate::record::Body::Ping(super::log::ping(PingKind::Success)), 2_500);
    log.until(94);
    assert_eq!(log.told(), []);
    assert_eq!(log.live().last_ping.unwrap().at_ms, (super::log::START + 93) * 1000 - 2_500);
}

#[test]
fn rule_3_lateness_above_w_is_cut() {
    let mut log = Log::with_period(60, 30);
    log.until(50);
    log.push_late(crate::record::Body::Ping(super::log::ping(PingKind::Success)), 40_000);
    assert_eq!(log.live().last_ping.unwrap().at_ms, (super::log::START + 47) * 1000);
    assert_eq!(log.notes().last().unwrap().label(), "lateness_cut");
}

#[test]
fn rule_2_a_ping_closes_its_own_deadline_before_it_counts() {
    let mut log = Log::with_period(60, 30);
    log.until(1).success();
    log.ticking = false;
    log.until(500).success();
    assert_eq!(log.told(), [(DOWN, Reason::Missed, 91), (UP, Reason::Recovered, 500)]);
}

#[test]
fn lag_is_not_silence() {
    let mut log = Log::with_period(60, 30);
    log.until(1).success();
    for second in (50..2_000).step_by(50) {
        log.until(second).success();
    }
    assert_eq!(log.told(), []);
}

#[test]
fn first_ping_within_watches_a_monitor_that_never_pinged() {
    let mut policy = Policy::every(Schedule::Period { seconds: 60 }, 30);
    policy.first_ping_within_secs = Some(100);
    let mut log = Log::with(policy);
    log.until(102);
    assert_eq!(log.told(), []);
    log.until(103);
    assert_eq!(log.told(), [(DOWN, Reason::Missed, 100)]);
    assert_eq!((log.last().expected_ms, log.last().deadline_ms), (None, Some((super::log::START + 100) * 1000)));
}

#[test]
fn failures_before_alert_counts_misses_in_a_row() {
    let mut policy = Policy::every(Schedule::Period { seconds: 60 }, 0);
    policy.failures_before_alert = 3;
    let mut log = Log::with(policy);
    log.until(1).success();
    log.until(125);
    assert_eq!((log.status(), log.told().len(), log.transitions().len()), (Status::Up, 0, 3));
    log.until(184);
    assert_eq!(log.told(), [(DOWN, Reason::Missed, 181)]);
}

#[test]
fn a_success_in_between_starts_the_count_of_failures_again() {
    let mut policy = Policy::every(Schedule::Period { seconds: 60 }, 0);
    policy.failures_before_alert = 2;
    let mut log = Log::with(policy);
    log.until(1).success();
    log.until(70).success();
    log.until(140).success();
    assert_eq!(log.told(), []);
}

#[test]
fn a_cron_monitor_is_expected_at_its_slot_in_its_zone() {
    // 02:00 in Berlin is 01:00 UTC in November.
    let mut log = Log::with_cron("0 2 * * *", "Europe/Berlin", 300);
    log.until(10).success();
    assert_eq!(log.live().next_expected_ms, Some((super::log::START + 3_600) * 1000));
    log.until(3_600 + 303);
    assert_eq!(log.told(), [(DOWN, Reason::Missed, 3_900)]);
    assert_eq!(log.last().zone, "Europe/Berlin");
}

#[test]
fn rule_9_a_success_shortly_before_its_slot_counts_for_it() {
    let mut log = Log::with_cron("0 * * * *", "UTC", 60);
    log.until(3_600 - 60).success();
    assert_eq!(log.live().next_expected_ms, Some((super::log::START + 7_200) * 1000));
    let mut log = Log::with_cron("0 * * * *", "UTC", 60);
    log.until(3_600 - 61).success();
    assert_eq!(log.live().next_expected_ms, Some((super::log::START + 3_600) * 1000));
}

#[test]
fn rule_9_early_is_a_tenth_of_a_short_interval() {
    let mut log = Log::with_cron("* * * * *", "UTC", 10);
    log.until(53).success();
    assert_eq!(log.live().next_expected_ms, Some((super::log::START + 60) * 1000));
    log.until(54).success();
    assert_eq!(log.live().next_expected_ms, Some((super::log::START + 120) * 1000));
}

#[test]
fn grace_is_added_in_utc_across_a_change_of_clocks() {
    // On 2026-11-01 New York goes back at 02:00 EDT = 06:00 UTC; the slot 01:30 EDT is 05:30 UTC.
    let schedule = Schedule::cron("30 1 * * *", "America/New_York").unwrap();
    let policy = Policy::every(schedule, 3_600);
    let mut log = Log::new();
    log.now_ms = (1_793_491_200 - super::log::START) * 1000;
    log.records.clear();
    log.engine = crate::engine::Engine::new(crate::ids::ShardId(0), crate::record::Params::EMBEDDED);
    log.push(crate::record::Body::Boot);
    log.command(Action::Create(Box::new(config(policy))));
    log.success();
    let live = log.engine.view(M).unwrap().live;
    assert_eq!(live.next_expected_ms, Some(1_793_511_000_000));
    assert_eq!(live.deadline_ms, Some(1_793_511_000_000 + 3_600_000));
}

#[test]
fn a_schedule_that_never_runs_is_refused_even_when_the_log_holds_it() {
    let mut log = Log::new();
    let never = Schedule::cron("0 0 31 2 *", "UTC").unwrap();
    log.command(Action::Create(Box::new(config(Policy::every(never, 60)))));
    assert_eq!(log.refused_field(), "cron");
    log.success().until(1_000);
    assert_eq!(log.told(), []);
}

#[test]
fn a_monitor_with_a_one_second_period_is_missed_once() {
    let mut log = Log::with_period(1, 0);
    log.until(1).success();
    log.until(50_000 / 10);
    assert_eq!(log.told(), [(DOWN, Reason::Missed, 2)]);
}

#[test]
fn a_reminder_repeats_the_reason_of_its_incident() {
    let mut policy = Policy::every(Schedule::Period { seconds: 60 }, 0);
    policy.remind_every_secs = Some(600);
    let mut log = Log::with(policy);
    log.until(1).ping(PingKind::Exit(2)).until(700);
    assert_eq!(log.told(), [(DOWN, Reason::Failed, 1), (TransitionKind::Reminder, Reason::Failed, 601)]);
}

#[test]
fn reminders_repeat_until_somebody_acknowledges() {
    let mut policy = Policy::every(Schedule::Period { seconds: 60 }, 0);
    policy.remind_every_secs = Some(600);
    let mut log = Log::with(policy);
    log.until(1).success();
    log.until(61 + 600 * 2 + 10);
    let kinds: Vec<_> = log.told().into_iter().map(|(kind, _, at)| (kind, at)).collect();
    let reminder = TransitionKind::Reminder;
    assert_eq!(kinds, [(DOWN, 61), (reminder, 661), (reminder, 1_261)]);
    log.command(Action::Acknowledge { incident: log.incident() });
    log.until(10_000);
    assert_eq!(log.told().len(), 3);
    assert!(log.live().incident.unwrap().acknowledged);
}
