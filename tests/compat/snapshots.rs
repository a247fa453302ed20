//! Snapshots of a shard, in every format: a manifest and its pieces. They must read, be what the text says, and go on
//! as they would have gone on when they were taken.

use crate::frozen::{Entries, Kind, entries, is_freezing, suite};
use crate::story::{self, Log, SHARD};
use domain::command::AttemptResult;
use domain::engine::Engine;
use domain::engine::effects::Effect;
use domain::engine::snapshot::{Format, Manifest};

const NEWEST: u16 = 2;

pub const KIND: Kind = Kind {
    what: "snapshot",
    raise: "`Format` in crates/domain/src/engine/snapshot.rs, which says why a release must read a format before one writes it; \
            `NEWEST` and `written` in tests/compat/snapshots.rs",
    written: &[1, NEWEST],
    encode,
    means,
    read: Some(|entries, damaged| {
        let shard = SHARDS.into_iter().find(|shard| entries[damaged].0.starts_with(shard));
        drop(shard.map(|shard| restore(shard, entries)));
    }),
    alone: false,
    renumber: Some(|bytes, version| bytes[1] = version),
};

suite!(KIND);

/// The shards of a file: one with everything, one that has moved.
const SHARDS: [&str; 2] = ["everything", "moved"];

/// The frozen engines, written anew; before there are any, those of the story. What the engine makes of the story may
/// change from rules to rules, and is no matter of the format.
fn encode(version: u16) -> Entries {
    let format = Format::from_number(version).expect("the code knows what it writes");
    let frozen = entries(KIND.what, version);
    let engines = match &frozen {
        Some(entries) => SHARDS.map(|shard| restore(shard, entries).expect("a frozen snapshot reads").1),
        None => [story::everything(), story::moved()],
    };
    SHARDS.iter().zip(engines).flat_map(|(shard, engine)| pieces_of(shard, &engine, format)).collect()
}

fn pieces_of(shard: &str, engine: &Engine, format: Format) -> Entries {
    let plan = engine.plan_snapshot(None, format);
    let manifest = (format!("{shard}: manifest"), plan.manifest.encode(format));
    let pieces = plan.written.into_iter();
    let pieces = pieces.map(|(piece, bytes)| (format!("{shard}: kind {} index {}", piece.kind, piece.index), bytes));
    [manifest].into_iter().chain(pieces).collect()
}

fn restore(shard: &str, entries: &Entries) -> Result<(Manifest, Engine), String> {
    let mut of_shard = entries.iter().filter(|(name, _)| name.starts_with(shard)).map(|(_, bytes)| bytes);
    let manifest = of_shard.next().ok_or("no manifest")?;
    let manifest = Manifest::decode(manifest).map_err(|error| error.to_string())?;
    let pieces: Vec<_> = of_shard.cloned().collect();
    let engine = Engine::restore(SHARD, &manifest, &pieces).map_err(|error| error.to_string())?;
    Ok((manifest, engine))
}

fn means(entries: &Entries) -> Result<String, String> {
    let mut text = String::new();
    for shard in SHARDS {
        let (manifest, engine) = restore(shard, entries)?;
        text += &format!("== {shard}\n{manifest:#?}\n");
        text += &state_of(&engine);
        text += &future_of(engine);
    }
    Ok(text)
}

/// What can be asked of an engine.
fn state_of(engine: &Engine) -> String {
    let mut text = format!(
        "next offset {}, now {}, hlt {}, moved {}, {:?}\n",
        engine.next_offset(),
        engine.now_ms(),
        engine.hlt_us(),
        engine.has_moved(),
        engine.params()
    );
    engine.offered().for_each(|(row, attempt)| text += &format!("offered: attempt {attempt} of {row:?}\n"));
    engine.leave().for_each(|adopted| text += &format!("{adopted:#?}\n"));
    text
}

/// What the next minutes bring: two of them are waited for, then all attempts are answered, and ten more go by.
/// Under the rules that stand in its log an engine never decides otherwise (invariant I12), so this does not change.
fn future_of(engine: Engine) -> String {
    let second = 205;
    let mut log = Log::of(engine, second * 1000);
    log.until(second + 120);
    for monitor in (1..32).rev() {
        log.answer(monitor, &AttemptResult::Delivered);
    }
    log.until(second + 720);
    let told = log.effects.iter().filter_map(|effect| match effect {
        Effect::Transition(t) => {
            Some(format!("{} {} of {} at {}: {}", t.kind, t.reason, t.monitor, t.occurred_ms, t.id))
        }
        Effect::Offer { delivery, attempt } => Some(format!("attempt {attempt} of {delivery}")),
        _ => None,
    });
    told.fold(String::from("then:\n"), |text, line| text + &line + "\n")
}

/// The parts of an engine's `Debug` that are empty in the text of one that holds something everywhere.
fn empty_parts(engine: &Engine) -> Vec<String> {
    let text = format!("{engine:#?}");
    let empty = text.lines().filter(|line| line.ends_with(": {},") || line.ends_with(": [],"));
    // Scratch space, marks of what is not saved yet, free places, and lists within rows that are looked at elsewhere.
    let no_state = ["due", "hot", "config", "free", "tags", "channels", "assertions", "windows", "missing", "metrics"];
    let name = |line: &&str| line.trim().split(':').next().unwrap_or_default().to_owned();
    empty.map(|line| name(&line)).filter(|name| !no_state.contains(&name.as_str())).collect()
}

#[test]
fn the_frozen_engine_holds_something_everywhere() {
    for version in KIND.written {
        let entries = entries(KIND.what, *version).unwrap_or_else(|| encode(*version));
        let engine = restore("everything", &entries).unwrap().1;
        assert_eq!(empty_parts(&engine), Vec::<String>::new(), "version {version} holds nothing there");
        let text = format!("{engine:?}");
        let filled =
            ["missing: {", "windows: [Window", "metrics: [Metric", "contradictions: 1", "gathers_until: Some("];
        filled.into_iter().for_each(|part| assert!(text.contains(part), "no `{part}`"));
        assert!(restore("moved", &entries).unwrap().1.has_moved());
    }
}

#[test]
fn all_formats_hold_the_same_engine() {
    let all = KIND.written.iter().filter_map(|version| entries(KIND.what, *version));
    let plain =
        |entries: Entries| SHARDS.map(|shard| restore(shard, &entries).unwrap().1.plan_snapshot(None, Format::Plain));
    let plans: Vec<_> = all.map(plain).collect();
    // What is being frozen in this very run may be there only in part.
    assert!(is_freezing() || plans.len() == KIND.written.len(), "a snapshot is not frozen");
    plans.iter().for_each(|plan| assert_eq!(*plan, plans[0]));
}
