//! The judge over logs drawn from seeds: what the engine concludes is what it expects, whether it has read the log from
//! its first record or began in the middle with a snapshot, and what is taken away, added or changed is found.
//!
//! `QP_SEEDS=n` asks for more logs, `QP_SEED=n` for one of them.

#[path = "../story/draw.rs"]
mod draw;

use auditor::audit::{Judge, Known, Mismatch};
use domain::engine::Engine;
use domain::engine::effects::Effect;
use domain::ids::{MonitorId, ShardId};
use domain::record::{Params, Record};
use domain::transition::{Transition, TransitionKind};

const MOST: usize = 100;

/// What the engine concludes, and what an auditor would find in its snapshot at `middle`.
fn engine(log: &[Record], middle: usize) -> (Vec<Transition>, Known) {
    let mut engine = Engine::new(ShardId(0), Params::EMBEDDED);
    let (mut effects, mut concluded, mut known) = (Vec::new(), Vec::new(), Known::of(&engine));
    for (place, record) in log.iter().enumerate() {
        if place == middle {
            known = Known::of(&engine);
        }
        engine.apply(record, &mut effects);
        concluded.extend(effects.drain(..).filter_map(|effect| match effect {
            Effect::Transition(transition) => Some(*transition),
            _ => None,
        }));
    }
    (concluded, known)
}

/// Reads the log and compares every now and then, as a shard's audit does.
fn audit(judge: Judge, log: &[Record], stored: &[Transition]) -> (usize, Vec<Mismatch>) {
    let (checked, found, _) = audit_to_its_end(judge, log, stored);
    (checked, found)
}

/// The same with the offset behind the last record that was judged.
fn audit_to_its_end(mut judge: Judge, log: &[Record], stored: &[Transition]) -> (usize, Vec<Mismatch>, u64) {
    let (mut checked, mut found, mut end) = (0, Vec::new(), 0);
    for (place, record) in log.iter().enumerate() {
        if let Some((_, id)) = judge.acknowledged(record) {
            stored.iter().filter(|one| one.id == id).for_each(|one| judge.name(one));
        }
        judge.read(record);
        end = record.offset + 1;
        let is_over = judge.is_at_its_end().is_some();
        if place % 37 == 0 || place + 1 == log.len() || is_over {
            let open: Vec<_> = judge.open().map(|(monitor, ..)| monitor).collect();
            for monitor in open {
                let of_monitor: Vec<_> = stored.iter().filter(|one| one.monitor == monitor).cloned().collect();
                let (some, mismatch) = judge.compare(monitor, &of_monitor, i64::MIN);
                checked += some;
                found.extend(mismatch);
            }
        }
        if is_over {
            break;
        }
    }
    (checked, found, end)
}

fn seeds(default: u64) -> impl Iterator<Item = u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let one = number("QP_SEED");
    let end = one.map_or_else(|| number("QP_SEEDS").unwrap_or(default), |seed| seed + 1);
    one.unwrap_or(0)..end
}

#[test]
fn from_the_first_record_on_nothing_differs() {
    let (mut checked, mut logs) = (0, 0);
    for seed in seeds(12) {
        let log = draw::log(seed);
        let (concluded, _) = engine(&log, 0);
        let (some, found) = audit(Judge::from_the_start(Params::EMBEDDED, MOST), &log, &concluded);
        assert_eq!(found, [], "QP_SEED={seed}");
        (checked, logs) = (checked + some, logs + 1);
    }
    assert!(checked > logs * 20, "{checked} verdicts of {logs} logs are too few to show anything");
}

#[test]
fn from_the_middle_on_only_what_is_known_is_compared_and_nothing_differs() {
    let (mut checked, mut logs) = (0, 0);
    for seed in seeds(30) {
        let log = draw::log(seed);
        let middle = log.len() / 4 + (seed as usize * 97) % (log.len() / 2);
        let (concluded, known) = engine(&log, middle);
        assert_eq!(known.next_offset, log[middle - 1].offset + 1);
        let (some, found) = audit(Judge::from_the_middle(&known, MOST), &log[middle..], &concluded);
        assert_eq!(found, [], "QP_SEED={seed}, from record {middle}");
        (checked, logs) = (checked + some, logs + 1);
    }
    assert!(checked > logs * 3, "{checked} verdicts of {logs} logs are too few to show anything");
}

/// Three ways in which a store may be wrong, each found once, whatever follows from it.
#[test]
fn what_is_missing_forged_or_changed_is_found_once() {
    for seed in seeds(8) {
        let log = draw::log(seed);
        let (concluded, _) = engine(&log, 0);
        let judge = || Judge::from_the_start(Params::EMBEDDED, MOST);
        let (_, _, end) = audit_to_its_end(judge(), &log, &concluded);
        let is_judged = |one: &Transition| one.kind == TransitionKind::Down && one.offset < end;
        let Some(place) = concluded.iter().rposition(is_judged) else { continue };
        let monitor = concluded[place].monitor;
        for tamper in [removed, forged, changed] {
            let mut stored = concluded.clone();
            tamper(&mut stored, place);
            let (_, found) = audit(judge(), &log, &stored);
            let whose: Vec<MonitorId> = found.iter().map(|mismatch| mismatch.monitor).collect();
            assert_eq!(whose, [monitor], "QP_SEED={seed}: {found:?}");
            assert_eq!(found[0].offset, concluded[place].offset);
        }
    }
}

fn removed(stored: &mut Vec<Transition>, place: usize) {
    stored.remove(place);
}

/// A second verdict at the same record.
fn forged(stored: &mut Vec<Transition>, place: usize) {
    let mut twin = stored[place].clone();
    twin.id.0[0] ^= 0xff;
    twin.kind = TransitionKind::Unobserved;
    stored.push(twin);
}

#[allow(clippy::ptr_arg)] // As its siblings are.
fn changed(stored: &mut Vec<Transition>, place: usize) {
    stored[place].occurred_ms += 1_000;
}

#[test]
fn beyond_the_most_that_are_watched_nothing_is_compared() {
    let log = draw::log(3);
    let (concluded, _) = engine(&log, 0);
    let watched = |most| audit(Judge::from_the_start(Params::EMBEDDED, most), &log, &concluded);
    let (all, one, none) = (watched(MOST), watched(1), watched(0));
    assert!(all.0 > one.0 && one.0 > 0, "{} {}", all.0, one.0);
    assert_eq!((none.0, &one.1[..], &none.1[..]), (0, &[][..], &[][..]));
}
