//! The product's rules, pure: ids and tokens, schedules, pings, and the engine that judges silence.
//!
//! Nothing here reads a clock, rolls dice, iterates in hash order or touches the outside; `clippy.toml`
//! beside this crate enforces it. Time enters as the append time of records, ids are derived from causes.

pub mod assertion;
pub mod channel_rules;
pub mod codec;
pub mod command;
pub mod delivery;
pub mod duration;
pub mod egress;
pub mod engine;
pub mod field_error;
pub mod ids;
pub mod monitor;
pub mod ping;
pub mod planted;
pub mod record;
pub mod schedule;
pub mod time;
pub mod token;
#[cfg(test)]
mod token_properties;
pub mod transition;
