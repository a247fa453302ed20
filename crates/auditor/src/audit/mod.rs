//! Follows the log of a running installation, a few minutes behind, works out with the second opinion what it implies,
//! and holds that against the transitions in the store: both what nobody concluded and what nothing implies.
//!
//! - [`Judge`]: the rules, pure: which monitors are compared from where on, and what is a mismatch.
//! - `shard`, `comparing`: read one shard's log and the store, and ask the judge.
//! - `state`: where an auditor begins that cannot begin at the log's first record.
//! - [`Auditor`]: one task a shard.
//!
//! **Where it begins.** A log that still has its first record is judged from there, and everything is known. Otherwise
//! the last snapshot says which monitors there are, and nothing is believed of it but that, the shard's clock and the
//! numbers in force: when a monitor is expected, and what led there, is taken from its own pings. So a monitor is
//! compared from its first success on that comes after two minutes, in which repeats and set-back clocks show, and after
//! every run that was open at the snapshot must have ended; where `successes_before_recovery` asks for more than one
//! success, from that many in a row. Until then it counts in `auditor_unchecked_monitors`. After a mismatch a monitor is
//! compared again from its next success on: what follows from one difference is not another.
//!
//! **When it compares.** A stretch of log is judged when it is older than [`AuditorOptions::behind`] and a snapshot covers
//! it: a snapshot is saved after the rows it covers, so a verdict that is not there by then was not concluded.

mod auditor;
mod comparing;
mod judge;
mod shard;
mod standing;
mod state;

pub use auditor::{Auditor, AuditorDeps, AuditorOptions};
pub use judge::{Judge, Mismatch};
pub use state::Known;
