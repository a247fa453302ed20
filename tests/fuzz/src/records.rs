//! The log. A record's bytes are the whole input of one target; the other cuts its input into records and has an
//! engine apply them.

use super::input::{Input, assert_one_line};
use domain::engine::Engine;
use domain::engine::effects::Effect;
use domain::engine::snapshot::{Format, SnapshotPlan};
use domain::ids::ShardId;
use domain::monitor::MonitorConfig;
use domain::record::{Params, Record};
use domain::time::UnixMs;
use std::collections::BTreeSet;
use wire::convert::log::{config_from_wire, config_to_wire, decode_record, encode_record};

/// 2026-11-24T00:00:00Z, where every story begins.
const START_MS: i64 = 1_795_478_400_000;
/// Records of a story at most.
const RECORDS_MOST: usize = 256;

/// What decodes is written again as bytes that decode as the same.
pub fn log_record(data: &[u8]) {
    match decode_record(data) {
        Ok((envelope, body)) => {
            let bytes = encode_record(&envelope, &body);
            assert_eq!(decode_record(&bytes), Ok((envelope, body)));
        }
        Err(refused) => assert_one_line(&refused.to_string()),
    }
}

/// A configuration that the doors let in is written into a record and read out of it as the same.
pub(crate) fn assert_config_reads_back(config: &MonitorConfig) {
    assert_eq!(config_from_wire(config_to_wire(config)).as_ref(), Ok(config));
}

/// Records, whatever they say, leave an engine that goes on, that a snapshot brings back, and that comes to the same
/// conclusions when it was restarted in the middle (invariant I1). The input is one record after another: two bytes
/// that say by how much time passes, two with the length of the record, and its bytes.
pub fn log_story(data: &[u8]) {
    let records = story(Input::new(data));
    let (before, after) = records.split_at(records.len() / 2);
    let (mut engine, mut effects) = (Engine::new(ShardId(0), Params::EMBEDDED), Vec::new());
    before.iter().for_each(|record| engine.apply(record, &mut effects));
    let mut restarted =
        restore(engine.shard(), &engine.plan_snapshot(None, Format::Plain)).expect("a snapshot restores");
    let (mut told, mut told_again) = (Vec::new(), Vec::new());
    after.iter().for_each(|record| engine.apply(record, &mut told));
    after.iter().for_each(|record| restarted.apply(record, &mut told_again));
    if told != told_again {
        // As texts: a number that is none is not equal to itself.
        assert_eq!(format!("{told:?}"), format!("{told_again:?}"), "a restart makes a difference");
    }
    assert_eq!(engine.plan_snapshot(None, Format::Plain), restarted.plan_snapshot(None, Format::Plain));
    effects.append(&mut told);
    check_effects(&effects);
    assert_comes_back(&engine);
}

fn story(mut input: Input<'_>) -> Vec<Record> {
    let (mut records, mut now) = (Vec::new(), UnixMs(START_MS));
    while !input.is_over() && records.len() < RECORDS_MOST {
        now = now.plus_ms(passed_ms(input.u16()));
        let length = usize::from(input.u16());
        // What does not decode is set aside by the evaluator.
        if let Ok((envelope, body)) = decode_record(input.take(length)) {
            records.push(Record { offset: records.len() as u64, append: now, envelope, body });
        }
    }
    records
}

/// Milliseconds at the beginning, then seconds, then hours; the topmost bit turns time back.
fn passed_ms(code: u16) -> i64 {
    let ms = match code & 0x7fff {
        code @ ..0x4000 => i64::from(code),
        code @ 0x4000..0x6000 => i64::from(code - 0x4000) * 1_000,
        code => i64::from(code - 0x6000) * 3_600_000,
    };
    if code & 0x8000 == 0 { ms } else { -ms }
}

/// One id, one transition (invariant I3), and rows that can be stored.
fn check_effects(effects: &[Effect]) {
    let mut ids = BTreeSet::new();
    for effect in effects {
        if let Effect::Transition(transition) = effect {
            assert!(ids.insert(transition.id), "{} twice: {:?}", transition.id, transition.reason);
            super::store_cells::assert_cell_reads_back(&**transition);
        }
    }
}

/// A snapshot restores, and the one after that is the same byte by byte.
pub(crate) fn assert_comes_back(engine: &Engine) {
    for format in [Format::Plain, Format::Checked] {
        let first = engine.plan_snapshot(None, format);
        let restored = restore(engine.shard(), &first).expect("a snapshot restores");
        assert_eq!(restored.plan_snapshot(None, format), first);
    }
}

fn restore(shard: ShardId, plan: &SnapshotPlan) -> Option<Engine> {
    let pieces: Vec<Vec<u8>> = plan.written.iter().map(|(_, bytes)| bytes.clone()).collect();
    Engine::restore(shard, &plan.manifest, &pieces).ok()
}
