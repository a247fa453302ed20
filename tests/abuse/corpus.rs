//! Runs a target over its corpus. A panic names the file whose bytes it came from.

use super::targets::{TARGETS, Target};
use libtest_mimic::Failed;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// No input may take longer, even in a debug build.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often a slow one is tried: others may have had the cores.
const TRIES: usize = 3;
/// Changed copies of each seed.
const CHANGED: u64 = 24;
/// Seeds that a corpus must have.
const SEEDS_LEAST: usize = 10;

/// An input and where it comes from.
struct Case {
    name: String,
    bytes: Vec<u8>,
}

/// Runs a target over every file of its corpus, and over changed copies, the same in every run.
pub fn run((name, target): Target) -> Result<(), Failed> {
    let mut failures = Vec::new();
    for case in read(&folder(name))? {
        let changed = (0..CHANGED).map(|seed| change(&case, seed));
        for case in changed.collect::<Vec<_>>().iter().chain([&case]) {
            failures.extend(failure(target, case));
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n").into()) }
}

/// Every target has seeds, and every folder a target.
pub fn is_complete() -> Result<(), Failed> {
    let folders: BTreeSet<String> = fs::read_dir(root())?
        .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_, _>>()?;
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    if folders != targets {
        return Err(format!("targets {targets:?}, but folders {folders:?}").into());
    }
    for name in &targets {
        let seeds = read(&folder(name))?.len();
        let program = root().with_file_name("fuzz_targets").join(format!("{name}.rs"));
        if seeds < SEEDS_LEAST || !program.is_file() {
            return Err(format!("{name}: {seeds} seeds, {} is there: {}", program.display(), program.is_file()).into());
        }
    }
    Ok(())
}

/// The corpora.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

/// The corpus of a target.
pub fn folder(target: &str) -> PathBuf {
    root().join(target)
}

fn read(folder: &Path) -> Result<Vec<Case>, Failed> {
    let mut cases = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        cases.push(Case { name, bytes: fs::read(&path)? });
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(cases)
}

fn failure(target: fn(&[u8]), case: &Case) -> Option<String> {
    let mut took = Duration::MAX;
    for _ in 0..TRIES {
        let begin = Instant::now();
        if catch_unwind(AssertUnwindSafe(|| target(&case.bytes))).is_err() {
            return Some(format!("{} panicked, see above: {}", case.name, shown(&case.bytes)));
        }
        took = took.min(begin.elapsed());
        if took <= PATIENCE {
            return None;
        }
    }
    Some(format!("{} took {took:?}: {}", case.name, shown(&case.bytes)))
}

fn shown(bytes: &[u8]) -> String {
    let text: String = bytes.escape_ascii().take(1_000).map(char::from).collect();
    format!("b\"{text}\"")
}

/// A copy in which a bit is turned, a byte is another, a stretch is gone or doubled, or the end is cut off.
fn change(case: &Case, seed: u64) -> Case {
    let sum = case.bytes.iter().fold(seed, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
    let mut chance = StdRng::seed_from_u64(sum);
    let mut bytes = case.bytes.clone();
    for _ in 0..chance.random_range(1..4) {
        if bytes.is_empty() {
            break;
        }
        let (at, end) = stretch(bytes.len(), &mut chance);
        match chance.random_range(0..5) {
            0 => bytes[at] ^= 1 << chance.random_range(0..8),
            1 => bytes[at] = chance.random(),
            2 => drop(bytes.drain(at..end)),
            3 => bytes.extend_from_within(at..end),
            _ => bytes.truncate(at),
        }
    }
    Case { name: format!("{}, changed by {seed}", case.name), bytes }
}

fn stretch(length: usize, chance: &mut StdRng) -> (usize, usize) {
    let at = chance.random_range(0..length);
    (at, (at + chance.random_range(1..9)).min(length))
}
