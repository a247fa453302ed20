//! What a log implies, worked out from the rules in docs/architecture.md (section "Time") and nothing else: a second,
//! naive opinion. It looks at every monitor at every record, keeps everything it ever saw, and has no line of the
//! engine's; what both share are the plain types of a record, and schedules, which have a slow twin of their own.
//!
//! - `clock`: the shard's time (rules 1, 3 and 8).
//! - `hearing`: when nobody could be heard (rules 4 and 6).
//! - `expect`: when work is expected, and how long its silence is forgiven (rule 9).
//! - `watch`: one monitor, from record to record (rules 2 and 5).
//! - [`Opinion`]: all monitors of a shard.
//! - [`differences`]: what the log implies against what was concluded.

mod clock;
mod compare;
mod expect;
mod hearing;
mod opinion;
mod watch;

pub use compare::{Difference, differences};
pub use hearing::Span;
pub use opinion::{Implied, Opinion};
