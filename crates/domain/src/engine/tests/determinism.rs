//! Invariant I1: the same log gives the same bytes, from any snapshot; and ticks decide when, never whether.

use super::Log;
use super::log::{START, config, ping};
use crate::command::{Action, AttemptOutcome, AttemptResult, Command};
use crate::engine::Engine;
use crate::engine::effects::Effect;
use crate::engine::snapshot::{Format, Manifest};
use crate::ids::{CommandId, MonitorId, RunId, ShardId, TenantId, TransitionId};
use crate::monitor::Policy;
use crate::ping::{Metric, Ping, PingKind};
use crate::record::{Body, Params, Record};
use crate::schedule::Schedule;
use crate::time::UnixMs;
use crate::transition::TransitionKind;
use proptest::prelude::*;

const MONITORS: u64 = 4;

/// One step of a random story.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Wait(u16),
    Ping { monitor: u64, kind: u8, run: u8, late_ms: u16 },
    Outage(u16),
    Deaf(u16),
    Pause(u64),
    Resume(u64),
    Edit { monitor: u64, grace: u16 },
    Answer(u8),
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1u16..200).prop_map(Step::Wait),
        8 => (0..MONITORS, 0u8..6, 0u8..3, 0u16..4_000).prop_map(|(monitor, kind, run, late_ms)| Step::Ping { monitor, kind, run, late_ms }),
        1 => (1u16..400).prop_map(Step::Outage),
        1 => (1u16..60).prop_map(Step::Deaf),
        1 => (0..MONITORS).prop_map(Step::Pause),
        1 => (0..MONITORS).prop_map(Step::Resume),
        1 => (0..MONITORS, 0u16..100).prop_map(|(monitor, grace)| Step::Edit { monitor, grace }),
        2 => any::<u8>().prop_map(Step::Answer),
    ]
}

fn policies() -> [Policy; MONITORS as usize] {
    let mut counted = Policy::every(Schedule::Period { seconds: 45 }, 5);
    counted.failures_before_alert = 3;
    counted.successes_before_recovery = 2;
    let mut limited = Policy::every(Schedule::Period { seconds: 300 }, 60);
    limited.max_runtime_secs = Some(100);
    limited.first_ping_within_secs = Some(500);
    let cron = Policy::every(Schedule::cron("*/7 * * * *", "Europe/Berlin").unwrap(), 40);
    [Policy::every(Schedule::Period { seconds: 60 }, 30), counted, limited, cron]
}

fn monitor(n: u64) -> MonitorId {
    MonitorId(1_000 + n)
}

pub(super) fn tell(steps: &[Step]) -> Log {
    let mut log = Log::new();
    let mut commands = 0u32;
    let mut command = |log: &mut Log, n: u64, action: Action| {
        commands += 1;
        let mut id = [0; 16];
        id[..4].copy_from_slice(&commands.to_be_bytes());
        log.push(Body::Command(Command {
            id: CommandId(id),
            tenant: TenantId(1),
            monitor: monitor(n),
            actor: String::new(),
            action,
        }));
    };
    for (n, policy) in policies().into_iter().enumerate() {
        let mut config = config(policy);
        config.identity.slug = format!("m-{n}");
        command(&mut log, n as u64, Action::Create(Box::new(config)));
    }
    for step in steps {
        let now = log.now_ms / 1000;
        match step {
            Step::Wait(seconds) => drop(log.until(now + i64::from(*seconds))),
            Step::Ping { monitor: n, kind, run, late_ms } => {
                let kinds = [
                    PingKind::Success,
                    PingKind::Success,
                    PingKind::Start,
                    PingKind::Fail,
                    PingKind::Exit(3),
                    PingKind::Log,
                ];
                let run = (*run > 0).then_some(RunId([*run; 16]));
                let metrics = if run == Some(RunId([1; 16])) {
                    vec![Metric { name: "count".into(), value: 1.5 }]
                } else {
                    vec![]
                };
                let body = Body::Ping(Ping { monitor: monitor(*n), run, metrics, ..ping(kinds[usize::from(*kind)]) });
                log.push_late(body, i64::from(*late_ms));
            }
            Step::Outage(seconds) => drop(log.outage_until(now + i64::from(*seconds))),
            Step::Deaf(seconds) => {
                let to = UnixMs(START * 1000 + log.now_ms);
                log.push(Body::Deaf { from: to.plus_ms(-1000 * i64::from(*seconds)), to });
            }
            Step::Pause(n) => command(&mut log, *n, Action::Pause { until_ms: None }),
            Step::Resume(n) => command(&mut log, *n, Action::Resume),
            Step::Edit { monitor: n, grace } => {
                let view = log.engine.view(monitor(*n)).unwrap();
                let mut config = view.config;
                config.policy.grace_secs = u32::from(*grace);
                command(&mut log, *n, Action::Update { config: Box::new(config), version: view.version });
            }
            Step::Answer(which) => {
                let open: Vec<_> = log.engine.offered().map(|(d, attempt)| (d.id, attempt)).collect();
                if let Some((delivery, attempt)) = open.get(usize::from(*which) % open.len().max(1)).copied() {
                    let result = match which % 3 {
                        0 => AttemptResult::Delivered,
                        1 => AttemptResult::Retry { after_ms: None, error: "500".into() },
                        _ => AttemptResult::Failed { error: "gone".into() },
                    };
                    log.push(Body::Outcome(AttemptOutcome { delivery, attempt, result }));
                }
            }
        }
    }
    let now = log.now_ms / 1000;
    log.until(now + 1);
    log
}

fn replay(records: &[Record]) -> Vec<Effect> {
    let mut engine = Engine::new(ShardId(0), Params::EMBEDDED);
    let mut effects = Vec::new();
    records.iter().for_each(|record| engine.apply(record, &mut effects));
    effects
}

pub(super) fn restored(engine: &Engine) -> Engine {
    let plan = engine.plan_snapshot(None, Format::Plain);
    let manifest = Manifest::decode(&plan.manifest.encode(Format::Plain)).unwrap();
    let pieces: Vec<Vec<u8>> = plan.written.into_iter().map(|(_, bytes)| bytes).collect();
    Engine::restore(ShardId(0), &manifest, &pieces).unwrap()
}

/// The verdicts of a log: which transitions there are. Reminders and retractions depend on when they were
/// looked at and are left out.
fn verdicts(effects: &[Effect]) -> Vec<(TransitionId, TransitionKind)> {
    let mut found: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Transition(t) if t.retracts.is_none() => Some((t.id, t.kind)),
            _ => None,
        })
        .collect();
    found.sort();
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn i1_a_replay_gives_the_same_effects(steps in prop::collection::vec(step(), 1..40)) {
        let log = tell(&steps);
        prop_assert_eq!(replay(&log.records), log.effects);
    }

    #[test]
    fn i1_a_snapshot_at_any_record_gives_the_same_future(steps in prop::collection::vec(step(), 1..30), cut in any::<prop::sample::Index>()) {
        let log = tell(&steps);
        let cut = cut.index(log.records.len());
        let mut engine = Engine::new(ShardId(0), Params::EMBEDDED);
        let mut effects = Vec::new();
        log.records[..cut].iter().for_each(|record| engine.apply(record, &mut effects));
        let mut engine = restored(&engine);
        // A replay that begins too early changes nothing.
        log.records[cut.saturating_sub(5)..].iter().for_each(|record| engine.apply(record, &mut effects));
        prop_assert_eq!(effects, log.effects);
        let (again, whole) = (restored(&engine).plan_snapshot(None, Format::Plain), log.engine.plan_snapshot(None, Format::Plain));
        prop_assert_eq!(again.written, whole.written);
    }

    #[test]
    fn ticks_decide_when_and_never_whether(steps in prop::collection::vec(step(), 1..40)) {
        let log = tell(&steps);
        let last = log.records.len() - 1;
        let without: Vec<Record> = log.records.iter().enumerate()
            .filter(|(place, record)| *place == last || !matches!(record.body, Body::Tick))
            .map(|(_, record)| record.clone()).collect();
        prop_assert_eq!(verdicts(&replay(&without)), verdicts(&log.effects));
    }
}

#[test]
fn a_damaged_snapshot_is_refused() {
    let mut log = tell(&[Step::Ping { monitor: 0, kind: 0, run: 1, late_ms: 0 }, Step::Wait(200)]);
    log.until(1_000);
    let plan = log.engine.plan_snapshot(None, Format::Plain);
    let pieces: Vec<Vec<u8>> = plan.written.iter().map(|(_, bytes)| bytes.clone()).collect();
    for place in 0..pieces.len() {
        for cut in 0..pieces[place].len() {
            let mut damaged = pieces.clone();
            damaged[place].truncate(cut);
            assert!(Engine::restore(ShardId(0), &plan.manifest, &damaged).is_err(), "piece {place} cut at {cut}");
        }
    }
}

#[test]
fn only_what_changed_is_written_again() {
    let mut log = tell(&[Step::Wait(5)]);
    let first = log.engine.plan_snapshot(None, Format::Plain);
    log.engine.snapshot_saved();
    log.push(Body::Canary);
    let second = log.engine.plan_snapshot(Some(&first.manifest), Format::Plain);
    assert_eq!((first.written.len(), second.written.len(), second.forgotten.len()), (4, 1, 1));
    assert_eq!(second.manifest.pieces.len(), 4);
}

/// Two releases own a shard in turn: each reads what the other saved, piece by piece, and a flipped bit is found.
#[test]
fn a_snapshot_of_pieces_in_two_formats_reads_back_and_a_flipped_bit_does_not() {
    let mut log = Log::with_period(60, 30);
    log.until(1).success();
    let first = log.engine.plan_snapshot(None, Format::Plain);
    log.engine.snapshot_saved();
    log.until(2);
    let second = log.engine.plan_snapshot(Some(&first.manifest), Format::Checked);
    let written = |piece| {
        let all = second.written.iter().chain(&first.written);
        all.clone().find(|(of, _)| *of == piece).map(|(_, bytes)| bytes.clone()).unwrap()
    };
    let mut pieces: Vec<_> = second.manifest.pieces.iter().copied().map(written).collect();
    let formats: Vec<u8> = pieces.iter().map(|piece| piece[1]).collect();
    assert!(formats.contains(&1) && formats.contains(&2), "{formats:?}");
    let restored = Engine::restore(ShardId(0), &second.manifest, &pieces).unwrap();
    assert_eq!(restored.plan_snapshot(None, Format::Plain), log.engine.plan_snapshot(None, Format::Plain));
    for piece in pieces.iter_mut().filter(|piece| piece[1] == 2) {
        let middle = piece.len() / 2;
        piece[middle] ^= 1;
    }
    assert!(Engine::restore(ShardId(0), &second.manifest, &pieces).is_err());
}
