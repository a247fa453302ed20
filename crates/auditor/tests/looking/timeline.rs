//! The story of one monitor among others.

use crate::{Log, made, ping};
use auditor::timeline::{Asked, Event, Hearing, What, When, narrow, timeline};
use domain::ids::MonitorId;
use domain::ping::PingKind;
use domain::record::{Body, Params};
use domain::time::UnixMs;
use domain::transition::{Reason, TransitionKind};

fn asked(monitor: u64) -> Asked {
    Asked { monitor: MonitorId(monitor), from: 0, end: u64::MAX, deliveries: Vec::new() }
}

/// Monitor 1 goes silent after its second ping; monitor 2 goes on.
fn log() -> Log {
    let mut log = Log::default();
    log.at(0, Body::Boot);
    log.at(1, made(1, 60, 10));
    log.at(2, made(2, 60, 10));
    log.pass(3, 60);
    log.at(60, ping(1, PingKind::Success));
    log.at(61, ping(2, PingKind::Success));
    log.pass(62, 150);
    log
}

fn labels(events: &[Event]) -> Vec<&'static str> {
    events.iter().map(|event| event.what.label()).collect()
}

#[test]
fn it_tells_of_one_monitor_and_of_the_deadline_that_passed() {
    let log = log();
    let events = timeline(&log.0, asked(1), Params::EMBEDDED);
    assert_eq!(
        labels(&events),
        ["boot", "ping", "implied", "deadline", "ping", "deadline", "implied", "deadline"],
        "{events:?}"
    );
    let What::Implied(missed) = &events[6].what else { panic!("{events:?}") };
    assert_eq!((missed.kind, missed.reason), (TransitionKind::Down, Reason::Missed));
    assert_eq!(missed.deadline_ms, Some(130_000), "a minute and the grace after the second ping");
    // W later, at a tick.
    assert_eq!(events[6].append_ms, 133_000);
    let words = events[6].words(&When::in_zone("UTC"));
    assert!(words.contains("monitor.down (missed)") && words.contains("00:02:10Z"), "{words}");
}

#[test]
fn it_begins_and_ends_where_it_is_asked_to() {
    let log = log();
    let ping =
        log.0.iter().rposition(|record| matches!(&record.body, Body::Ping(ping) if ping.monitor.0 == 1)).unwrap();
    let asked = Asked { from: ping as u64, end: ping as u64 + 1, ..asked(1) };
    assert_eq!(labels(&timeline(&log.0, asked, Params::EMBEDDED)), ["ping", "deadline"]);
}

#[test]
fn without_the_beginning_no_deadline_is_made_up() {
    let log = log();
    let events = timeline(&log.0[3..], asked(1), Params::EMBEDDED);
    assert_eq!(labels(&events), ["ping"]);
}

#[test]
fn stretches_in_which_nobody_could_be_heard_are_named_with_their_end() {
    let mut log = log();
    log.only_ticks(150, 170);
    log.at(170, Body::Canary);
    log.at(171, Body::Deaf { from: UnixMs(140_000), to: UnixMs(145_000) });
    let events = timeline(&log.0, asked(2), Params::EMBEDDED);
    let blind: Vec<_> = events.iter().filter(|event| event.what.label() == "blind").collect();
    assert!(matches!(blind[0].what, What::Blind { from_ms: 149_000, to_ms: 170_000, .. }), "{blind:?}");
    assert!(events.iter().any(|event| matches!(event.what, What::Deaf { from_ms: 140_000, .. })));
}

#[test]
fn who_was_heard_in_a_stretch_and_where_nobody_was() {
    let mut log = log();
    log.only_ticks(150, 170);
    log.pass(170, 175);
    let heard = |from_ms: i64, to_ms: i64| {
        let mut hearing = Hearing::new(from_ms, to_ms, Params::EMBEDDED);
        log.0.iter().for_each(|record| hearing.read(record));
        hearing
    };
    let (calm, dark) = (heard(120_000, 130_000), heard(140_000, 160_000));
    assert_eq!((calm.nodes[&7].records, calm.gaps.len(), calm.reaches_beyond()), (11, 0, true));
    assert_eq!((dark.nodes[&7].records, &dark.gaps[..]), (10, &[(149_000, 170_000)][..]));
    assert!(!heard(170_000, 180_000).reaches_beyond());
    assert_eq!((calm.around, dark.around), ((Some(119_000), Some(131_000)), (Some(139_000), Some(170_000))));
    let between = heard(149_100, 149_200);
    assert_eq!((between.nodes.len(), between.gaps.len()), (0, 1));
    let words = dark.words(&When::in_zone("UTC")).join("\n");
    assert!(words.contains("nobody could be heard from 00:02:29Z to 00:02:50Z (21.0 s)"), "{words}");
}

#[test]
fn a_narrowed_log_proves_the_same_hearing_and_knows_one_monitor() {
    let log = log();
    let only = |monitor: u64| log.0.iter().map(move |record| narrow(record, |other| other.0 == monitor).into_owned());
    let narrowed: Vec<_> = only(1).collect();
    assert_eq!(narrowed.len(), log.0.len());
    let evidence = |records: &[domain::record::Record]| records.iter().filter(|one| one.body.is_evidence()).count();
    assert_eq!(evidence(&narrowed), evidence(&log.0));
    assert_eq!(timeline(&narrowed, asked(2), Params::EMBEDDED).len(), 1, "the boot");
    assert_eq!(timeline(&narrowed, asked(1), Params::EMBEDDED), timeline(&log.0, asked(1), Params::EMBEDDED));
}
