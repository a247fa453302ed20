//! The evaluator on a real log and a real store, driven by a clock of the test's own.

mod feed;
mod rig;
mod shard;
