//! Faults under load on one cluster of real processes, real brokers and real databases; what was promised is checked
//! from outside, by what the topic, the store, the receiver of alerts and the clients know.
//!
//! | module | does |
//! |---|---|
//! | `load` | jobs that ping, fall silent, fail, run, are paused and edited |
//! | `history` | what clients and the receiver saw |
//! | `faults` | the slots: break, mend, wait, check |
//! | `nemesis` | packets that do not arrive |
//! | `checker` | reads everything and names every broken promise |
//!
//! `cargo test -p quietpulse-suites --features cluster --test chaos [part of a name]` performs each slot once, shortened,
//! in an order drawn from a seed; `make chaos MINUTES=60 SEED=1` performs them in full length until the time is over.
//!
//! | variable | effect |
//! |---|---|
//! | `QP_SEED=n` | a run again |
//! | `QP_CHAOS_MINUTES=n` | slot after slot for so long, instead of each once |
//! | `QP_LONG_CLUSTER=1` | full lengths, with `QP_CHAOS_MINUTES` only |
//! | `QP_CHAOS_JOBS=n` | so many jobs instead of 150 |
//! | `QP_CHAOS_FACTS=file` | only reads a `facts.json` that an earlier run kept |
//! | `QP_STRICT=1` | what could not be tried is a failure |

mod checker;
mod faults;
mod history;
mod load;
mod nemesis;

use std::process::ExitCode;
use suites::support::runner;
use suites::support::target::{self, Target};

fn main() -> ExitCode {
    target::choose(Target::Cluster);
    if let Some(file) = std::env::var_os("QP_CHAOS_FACTS") {
        return reread(file.as_ref());
    }
    if let Some(minutes) = std::env::var("QP_CHAOS_MINUTES").ok().and_then(|text| text.parse().ok()) {
        return faults::endure(minutes);
    }
    let modules = [checker::selftest::cases(), nemesis::selftest::cases(), faults::cases()];
    runner::run_in_turn(modules.into_iter().flatten().collect(), faults::end)
}

/// Checks what an earlier run kept.
fn reread(file: &std::path::Path) -> ExitCode {
    let text = std::fs::read(file).expect("a file of facts");
    let facts: checker::Facts = serde_json::from_slice(&text).expect("facts");
    let (violations, summary) = checker::check(&facts);
    violations.iter().for_each(|violation| println!("- {violation}"));
    println!("{summary}\n{} promises are broken", violations.len());
    if violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
