//! A monitor goes on in another installation's shard: same verdicts, same ids, nobody told twice.

use super::Log;
use super::log::{M, START};
use crate::command::{Action, Answer, AttemptResult, Status};
use crate::engine::Engine;
use crate::engine::adopt::Adopted;
use crate::engine::effects::Effect;
use crate::engine::snapshot::Format;
use crate::ids::TransitionId;
use crate::monitor::Policy;
use crate::ping::PingKind;
use crate::record::Body;
use crate::schedule::Schedule;
use crate::transition::{Reason, TransitionKind};

/// Ends judging in `old` and takes everything on in a new log at the same second.
fn move_on(old: &mut Log) -> Log {
    old.push(Body::Moved);
    let mut new = Log::new();
    new.now_ms = old.now_ms;
    new.push(Body::Boot).push(Body::Canary);
    for adopted in old.engine.leave() {
        assert_eq!(Adopted::decode(&adopted.encode()), Ok(adopted.clone()));
        new.push(Body::Adopt(Box::new(adopted)));
    }
    new
}

fn ids(log: &Log) -> Vec<TransitionId> {
    log.transitions().iter().map(|t| t.id).collect()
}

#[test]
fn silence_is_judged_by_the_new_side_only_and_under_the_same_id() {
    let mut stays = Log::with_period(60, 30);
    stays.until(1).success();
    let mut old = Log::with_period(60, 30);
    old.until(1).success();
    old.until(40);
    let mut new = move_on(&mut old);
    for log in [&mut stays, &mut old, &mut new] {
        log.until(200);
    }
    assert_eq!(new.told(), [(TransitionKind::Down, Reason::Missed, 91)]);
    assert_eq!((old.told(), ids(&new).last()), (vec![], ids(&stays).last()));
    new.success();
    assert_eq!(new.status(), Status::Up);
    assert_eq!(new.live().pings, 2);
}

#[test]
fn an_open_incident_keeps_its_id_and_its_unfinished_delivery() {
    let mut old = Log::with_period(60, 30);
    old.until(1).ping(PingKind::Fail);
    let (incident, offered) = (old.incident(), old.offers().last().copied());
    old.until(5).answer(AttemptResult::Retry { after_ms: None, error: "503".into() });
    let mut new = move_on(&mut old);
    assert_eq!((new.incident(), new.live().status), (incident, Status::Down));
    new.until(60);
    let again = new.offers().last().copied();
    assert_eq!(again.map(|(id, attempt)| (Some(id), attempt)), Some((offered.map(|(id, _)| id), 2)));
    new.answer(AttemptResult::Delivered);
    new.success();
    assert_eq!(new.last().incident.map(|of| of.id), Some(incident));
}

#[test]
fn runs_pauses_and_dead_tokens_go_along() {
    let policy = Policy { max_runtime_secs: Some(50), ..Policy::every(Schedule::Period { seconds: 3_600 }, 60) };
    let mut old = Log::with(policy);
    old.until(1).run_ping(PingKind::Start, 3);
    old.command(Action::RotateToken);
    let mut new = move_on(&mut old);
    assert_eq!(new.live().runs, 1);
    assert!(new.effects.iter().any(|e| matches!(e, Effect::Revoke { monitor: M, least_generation: 1, .. })));
    new.until(100);
    assert_eq!(new.told(), [(TransitionKind::Down, Reason::TimedOut, 51)]);

    let mut old = Log::with_period(60, 30);
    old.until(1).success();
    old.command(Action::Pause { until_ms: Some((START + 500) * 1000) });
    let mut new = move_on(&mut old);
    new.until(499);
    assert_eq!(new.status(), Status::Paused);
    new.until(501);
    assert_eq!(new.status(), Status::New);
}

#[test]
fn what_nobody_could_hear_before_the_move_is_not_missed_after_it() {
    let mut old = Log::with_cron("*/2 * * * *", "UTC", 30);
    old.until(121).success();
    old.until(230).outage_until(250);
    let mut new = move_on(&mut old);
    new.until(275);
    assert_eq!(new.told(), []);
}

#[test]
fn after_the_move_the_old_side_refuses_edits_and_stays_quiet_from_any_snapshot() {
    let mut old = Log::with_period(60, 30);
    old.until(1).ping(PingKind::Fail);
    old.push(Body::Moved);
    assert!(matches!(old.effects.last(), Some(Effect::Withdraw { .. })));
    let plan = old.engine.plan_snapshot(None, Format::Plain);
    let pieces: Vec<_> = plan.written.into_iter().map(|(_, bytes)| bytes).collect();
    old.engine = Engine::restore(old.engine.shard(), &plan.manifest, &pieces).unwrap();
    assert!(old.engine.has_moved());
    old.effects.clear();
    old.until(4_000).success();
    assert_eq!(old.effects, []);
    old.command(Action::Delete);
    assert!(matches!(old.last_answer(), Some(Answer::Refused(_))));
}

#[test]
fn a_monitor_that_was_sent_twice_is_taken_on_once() {
    let mut old = Log::with_period(60, 30);
    old.until(1).success();
    let adopted = old.engine.leave().next().unwrap();
    let mut new = move_on(&mut old);
    new.until(10).success();
    new.push(Body::Adopt(Box::new(adopted)));
    assert_eq!((new.engine.monitors(), new.live().pings), (1, 2));
}
