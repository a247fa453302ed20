//! The seeded simulator: the whole product in one process under virtual time, and somebody who breaks things.
//!
//! Real code of `domain`, `evaluator` and `notifier` runs over a simulated log, store, network, clock and providers,
//! which pass the suites that real ones pass. Ingest nodes, jobs, people and faults follow a plan that is drawn from a
//! seed; when it is over, every promise is asked of what happened.
//!
//! | module | does |
//! |---|---|
//! | `plan` | draws what happens |
//! | `world`, `nodes`, `ingest`, `jobs`, `office`, `provider`, `network`, `group`, `nemesis` | let it happen |
//! | `log`, `store`, `clock` | stand in for real ones |
//! | `facts`, `check` | ask what was promised |
//! | `shrink`, `report` | say what was broken, as little of it as shows it |
//!
//! | variable | effect |
//! |---|---|
//! | `QP_SEED=n` | one run, told in full when it breaks a promise |
//! | `QP_SEEDS=n` | so many runs instead of as many as fit in a minute |
//! | `QP_SIM_FROM=n` | the first seed |
//! | `QP_SIM_DAY=1` | runs of a day with 200 monitors |

mod check;
mod clock;
mod facts;
mod group;
mod history;
mod ingest;
mod jobs;
mod log;
mod nemesis;
mod network;
mod nodes;
mod office;
mod plan;
#[cfg(feature = "planted")]
mod planted;
mod provider;
mod report;
mod shrink;
mod store;
mod weather;
mod world;

use check::{Broken, check};
use plan::{Plan, Size};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a run without a number of seeds takes.
const BUDGET: Duration = Duration::from_secs(60);
const THREADS: usize = 2;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn size() -> Size {
    if std::env::var("QP_SIM_DAY").is_ok_and(|value| value == "1") { Size::DAY } else { Size::SHORT }
}

fn main() -> ExitCode {
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    if let Some(seed) = number("QP_SEED") {
        return one(seed);
    }
    #[cfg(feature = "planted")]
    if let Ok(wanted) = std::env::var("QP_PLANTED") {
        planted::search(&wanted);
        return ExitCode::SUCCESS;
    }
    let mut failures = Vec::new();
    failures.extend(same_seed_same_trace());
    let (runs, days, broken) = many();
    failures.extend(broken);
    let mut shown = 2;
    #[cfg(feature = "planted")]
    {
        let missed = planted::missed();
        println!(
            "planted bugs: {} of {} are found by their seeds",
            planted::BUGS.len() - missed.len(),
            planted::BUGS.len()
        );
        shown += planted::BUGS.len();
        failures.extend(missed);
    }
    for failure in &failures {
        println!("FAILED {failure}");
    }
    println!("{runs} runs, {days:.1} simulated days");
    let failed = failures.len();
    let passed = shown - failed.min(shown);
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("test result: {word}. {passed} passed; {failed} failed; 0 ignored; 0 measured; 0 filtered out");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The same seed twice, alone and beside others, gives the same trace to the byte. Asked before anything else: without
/// it no seed means anything.
fn same_seed_same_trace() -> Vec<String> {
    let traces = |threads: usize| -> Vec<[u8; 32]> {
        let results = Mutex::new(vec![[0; 32]; 6]);
        let next = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    loop {
                        let seed = next.fetch_add(1, Ordering::Relaxed);
                        if seed >= 6 {
                            return;
                        }
                        let trace = world::run(&Plan::draw(seed, Size::SHORT)).trace;
                        results.lock().expect("no panic")[seed as usize] = trace;
                    }
                });
            }
        });
        results.into_inner().expect("no panic")
    };
    let (alone, beside) = (traces(1), traces(THREADS));
    let differ = (0..6).filter(|seed| alone[*seed] != beside[*seed]);
    let found: Vec<String> = differ.map(|seed| format!("seed {seed} gives two traces")).collect();
    println!("determinism: {} of 6 seeds give one trace on 1 and on {THREADS} threads", 6 - found.len());
    found
}

/// Runs seeds until the budget is over.
fn many() -> (u64, f64, Vec<String>) {
    let (from, wanted, began) = (number("QP_SIM_FROM").unwrap_or(0), number("QP_SEEDS"), Instant::now());
    let (next, runs, failures) = (AtomicU64::new(from), AtomicU64::new(0), Mutex::new(Vec::new()));
    let size = size();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let is_over = match wanted {
                        Some(wanted) => seed >= from + wanted,
                        None => began.elapsed() >= BUDGET,
                    };
                    if is_over || failures.lock().expect("no panic").len() >= 5 {
                        return;
                    }
                    runs.fetch_add(1, Ordering::Relaxed);
                    if let Some(words) = judge(seed, size) {
                        failures.lock().expect("no panic").push(words);
                    }
                }
            });
        }
    });
    let runs = runs.into_inner();
    let days = runs as f64 * size.minutes as f64 / 1_440.0;
    println!("{:.0} runs a minute on {THREADS} threads", runs as f64 * 60.0 / began.elapsed().as_secs_f64());
    (runs, days, failures.into_inner().expect("no panic"))
}

/// A run, and what it broke.
fn judge(seed: u64, size: Size) -> Option<String> {
    let plan = Plan::draw(seed, size);
    let facts = world::run(&plan);
    let broken: Vec<Broken> = check(&facts);
    (!broken.is_empty()).then(|| report::report(&plan, &facts, &broken))
}

/// One seed, made as small as can be.
fn one(seed: u64) -> ExitCode {
    let plan = Plan::draw(seed, size());
    let facts = world::run(&plan);
    let broken = check(&facts);
    println!(
        "seed {seed}: {} records, {} transitions, {} deliveries, {} pings",
        facts.records.iter().map(Vec::len).sum::<usize>(),
        facts.transitions.len(),
        facts.deliveries.len(),
        facts.sent.len()
    );
    let Some(first) = broken.first() else { return ExitCode::SUCCESS };
    println!("{}", report::report(&plan, &facts, &broken));
    let smallest = shrink::shrink(&plan, first.promise);
    let facts = world::run(&smallest);
    let broken = check(&facts);
    println!("made smaller:\n{}", report::report(&smallest, &facts, &broken));
    println!("{:#?}", smallest.jobs);
    ExitCode::FAILURE
}
