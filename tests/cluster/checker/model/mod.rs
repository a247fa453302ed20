//! What a log implies, worked out from the rules in docs/architecture.md (section "Time") and nothing else: a second,
//! naive opinion. Slow, simple, and without a line of the engine's.
//!
//! - `time`: the shard's clock (rules 1, 3 and 8).
//! - `hearing`: when nobody could be heard (rule 4).
//! - `watch`: one monitor, from record to record.
//! - `shard`: all monitors of a shard, record by record.
//! - `compare`: what the log implies against what was concluded.

mod compare;
mod hearing;
mod shard;
mod time;
mod watch;

pub use compare::check;
pub use shard::Opinion;
