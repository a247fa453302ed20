//! Rules 4 to 8: what nobody could hear is nobody's fault.

use super::Log;
use super::log::{START, config, ping};
use crate::command::{Action, Status};
use crate::engine::effects::Note;
use crate::monitor::{OnBlind, Policy};
use crate::ping::PingKind;
use crate::record::{Body, Envelope, Params, Record};
use crate::schedule::Schedule;
use crate::time::UnixMs;
use crate::transition::{Reason, TransitionKind};

const DOWN: TransitionKind = TransitionKind::Down;
const UNOBSERVED: TransitionKind = TransitionKind::Unobserved;

fn daily_at_half_past() -> Log {
    let mut log = Log::with_cron("30 0 * * *", "UTC", 300);
    log.until(10).success();
    log
}

#[test]
fn rule_4_a_deadline_in_an_outage_is_not_missed_while_it_lasts() {
    let mut log = Log::with_period(60, 30);
    log.until(1).success();
    log.until(70).hearing = false;
    log.until(5_000);
    assert_eq!((log.status(), log.told().len()), (Status::Late, 0));
}

#[test]
fn rule_5_a_short_monitor_is_missed_when_it_had_time_enough_after_the_outage() {
    let mut log = Log::with_period(60, 30);
    log.until(1).success();
    log.until(70).outage_until(200).until(200 + 90 + 2);
    assert_eq!(log.told(), []);
    log.until(200 + 90 + 3);
    assert_eq!(log.told(), [(DOWN, Reason::Missed, 290)]);
    assert_eq!(log.last().deadline_ms, Some((START + 91) * 1000));
}

#[test]
fn rule_5_a_monitor_that_pings_after_the_outage_is_up() {
    let mut log = Log::with_period(60, 30);
    log.until(1).success();
    log.until(70).outage_until(200).until(250).success();
    log.until(300);
    assert_eq!((log.status(), log.told().len()), (Status::Up, 0));
    log.until(350);
    assert_eq!(log.told(), [(DOWN, Reason::Missed, 340)]);
}

#[test]
fn rule_5_a_daily_job_in_an_outage_is_unobserved_and_the_next_day_is_judged_normally() {
    let mut log = daily_at_half_past();
    log.until(1_700).outage_until(1_820).until(1_820 + 3_600 + 2);
    assert_eq!(log.told(), []);
    log.until(1_820 + 3_600 + 3);
    assert_eq!(log.told(), [(UNOBSERVED, Reason::Blind, 2_100)]);
    assert_eq!(
        (log.status(), log.last().blind),
        (Status::Unknown, Some(((START + 1_700) * 1000, (START + 1_820) * 1000)))
    );
    log.until(86_400 + 2_103);
    assert_eq!(log.told().last(), Some(&(DOWN, Reason::Missed, 86_400 + 2_100)));
}

#[test]
fn rule_5_an_outage_before_the_expected_window_changes_nothing() {
    let mut log = daily_at_half_past();
    log.until(1_600).outage_until(1_739).until(2_103);
    assert_eq!(log.told(), [(DOWN, Reason::Missed, 2_100)]);
}

#[test]
fn rule_5_an_outage_that_begins_at_the_deadline_changes_nothing() {
    let mut log = daily_at_half_past();
    log.until(2_100).outage_until(2_500).until(2_501);
    assert_eq!(log.told(), [(DOWN, Reason::Missed, 2_100)]);
}

#[test]
fn rule_5_a_second_outage_extends_the_wait() {
    let mut log = Log::with_period(60, 30);
    log.until(1).success();
    log.until(70).outage_until(200).until(250).outage_until(280).until(280 + 90 + 2);
    assert_eq!(log.told(), []);
    log.until(280 + 90 + 3);
    assert_eq!(log.told(), [(DOWN, Reason::Missed, 370)]);
}

#[test]
fn rule_5_policy_hold_tells_nobody_and_down_counts_it_as_missed() {
    for (on_blind, status, told) in [(OnBlind::Hold, Status::Unknown, 0), (OnBlind::Down, Status::Down, 1)] {
        let mut policy = Policy::every(Schedule::cron("30 0 * * *", "UTC").unwrap(), 300);
        policy.on_blind = on_blind;
        let mut log = Log::with(policy);
        log.until(10).success();
        log.until(1_700).outage_until(1_820).until(6_000);
        assert_eq!((log.status(), log.told().len()), (status, told));
    }
}

#[test]
fn rule_5_failures_a_job_sent_itself_are_never_held_back() {
    let mut log = daily_at_half_past();
    log.until(1_700).outage_until(1_900).ping(PingKind::Fail);
    assert_eq!(log.told(), [(DOWN, Reason::Failed, 1_900)]);
}

#[test]
fn rule_5_a_run_whose_end_may_have_been_swallowed_is_unobserved() {
    let mut policy = Policy::every(Schedule::Period { seconds: 86_400 }, 600);
    policy.max_runtime_secs = Some(300);
    let mut log = Log::with(policy);
    log.until(1).success();
    log.until(10).ping(PingKind::Start);
    log.until(100).outage_until(150).until(150 + 300 + 2);
    assert_eq!(log.told(), []);
    log.until(150 + 300 + 3);
    assert_eq!(log.told(), [(UNOBSERVED, Reason::Blind, 450)]);
}

#[test]
fn rule_5_a_run_that_ends_after_the_outage_is_fine() {
    let mut log = Log::with_period(86_400, 600);
    log.until(10).ping(PingKind::Start);
    log.until(100).outage_until(900).until(905).success();
    log.until(5_000);
    assert_eq!((log.status(), log.told().len()), (Status::Up, 0));
}

#[test]
fn rule_4_a_restart_of_two_seconds_can_swallow_the_one_ping_of_a_night() {
    let mut log = daily_at_half_past();
    log.until(1_799).outage_until(1_801).until(1_801 + 3_603);
    assert_eq!(log.told(), [(UNOBSERVED, Reason::Blind, 2_100)]);
}

#[test]
fn rule_4_a_report_of_deafness_counts_before_the_verdict() {
    let mut log = daily_at_half_past();
    log.until(1_850);
    let at = |second: i64| UnixMs((START + second) * 1000);
    log.push(Body::Deaf { from: at(1_798), to: at(1_803) }).until(2_200);
    assert_eq!(log.told(), []);
    log.until(1_803 + 3_603);
    assert_eq!(log.told(), [(UNOBSERVED, Reason::Blind, 2_100)]);
}

#[test]
fn rule_4_a_late_report_of_deafness_retracts_a_miss_by_name() {
    let mut log = daily_at_half_past();
    log.until(2_200);
    let missed = log.last().id;
    let at = |second: i64| UnixMs((START + second) * 1000);
    log.push(Body::Deaf { from: at(1_798), to: at(1_803) });
    assert_eq!((log.status(), log.last().kind, log.last().retracts), (Status::Unknown, UNOBSERVED, Some(missed)));
    log.until(86_400 + 2_103);
    assert_eq!(log.told().last(), Some(&(DOWN, Reason::Missed, 86_400 + 2_100)));
}

#[test]
fn rule_4_a_miss_that_is_proved_all_the_same_is_not_retracted() {
    let mut log = Log::with_period(60, 30);
    log.until(1).success();
    log.until(1_000);
    let at = |second: i64| UnixMs((START + second) * 1000);
    log.push(Body::Deaf { from: at(70), to: at(75) });
    assert_eq!((log.status(), log.told().len()), (Status::Down, 1));
}

#[test]
fn rule_6_a_monitor_is_judged_by_the_origin_of_its_last_ping() {
    let mut log = Log::with_period(60, 30);
    let from_origin = |log: &mut Log, origin: u8, body: Body| {
        let append = UnixMs(START * 1000 + log.now_ms);
        let sequence = log.records.len() as u64 + 1;
        let envelope = Envelope {
            producer: 100 + u64::from(origin),
            sequence,
            node: 50 + u64::from(origin),
            origin,
            received: append,
        };
        log.push_record(Record { offset: log.records.len() as u64, append, envelope, body });
    };
    log.until(1);
    from_origin(&mut log, 1, Body::Ping(ping(PingKind::Success)));
    // Origin 0 is heard every second, origin 1 never again: the silence of the monitor proves nothing.
    log.until(2_000);
    assert_eq!(log.told(), []);
    from_origin(&mut log, 1, Body::Canary);
    for second in 2_001..2_100 {
        log.until(second);
        from_origin(&mut log, 1, Body::Canary);
    }
    assert_eq!(log.told(), [(DOWN, Reason::Missed, 2_090)]);
}

#[test]
fn rule_8_a_log_clock_that_ran_ahead_is_set_back_and_nobody_is_missed() {
    let mut log = Log::with_period(60, 30);
    log.until(10).success();
    let ahead = UnixMs((START + 31_536_000) * 1000);
    let (offset, sequence) = (log.records.len() as u64, 7_000);
    let envelope = Envelope { producer: 55, sequence, node: 1, origin: 0, received: ahead };
    log.push_record(Record { offset, append: ahead, envelope, body: Body::Canary });
    log.until(45);
    assert_eq!(log.engine.now_ms(), (START + 45) * 1000);
    assert!(log.notes().iter().any(|note| matches!(note, Note::ClockSetBack { .. })));
    log.success().until(100).success().until(160).success();
    assert_eq!((log.status(), log.told().len()), (Status::Up, 0));
    log.until(253);
    assert_eq!(log.told(), [(DOWN, Reason::Missed, 250)]);
}

#[test]
fn a_clock_that_steps_forward_an_hour_misses_nobody_who_pings() {
    let mut log = Log::with_period(60, 30);
    log.until(10).success();
    log.now_ms += 3_600_000;
    for _ in 0..5 {
        let second = log.now_ms / 1000;
        log.until(second + 50).success();
    }
    assert_eq!(log.told(), []);
}

#[test]
fn a_change_of_w_counts_from_its_own_record() {
    let mut log = Log::with_period(60, 30);
    log.until(1).success();
    log.push(Body::Params(Params { w_ms: 10_000, c_ms: 10_000, rules: 1 }));
    log.until(100);
    assert_eq!(log.told(), []);
    log.until(101);
    assert_eq!(log.told(), [(DOWN, Reason::Missed, 91)]);
}

#[test]
fn a_first_ping_that_could_not_be_heard_is_not_missed() {
    let mut policy = Policy::every(Schedule::Period { seconds: 86_400 }, 30);
    policy.first_ping_within_secs = Some(7_200);
    let mut log = Log::new();
    log.command(Action::Create(Box::new(config(policy))));
    log.effects.clear();
    log.until(7_000).outage_until(7_100).until(7_100 + 3_602);
    assert_eq!(log.told(), []);
    log.until(7_100 + 3_603);
    assert_eq!(log.told(), [(UNOBSERVED, Reason::Blind, 7_200)]);
}
