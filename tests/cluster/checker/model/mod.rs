//! What the logs imply, by the second opinion of `crates/auditor`, against what was concluded.
//!
//! - `record`: the facts' entries as records of the log.
//! - `compare`: where what was concluded parts from what the log implies, and which promise that breaks.

mod compare;
mod record;

pub use compare::check;
