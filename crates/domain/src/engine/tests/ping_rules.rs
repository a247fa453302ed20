//! What each signal does in each status, runs, assertions, and pings that change nothing.

use super::Log;
use super::log::{HOOK, M, config, ping};
use crate::assertion::Assertion;
use crate::command::{Action, Answer, Status};
use crate::engine::effects::{Effect, Note};
use crate::ids::{MonitorId, RunId};
use crate::monitor::{Overlap, Policy};
use crate::ping::{Ping, PingDetails, PingKind};
use crate::record::Body;
use crate::schedule::Schedule;
use crate::transition::{Reason, TransitionKind};

const DOWN: TransitionKind = TransitionKind::Down;
const UP: TransitionKind = TransitionKind::Up;
const WARNING: TransitionKind = TransitionKind::Warning;

fn policy(change: impl FnOnce(&mut Policy)) -> Policy {
    let mut policy = Policy::every(Schedule::Period { seconds: 3_600 }, 600);
    change(&mut policy);
    policy
}

/// A monitor brought into `status`, with an empty record of what was told.
fn in_status(status: Status, change: impl FnOnce(&mut Policy)) -> Log {
    let mut log = Log::with(policy(change));
    log.until(1);
    match status {
        Status::New => {}
        Status::Down => drop(log.ping(PingKind::Fail)),
        Status::Paused => drop(log.success().command(Action::Pause { until_ms: None })),
        _ => drop(log.success()),
    }
    assert_eq!(log.status(), status);
    log.until(5);
    log.effects.clear();
    log
}

#[test]
fn the_status_table_for_success() {
    for (from, told) in [(Status::New, 0), (Status::Up, 0), (Status::Down, 1), (Status::Paused, 0)] {
        let mut log = in_status(from, |_| {});
        log.success();
        assert_eq!((log.status(), log.told().len()), (Status::Up, told), "{from}");
    }
}

#[test]
fn the_status_table_for_fail_and_exit_status() {
    for kind in [PingKind::Fail, PingKind::Exit(1), PingKind::Exit(255)] {
        for (from, told) in [(Status::New, 1), (Status::Up, 1), (Status::Down, 0), (Status::Paused, 1)] {
            let mut log = in_status(from, |_| {});
            log.ping(kind);
            assert_eq!((log.status(), log.told().len()), (Status::Down, told), "{from} {kind:?}");
        }
    }
}

#[test]
fn the_status_table_for_start() {
    for from in [Status::New, Status::Up, Status::Down, Status::Paused] {
        let mut log = in_status(from, |_| {});
        log.ping(PingKind::Start);
        assert_eq!((log.status(), log.live().runs, log.told().len()), (from, 1, 0), "{from}");
        log.until(620);
        let told = usize::from(from != Status::Down);
        assert_eq!((log.status(), log.told().len()), (Status::Down, told), "{from}");
    }
}

#[test]
fn the_status_table_for_log() {
    for from in [Status::New, Status::Up, Status::Down, Status::Paused] {
        let mut log = in_status(from, |_| {});
        let before = log.live();
        log.ping(PingKind::Log);
        let after = log.live();
        assert_eq!((after.status, after.pings, log.told().len()), (from, before.pings + 1, 0));
        assert_eq!(after.last_ping.map(|p| p.at_ms), before.last_ping.map(|p| p.at_ms));
    }
}

#[test]
fn exit_status_zero_is_a_success() {
    let mut log = in_status(Status::Down, |_| {});
    log.ping(PingKind::Exit(0));
    assert_eq!(log.told(), [(UP, Reason::Recovered, 5)]);
}

#[test]
fn a_paused_monitor_with_manual_resume_ignores_pings() {
    let mut log = in_status(Status::Paused, |p| p.manual_resume = true);
    log.success().ping(PingKind::Fail).ping(PingKind::Start);
    assert_eq!((log.status(), log.told().len(), log.live().runs), (Status::Paused, 0, 0));
    let ignored = log.effects.iter().filter(|e| matches!(e, Effect::Heard(h) if h.ignored == "paused")).count();
    assert_eq!(ignored, 3);
}

#[test]
fn a_get_to_a_post_only_monitor_is_stored_and_ignored() {
    let mut log = in_status(Status::New, |p| p.post_only = true);
    for (method, status) in [("GET", Status::New), ("HEAD", Status::New), ("POST", Status::Up)] {
        let details = Some(Box::new(PingDetails { method: method.into(), ..PingDetails::default() }));
        log.push(Body::Ping(Ping { details, ..ping(PingKind::Success) }));
        assert_eq!(log.status(), status, "{method}");
    }
}

#[test]
fn a_run_that_takes_too_long_is_timed_out_once() {
    let mut log = in_status(Status::Up, |p| p.max_runtime_secs = Some(100));
    log.ping(PingKind::Start).until(107);
    assert_eq!(log.told(), []);
    log.until(2_000);
    assert_eq!(log.told(), [(DOWN, Reason::TimedOut, 105)]);
    assert_eq!(log.last().run_started_ms, Some((super::log::START + 5) * 1000));
}

#[test]
fn without_max_runtime_a_run_has_the_grace() {
    let mut log = in_status(Status::Up, |_| {});
    log.ping(PingKind::Start).until(700);
    assert_eq!(log.told(), [(DOWN, Reason::TimedOut, 605)]);
}

#[test]
fn a_long_run_that_began_in_time_carries_its_slot() {
    let mut log = in_status(Status::Up, |p| p.max_runtime_secs = Some(7_200));
    log.until(3_600).ping(PingKind::Start);
    log.until(9_000);
    assert_eq!(log.told(), []);
    log.success().until(9_100);
    assert_eq!((log.status(), log.told().len()), (Status::Up, 0));
}

#[test]
fn every_open_run_is_watched_and_ended_by_its_own_id() {
    let mut log = in_status(Status::Up, |p| p.max_runtime_secs = Some(100));
    log.run_ping(PingKind::Start, 1).until(20);
    log.run_ping(PingKind::Start, 2).until(60);
    log.run_ping(PingKind::Success, 2);
    assert_eq!(log.live().runs, 1);
    assert_eq!(log.live().last_ping.unwrap().duration_ms, Some(40_000));
    log.until(108);
    assert_eq!(log.told(), [(DOWN, Reason::TimedOut, 105)]);
}

#[test]
fn a_finish_without_id_ends_the_newest_run() {
    let mut log = in_status(Status::Up, |_| {});
    log.run_ping(PingKind::Start, 1).until(20);
    log.run_ping(PingKind::Start, 2).until(50).success();
    assert_eq!((log.live().runs, log.live().last_ping.unwrap().duration_ms), (1, Some(30_000)));
    log.until(60).run_ping(PingKind::Success, 9);
    assert_eq!((log.live().runs, log.live().last_ping.unwrap().duration_ms), (1, None));
}

#[test]
fn a_start_that_its_own_finish_overtook_opens_no_run() {
    let mut log = in_status(Status::Up, |_| {});
    log.run_ping(PingKind::Success, 1).run_ping(PingKind::Start, 1);
    assert_eq!((log.live().runs, log.live().last_ping.unwrap().kind), (0, PingKind::Success));
    log.run_ping(PingKind::Start, 2);
    assert_eq!(log.live().runs, 1);
}

#[test]
fn a_finish_sent_again_with_its_run_id_has_one_effect() {
    let mut log = in_status(Status::Up, |_| {});
    log.edit(|policy| policy.failures_before_alert = 2);
    log.run_ping(PingKind::Fail, 1).run_ping(PingKind::Fail, 1);
    assert_eq!((log.status(), log.told().len()), (Status::Up, 0));
    log.run_ping(PingKind::Fail, 2);
    assert_eq!(log.status(), Status::Down);
}

#[test]
fn a_reported_duration_wins_over_a_measured_one() {
    let mut log = in_status(Status::Up, |_| {});
    log.ping(PingKind::Start).until(20);
    log.push(Body::Ping(Ping { duration_ms: Some(1_234), ..ping(PingKind::Success) }));
    assert_eq!(log.live().last_ping.unwrap().duration_ms, Some(1_234));
    let heard = log.effects.iter().rev().find_map(|e| if let Effect::Heard(h) = e { Some(h) } else { None });
    assert_eq!(heard.unwrap().ping.duration_ms, Some(1_234));
}

#[test]
fn open_runs_are_bounded_and_the_oldest_goes() {
    let mut log = in_status(Status::Up, |_| {});
    for run in 0..100 {
        log.run_ping(PingKind::Start, run);
    }
    assert_eq!(log.live().runs, 16);
    assert_eq!(log.notes().iter().filter(|n| matches!(n, Note::RunDropped { .. })).count(), 84);
}

#[test]
fn overlap_is_allowed_warned_of_or_failed() {
    let told = |overlap: Overlap| {
        let mut log = in_status(Status::Up, |p| p.overlap = overlap);
        log.run_ping(PingKind::Start, 1).until(10).run_ping(PingKind::Start, 2);
        (log.told(), log.status(), log.live().runs)
    };
    assert_eq!(told(Overlap::Allow), (vec![], Status::Up, 2));
    assert_eq!(told(Overlap::Warn), (vec![(WARNING, Reason::Overlap, 10)], Status::Up, 2));
    assert_eq!(told(Overlap::Fail), (vec![(DOWN, Reason::Overlap, 10)], Status::Down, 2));
}

#[test]
fn a_run_shorter_than_min_runtime_is_warned_of() {
    let mut log = in_status(Status::Up, |p| p.min_runtime_secs = Some(30));
    log.ping(PingKind::Start).until(15).success();
    assert_eq!((log.told(), log.status()), (vec![(WARNING, Reason::TooFast, 15)], Status::Up));
    log.until(20).ping(PingKind::Start).until(50).success();
    assert_eq!(log.told().len(), 1);
}

#[test]
fn a_failed_assertion_is_a_failure_that_says_what_was_found() {
    let assertions = |p: &mut Policy| {
        p.assertions = ["count >= 1", "error_count? == 0"].map(|a| Assertion::parse(a).unwrap()).to_vec();
    };
    let asserting = || {
        let mut log = in_status(Status::Up, |_| {});
        log.edit(assertions).effects.clear();
        log
    };
    let mut log = asserting();
    log.metric("count", 5.0);
    assert_eq!(log.told(), []);
    log.metric("count", 0.0);
    assert_eq!(log.told(), [(DOWN, Reason::AssertionFailed, 5)]);
    assert_eq!(log.last().detail, "count >= 1: count was 0");
    let mut log = asserting();
    log.success();
    assert_eq!(log.last().detail, "count >= 1: count was not reported");
}

#[test]
fn an_assertion_on_duration_uses_the_run_or_the_report() {
    let assertions = |p: &mut Policy| p.assertions = vec![Assertion::parse("duration < 1m").unwrap()];
    let mut log = in_status(Status::Up, |_| {});
    log.edit(assertions).ping(PingKind::Start).until(64).success();
    assert_eq!(log.told(), []);
    log.push(Body::Ping(Ping { duration_ms: Some(60_000), ..ping(PingKind::Success) }));
    assert_eq!(log.told(), [(DOWN, Reason::AssertionFailed, 64)]);
}

#[test]
fn successes_before_recovery_are_counted_in_a_row() {
    let mut log = in_status(Status::Down, |p| p.successes_before_recovery = 2);
    log.success().ping(PingKind::Fail).success();
    assert_eq!((log.status(), log.told().len()), (Status::Down, 0));
    log.success();
    assert_eq!((log.status(), log.told().len()), (Status::Up, 1));
}

#[test]
fn a_dead_token_and_an_unknown_monitor_change_nothing() {
    let mut log = in_status(Status::Up, |_| {});
    let pings = log.live().pings;
    log.push(Body::Ping(Ping { generation: Some(3), ..ping(PingKind::Fail) }));
    log.push(Body::Ping(Ping { monitor: MonitorId(42), ..ping(PingKind::Fail) }));
    assert_eq!((log.live().pings, log.told().len()), (pings, 0));
    assert_eq!(log.notes().len(), 2);
}

#[test]
fn a_repeated_record_counts_once() {
    let mut log = in_status(Status::Up, |_| {});
    log.ping(PingKind::Start);
    let mut again = log.records.last().unwrap().clone();
    again.offset += 1;
    let pings = log.live().pings;
    log.push_record(again);
    assert_eq!((log.live().pings, log.live().runs), (pings, 1));
    assert_eq!(log.notes(), [&Note::Repeated]);
}

#[test]
fn create_makes_a_monitor_once_and_says_which() {
    let mut log = Log::new();
    let create = || {
        Body::Ping(Ping {
            generation: None,
            create: Some(Box::new(config(Policy::daily()))),
            ..ping(PingKind::Success)
        })
    };
    log.push(create());
    assert_eq!((log.last_answer(), log.status()), (Some(&Answer::Created), Status::Up));
    log.push(create());
    assert_eq!((log.last_answer(), log.live().pings), (Some(&Answer::Found), 2));
    assert_eq!(log.engine.view(M).unwrap().config.policy.channels, [HOOK]);
}

#[test]
fn create_that_is_refused_creates_nothing() {
    let mut log = Log::new();
    let bad = config(Policy::every(Schedule::Period { seconds: 0 }, 0));
    log.push(Body::Ping(Ping { create: Some(Box::new(bad)), ..ping(PingKind::Success) }));
    assert_eq!(log.refused_field(), "period");
    assert!(log.engine.view(M).is_none());
}

#[test]
fn the_last_ping_keeps_its_run_and_metrics() {
    let mut log = in_status(Status::Up, |_| {});
    log.metric("count", 7.0);
    assert_eq!(log.live().last_ping.unwrap().metrics[0].value, 7.0);
    log.run_ping(PingKind::Success, 4);
    let last = log.live().last_ping.unwrap();
    assert_eq!((last.run, last.metrics.len()), (Some(RunId([4; 16])), 0));
    log.success();
    assert_eq!(log.live().last_ping.unwrap().run, None);
}
