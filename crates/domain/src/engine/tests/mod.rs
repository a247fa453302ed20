//! The engine, told as stories: a log is written second by second, and what it concludes is read back.

mod blind;
mod commands;
mod deliveries;
mod delivery_machine;
mod delivery_watch;
mod determinism;
mod log;
mod moving;
mod ping_rules;
mod silence;
mod snapshot_cuts;

pub(super) use log::Log;
