//! Faults under load, one after another on one cluster. Each slot breaks something while jobs go on, mends it, waits
//! until the log is applied to its end, and lets the checker read everything from the beginning.
//!
//! The numbers are those of docs/faults.md. `scene` is the cluster with its load, `settle` what follows each slot,
//! `stage` the thread that all of it lives on.

mod database;
mod evaluators;
mod gather;
mod ingest;
mod kafka;
mod lag;
mod network;
mod notifiers;
mod sabotaged;
mod scene;
mod settle;
mod signals;
mod slot;
mod stage;
mod threats;
mod trap;

pub use slot::cases;
pub use stage::{end, endure};
