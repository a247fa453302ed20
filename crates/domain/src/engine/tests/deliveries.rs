//! Deliveries: once each, in order, again when they fail, and to a terminal state (invariant I7).

use super::Log;
use super::log::{HOOK, M, START, config, ping};
use crate::command::{Action, AttemptOutcome, AttemptResult, Command, Status};
use crate::delivery::{Delivery, DeliveryState};
use crate::engine::effects::Effect;
use crate::engine::snapshot::Format;
use crate::ids::{ChannelId, CommandId, MonitorId, TenantId};
use crate::monitor::Policy;
use crate::ping::{Ping, PingKind};
use crate::record::Body;
use crate::schedule::Schedule;

fn down() -> Log {
    let mut log = Log::with_period(60, 30);
    log.until(1).ping(PingKind::Fail);
    log
}

fn retry(error: &str) -> AttemptResult {
    AttemptResult::Retry { after_ms: None, error: error.into() }
}

fn rows(log: &Log) -> Vec<&Delivery> {
    log.effects.iter().filter_map(|e| if let Effect::Delivery(d) = e { Some(&**d) } else { None }).collect()
}

fn states(log: &Log) -> Vec<DeliveryState> {
    rows(log).iter().map(|row| row.state).collect()
}

#[test]
fn an_alert_is_offered_at_once_and_closed_when_it_is_delivered() {
    let mut log = down();
    assert_eq!(log.offers().len(), 1);
    log.answer(AttemptResult::Delivered);
    assert_eq!(states(&log), [DeliveryState::Queued, DeliveryState::Offered, DeliveryState::Delivered]);
    assert_eq!(log.engine.open_deliveries().0, 0);
}

#[test]
fn nine_attempts_then_the_built_in_channel_says_it() {
    let mut log = down();
    for attempt in 1..=9 {
        assert_eq!(log.offers().last().unwrap().1, attempt);
        log.answer(retry("503"));
        if attempt < 9 {
            let due = rows(&log).last().unwrap().due_ms / 1000 - START;
            log.until(due + 1);
        }
    }
    let rows = rows(&log);
    let failed = rows.iter().find(|row| row.state == DeliveryState::Failed).unwrap();
    assert!(failed.error.contains("all 9 attempts"), "{}", failed.error);
    let fallback = rows.last().unwrap();
    assert_eq!((fallback.channel, fallback.state), (ChannelId::LOG, DeliveryState::Offered));
}

#[test]
fn nobody_hears_up_before_down() {
    let mut log = down();
    let (first, _) = log.offers()[0];
    log.success();
    assert_eq!((log.status(), log.offers().len()), (Status::Up, 1));
    log.push(Body::Outcome(AttemptOutcome { delivery: first, attempt: 1, result: AttemptResult::Delivered }));
    assert_eq!(log.offers().len(), 2);
}

#[test]
fn a_retry_that_a_later_state_made_pointless_is_closed_with_the_reason() {
    let mut log = down();
    let (first, _) = log.offers()[0];
    log.answer(retry("refused")).success();
    let closed = rows(&log).into_iter().find(|row| row.state == DeliveryState::Superseded).unwrap();
    assert_eq!((closed.id, closed.error.as_str()), (first, "superseded by a later state (monitor.up)"));
    assert_eq!(log.offers().len(), 2);
}

#[test]
fn a_failed_attempt_with_a_later_state_waiting_is_not_repeated() {
    let mut log = down();
    let (first, _) = log.offers()[0];
    log.success();
    log.push(Body::Outcome(AttemptOutcome { delivery: first, attempt: 1, result: retry("500") }));
    let closed = rows(&log).into_iter().find(|row| row.state == DeliveryState::Superseded).unwrap();
    assert_eq!(closed.id, first);
    assert_eq!(log.offers().len(), 2);
}

#[test]
fn an_answer_to_an_older_attempt_changes_nothing() {
    let mut log = down();
    let (id, _) = log.offers()[0];
    log.answer(retry("500")).until(10);
    assert_eq!(log.offers().last(), Some(&(id, 2)));
    log.push(Body::Outcome(AttemptOutcome { delivery: id, attempt: 1, result: AttemptResult::Delivered }));
    assert_eq!(log.engine.open_deliveries().0, 1);
}

#[test]
fn gone_switches_the_channel_off_and_says_it_elsewhere() {
    let mut log = down();
    log.answer(AttemptResult::Gone { error: "410".into() });
    assert!(log.effects.iter().any(|e| matches!(e, Effect::DisableChannel { channel: HOOK, .. })));
    assert_eq!(rows(&log).last().unwrap().channel, ChannelId::LOG);
}

#[test]
fn a_monitor_without_channels_tells_the_built_in_one() {
    let mut log = Log::new();
    let mut plain = config(Policy::daily());
    plain.policy.channels.clear();
    log.command(Action::Create(Box::new(plain))).ping(PingKind::Fail);
    assert_eq!(rows(&log).last().unwrap().channel, ChannelId::LOG);
}

#[test]
fn deleting_pausing_and_closing_the_channel_end_what_is_open() {
    for end in [Action::Delete, Action::Pause { until_ms: None }] {
        let mut log = down();
        log.command(end);
        assert_eq!((log.engine.open_deliveries().0, rows(&log).last().unwrap().state), (0, DeliveryState::Superseded));
    }
    let mut log = down();
    log.push(Body::ChannelClosed { channel: HOOK });
    assert_eq!(
        (log.engine.open_deliveries().0, rows(&log).last().unwrap().error.as_str()),
        (0, "the channel was deleted")
    );
}

#[test]
fn a_storm_becomes_digests_that_name_everybody_once() {
    let mut log = Log::new();
    for n in 0..250u64 {
        let mut one = config(Policy::every(Schedule::Period { seconds: 60 }, 0));
        one.identity.slug = format!("m-{n}");
        let mut id = [0; 16];
        id[..8].copy_from_slice(&n.to_be_bytes());
        let (id, monitor) = (CommandId(id), MonitorId(1_000 + n));
        let action = Action::Create(Box::new(one));
        log.push(Body::Command(Command { id, tenant: TenantId(1), monitor, actor: String::new(), action }));
        log.push(Body::Ping(Ping { monitor, ..ping(PingKind::Success) }));
    }
    log.effects.clear();
    log.until(63);
    assert_eq!(log.offers().len(), 10 + 2);
    log.until(75);
    assert_eq!(log.offers().len(), 13);
    let offered: Vec<_> = log.engine.offered().map(|(d, _)| d.transitions.len()).collect();
    assert_eq!(offered.iter().sum::<usize>(), 250);
    assert_eq!(offered.iter().max(), Some(&100));
}

#[test]
fn up_waits_for_the_digest_that_holds_its_down() {
    let mut log = Log::new();
    for n in 0..12u64 {
        let mut one = config(Policy::every(Schedule::Period { seconds: 60 }, 0));
        one.identity.slug = format!("m-{n}");
        let (id, monitor) = (CommandId([n as u8 + 1; 16]), MonitorId(1_000 + n));
        let action = Action::Create(Box::new(one));
        log.push(Body::Command(Command { id, tenant: TenantId(1), monitor, actor: String::new(), action }));
        log.push(Body::Ping(Ping { monitor, ..ping(PingKind::Fail) }));
    }
    assert_eq!(log.offers().len(), 10);
    log.push(Body::Ping(Ping { monitor: MonitorId(1_011), ..ping(PingKind::Success) }));
    log.until(30);
    let digest =
        log.offers().into_iter().map(|(id, _)| id).find(|id| log.engine.delivery(*id).unwrap().transitions.len() > 1);
    assert!(digest.is_some());
    assert_eq!(log.engine.view(MonitorId(1_011)).unwrap().live.status, Status::Up);
    assert!(log.engine.view(M).is_none());
}

#[test]
fn a_clock_that_is_set_back_takes_waiting_retries_with_it() {
    let mut log = down();
    log.until(1_000);
    // A broker with a wrong date: the attempt fails a year ahead, the retry is due there.
    log.now_ms += 31_536_000_000;
    log.answer(retry("500"));
    log.now_ms -= 31_536_000_000;
    for second in 1_001..1_031 {
        log.until(second);
    }
    let (offered, again) = (log.offers().len(), crate::engine::tests::determinism::restored(&log.engine));
    assert_eq!((offered, again.open_deliveries().0), (2, 1));
    let (before, after) =
        (log.engine.plan_snapshot(None, Format::Plain).written, again.plan_snapshot(None, Format::Plain).written);
    assert_eq!(before, after);
}
