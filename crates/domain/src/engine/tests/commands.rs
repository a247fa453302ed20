//! Edits have one order with pings, say what became of them, and never alert by themselves (invariant I9).

use super::Log;
use super::log::{M, config, ping};
use crate::command::{Action, Answer, Command, RefusalCode, Status};
use crate::engine::effects::Effect;
use crate::ids::{CommandId, TenantId, TransitionId};
use crate::monitor::Policy;
use crate::ping::{Ping, PingKind};
use crate::record::Body;
use crate::schedule::Schedule;
use crate::transition::{Reason, TransitionKind};

fn code(log: &Log) -> Option<RefusalCode> {
    match log.last_answer() {
        Some(Answer::Refused(refusal)) => Some(refusal.code),
        _ => None,
    }
}

#[test]
fn a_slug_is_made_once() {
    let mut log = Log::with_period(60, 30);
    log.command(Action::Create(Box::new(config(Policy::daily()))));
    assert_eq!(code(&log), Some(RefusalCode::AlreadyExists));
}

#[test]
fn an_update_needs_the_current_version_and_the_same_slug() {
    let mut log = Log::with_period(60, 30);
    log.command(Action::Update { config: Box::new(config(Policy::daily())), version: 9 });
    assert_eq!(code(&log), Some(RefusalCode::Aborted));
    let mut renamed = config(Policy::daily());
    renamed.identity.slug = "other".into();
    log.command(Action::Update { config: Box::new(renamed), version: 1 });
    assert_eq!((code(&log), log.refused_field()), (Some(RefusalCode::InvalidArgument), "slug"));
    log.command(Action::Update { config: Box::new(config(Policy::daily())), version: 1 });
    assert_eq!(log.engine.view(M).unwrap().version, 2);
}

#[test]
fn a_foreign_tenant_finds_nothing() {
    let mut log = Log::with_period(60, 30);
    for action in [Action::Delete, Action::Resume, Action::Pause { until_ms: None }, Action::RotateToken] {
        let id = CommandId([action_number(&action); 16]);
        log.push(Body::Command(Command { id, tenant: TenantId(2), monitor: M, actor: String::new(), action }));
        assert_eq!(code(&log), Some(RefusalCode::NotFound));
    }
}

fn action_number(action: &Action) -> u8 {
    match action {
        Action::Delete => 201,
        Action::Resume => 202,
        Action::RotateToken => 203,
        _ => 204,
    }
}

#[test]
fn repeating_a_command_is_harmless_and_gives_the_same_answer() {
    let mut log = Log::with_period(60, 30);
    let rotate = Command {
        id: CommandId([99; 16]),
        tenant: TenantId(1),
        monitor: M,
        actor: String::new(),
        action: Action::RotateToken,
    };
    log.push(Body::Command(rotate.clone())).push(Body::Command(rotate));
    assert_eq!(log.engine.view(M).unwrap().generation, 1);
    assert!(matches!(log.last_answer(), Some(Answer::Done(Some(view))) if view.generation == 1));
}

#[test]
fn a_paused_monitor_is_not_judged_and_resumes_as_new() {
    let mut log = Log::with_period(60, 30);
    log.until(1).success().command(Action::Pause { until_ms: None });
    log.until(1_000);
    assert_eq!((log.status(), log.told().len()), (Status::Paused, 0));
    log.command(Action::Resume).until(2_000);
    assert_eq!((log.status(), log.told().len(), log.live().last_ping), (Status::New, 0, None));
    log.command(Action::Resume);
    assert_eq!(code(&log), Some(RefusalCode::FailedPrecondition));
}

#[test]
fn a_pause_with_an_end_resumes_by_itself() {
    let mut log = Log::with_period(60, 30);
    log.until(1).success();
    let until = (super::log::START + 500) * 1000;
    log.command(Action::Pause { until_ms: Some(until) }).until(499);
    assert_eq!((log.status(), log.live().paused_until_ms), (Status::Paused, Some(until)));
    log.until(500);
    assert_eq!((log.status(), log.live().paused_until_ms), (Status::New, None));
    log.command(Action::Pause { until_ms: Some(until) });
    assert_eq!(log.refused_field(), "pause_for");
}

#[test]
fn a_deadline_that_passed_before_an_edit_is_judged_by_the_old_rules() {
    let mut log = Log::with_period(60, 30);
    log.until(1).success();
    log.ticking = false;
    log.until(200).edit(|policy| policy.grace_secs = 86_400);
    assert_eq!(log.told(), [(TransitionKind::Down, Reason::Missed, 91)]);
}

#[test]
fn a_longer_grace_before_the_deadline_counts() {
    let mut log = Log::with_period(60, 30);
    log.until(1).success();
    log.until(80).edit(|policy| policy.grace_secs = 300);
    log.until(300);
    assert_eq!((log.status(), log.told().len()), (Status::Late, 0));
}

#[test]
fn a_new_schedule_counts_from_the_last_finish_and_never_alerts_at_once() {
    let mut log = Log::with_period(3_600, 30);
    log.until(1).success();
    log.until(100).edit(|policy| policy.schedule = Schedule::Period { seconds: 200 });
    assert_eq!(log.live().next_expected_ms, Some((super::log::START + 201) * 1000));
    log.until(150).edit(|policy| policy.schedule = Schedule::Period { seconds: 5 });
    assert_eq!((log.told().len(), log.live().next_expected_ms), (0, Some((super::log::START + 155) * 1000)));
}

#[test]
fn a_deleted_monitor_is_gone_and_comes_back_with_another_token() {
    let mut log = Log::with_period(60, 30);
    log.until(1).success().command(Action::Delete);
    assert!(log.engine.view(M).is_none());
    assert!(log.effects.contains(&Effect::Revoke { tenant: TenantId(1), monitor: M, least_generation: 1 }));
    log.success().until(1_000);
    assert_eq!(log.told(), []);
    let create = Ping { generation: None, create: Some(Box::new(config(Policy::daily()))), ..ping(PingKind::Success) };
    log.push(Body::Ping(create));
    let view = log.engine.view(M).unwrap();
    assert_eq!((view.generation, view.live.pings, view.live.status), (1, 1, Status::Up));
    log.push(Body::Ping(ping(PingKind::Fail)));
    assert_eq!(log.engine.view(M).unwrap().live.status, Status::Up);
}

#[test]
fn token_generations_run_out_with_a_word() {
    let mut log = Log::with_period(60, 30);
    for _ in 0..62 {
        log.command(Action::RotateToken);
    }
    assert_eq!(log.engine.view(M).unwrap().generation, 62);
    log.command(Action::RotateToken);
    assert_eq!(code(&log), Some(RefusalCode::ResourceExhausted));
}

#[test]
fn only_an_open_incident_can_be_acknowledged() {
    let mut log = Log::with_period(60, 30);
    log.command(Action::Acknowledge { incident: TransitionId([1; 16]) });
    assert_eq!(code(&log), Some(RefusalCode::NotFound));
}
