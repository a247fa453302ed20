//! The engine against the second opinion, over logs drawn from seeds: everything a log may hold, in any order. Each seed
//! is a shard of a few monitors over a few hours, with late and repeated records, outages, deaf stretches, edits at the
//! worst moment, and a clock that jumps.
//!
//! `QP_SEEDS=n` asks for more logs, `QP_SEED=n` for one of them.

mod draw;

use auditor::model::{Difference, Opinion, differences};
use auditor::timeline::{Asked, When, timeline};
use domain::engine::Engine;
use domain::engine::effects::Effect;
use domain::ids::ShardId;
use domain::record::{Params, Record};
use domain::transition::Transition;

/// The engine keeps so many blind stretches apart; older ones it takes for one, which only puts verdicts off.
const WINDOWS: usize = 500;

/// Lines of a timeline at most.
const LINES: usize = 40;

fn transitions(log: &[Record]) -> Vec<Transition> {
    let mut engine = Engine::new(ShardId(0), Params::EMBEDDED);
    let (mut effects, mut concluded) = (Vec::new(), Vec::new());
    for record in log {
        engine.apply(record, &mut effects);
        concluded.extend(effects.drain(..).filter_map(|effect| match effect {
            Effect::Transition(transition) => Some(*transition),
            _ => None,
        }));
    }
    concluded
}

/// Where they part, in words, with what led there.
fn check(seed: u64) -> Result<usize, String> {
    let log = draw::log(seed);
    let concluded = transitions(&log);
    let mut opinion = Opinion::new(Params::EMBEDDED);
    concluded.iter().for_each(|one| opinion.name(one));
    let mut end = 0;
    for record in &log {
        opinion.read(record);
        end = record.offset + 1;
        if opinion.blind().count() > WINDOWS {
            break;
        }
    }
    let found = differences(&opinion, &concluded, 0, end);
    match found.iter().min_by_key(|one| one.offset) {
        None => Ok(concluded.len()),
        Some(first) => Err(format!("QP_SEED={seed}: {first}\n{}", told(&log, first))),
    }
}

/// The last of what concerns the monitor, up to where they part.
fn told(log: &[Record], parted: &Difference) -> String {
    let asked = Asked { monitor: parted.monitor, from: 0, end: parted.offset + 1, deliveries: vec![] };
    let (events, utc) = (timeline(log, asked, Params::EMBEDDED), When::in_zone("UTC"));
    let lines: Vec<String> = events.iter().rev().take(LINES).rev().map(|event| event.line(&utc)).collect();
    lines.join("\n")
}

#[test]
fn the_engine_concludes_what_the_log_implies() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("QP_SEED") {
        check(seed).unwrap_or_else(|parted| panic!("{parted}"));
        return;
    }
    let seeds = number("QP_SEEDS").unwrap_or(60);
    let (mut concluded, mut parted) = (0, Vec::new());
    for seed in 0..seeds {
        match check(seed) {
            Ok(count) => concluded += count,
            Err(words) => parted.push(words),
        }
    }
    let firsts: Vec<&str> = parted.iter().filter_map(|words| words.lines().next()).take(20).collect();
    assert!(parted.is_empty(), "{} of {seeds} logs part:\n{}\n{}", parted.len(), firsts.join("\n"), parted[0]);
    assert!(concluded as u64 > seeds * 20, "{concluded} transitions in {seeds} logs are too few to show anything");
}
