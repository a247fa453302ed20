//! Snapshots taken again and again, as an owner takes them: only what changed is written, in one format or the other,
//! as two releases that own a shard in turn would; and at any of them somebody may have to go on from the store.

use super::determinism::{step, tell};
use crate::engine::Engine;
use crate::engine::effects::Effect;
use crate::engine::snapshot::{Format, Manifest, Piece};
use crate::ids::ShardId;
use crate::record::{Params, Record};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A snapshot before a record of the log.
#[derive(Clone, Debug)]
struct Cut {
    at: prop::sample::Index,
    format: Format,
    /// Whether the owner dies after it, and another goes on from the store.
    handed_over: bool,
}

fn cut() -> impl Strategy<Value = Cut> {
    let format = prop_oneof![Just(Format::Plain), Just(Format::Checked)];
    (any::<prop::sample::Index>(), format, any::<bool>()).prop_map(|(at, format, handed_over)| Cut {
        at,
        format,
        handed_over,
    })
}

/// What the store holds of a shard.
#[derive(Default)]
struct Saved {
    manifest: Option<Vec<u8>>,
    pieces: BTreeMap<Piece, Vec<u8>>,
}

impl Saved {
    fn manifest(&self) -> Option<Manifest> {
        self.manifest.as_ref().map(|bytes| Manifest::decode(bytes).unwrap())
    }

    fn save(&mut self, engine: &mut Engine, format: Format) {
        let plan = engine.plan_snapshot(self.manifest().as_ref(), format);
        self.pieces.extend(plan.written);
        self.manifest = Some(plan.manifest.encode(format));
        plan.forgotten.iter().for_each(|piece| drop(self.pieces.remove(piece)));
        engine.snapshot_saved();
    }

    fn restore(&self) -> Engine {
        let manifest = self.manifest().unwrap();
        let pieces: Vec<_> = manifest.pieces.iter().map(|piece| self.pieces[piece].clone()).collect();
        Engine::restore(ShardId(0), &manifest, &pieces).unwrap()
    }

    fn formats(&self) -> (bool, bool) {
        let has = |number| self.pieces.values().any(|piece| piece[1] == number);
        (has(1), has(2))
    }
}

/// Goes through a log with snapshots on the way. The engine at the end, all effects, and whether a snapshot that was
/// gone on from held pieces of both formats.
fn go_through(records: &[Record], mut cuts: Vec<Cut>) -> (Engine, Vec<Effect>, bool) {
    cuts.sort_by_key(|cut| cut.at.index(records.len()));
    let (mut engine, mut effects) = (Engine::new(ShardId(0), Params::EMBEDDED), Vec::new());
    let (mut saved, mut mixed, mut done) = (Saved::default(), false, 0);
    for cut in cuts {
        let at = cut.at.index(records.len());
        records[done..at].iter().for_each(|record| engine.apply(record, &mut effects));
        done = at;
        saved.save(&mut engine, cut.format);
        if cut.handed_over {
            engine = saved.restore();
            mixed |= saved.formats() == (true, true);
        }
    }
    records[done..].iter().for_each(|record| engine.apply(record, &mut effects));
    (engine, effects, mixed)
}

fn assert_same(one: &Engine, other: &Engine) {
    for format in [Format::Plain, Format::Checked] {
        assert_eq!(one.plan_snapshot(None, format), other.plan_snapshot(None, format));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn i1_snapshots_in_any_formats_at_any_records_give_the_same_future(
        steps in prop::collection::vec(step(), 1..30),
        cuts in prop::collection::vec(cut(), 1..8),
    ) {
        let log = tell(&steps);
        let (engine, effects, _) = go_through(&log.records, cuts);
        prop_assert_eq!(effects, log.effects);
        assert_same(&engine, &log.engine);
    }

    #[test]
    fn i1_one_state_reads_back_the_same_from_both_formats(steps in prop::collection::vec(step(), 1..30)) {
        let log = tell(&steps);
        for format in [Format::Plain, Format::Checked] {
            let mut saved = Saved::default();
            saved.save(&mut log.engine.clone(), format);
            assert_same(&saved.restore(), &log.engine);
        }
    }

    /// Of the bytes of one format nothing passes as the other: only the number and the check differ.
    #[test]
    fn formats_are_not_taken_for_each_other(steps in prop::collection::vec(step(), 1..10), place: prop::sample::Index) {
        let log = tell(&steps);
        let plan = log.engine.plan_snapshot(None, Format::Plain);
        let mut pieces: Vec<_> = plan.written.into_iter().map(|(_, bytes)| bytes).collect();
        let place = place.index(pieces.len());
        pieces[place][1] = Format::Checked as u8;
        prop_assert!(Engine::restore(ShardId(0), &plan.manifest, &pieces).is_err());
        let plan = log.engine.plan_snapshot(None, Format::Checked);
        let mut pieces: Vec<_> = plan.written.into_iter().map(|(_, bytes)| bytes).collect();
        pieces[place][1] = Format::Plain as u8;
        let restored = Engine::restore(ShardId(0), &plan.manifest, &pieces);
        // A piece of policies says how many it holds and nobody asks for its end: what follows is not read.
        prop_assert!(restored.is_err() || place == 1, "piece {}", place);
    }
}

/// The property above must have met what it is about.
#[test]
fn cuts_between_two_formats_are_tried() {
    let mut log = super::Log::with_period(60, 30);
    log.until(30).success();
    let cut = |formats: [Format; 2]| {
        let mut saved = Saved::default();
        let mut engine = Engine::new(ShardId(0), Params::EMBEDDED);
        let middle = log.records.len() - 2;
        log.records[..middle].iter().for_each(|record| engine.apply(record, &mut Vec::new()));
        saved.save(&mut engine, formats[0]);
        log.records[middle..].iter().for_each(|record| engine.apply(record, &mut Vec::new()));
        saved.save(&mut engine, formats[1]);
        assert_same(&saved.restore(), &log.engine);
        saved.formats()
    };
    assert_eq!(cut([Format::Plain, Format::Checked]), (true, true));
    assert_eq!(cut([Format::Checked, Format::Plain]), (true, true));
}
