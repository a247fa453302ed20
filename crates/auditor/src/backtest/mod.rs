//! What other settings would have concluded from the pings that came.
//!
//! - [`Story`]: what is known of the past: pings, pauses, stretches in which nobody could hear.
//! - [`mod@replay`]: the alerts that a configuration makes of it.
//! - [`past_alerts`]: those that were made.
//! - [`mod@suggest`]: a grace that would have spared people alerts which took care of themselves.
//!
//! The engine itself is asked, not the second opinion: the question is what this product would have done, to the
//! millisecond, and the engine's word is what counts then. Pure: rows in, alerts out.

mod alert;
mod replay;
mod story;
mod suggest;

pub use alert::{Alert, past_alerts};
pub use replay::replay;
pub use story::{PastPing, Story};
pub use suggest::{Suggestion, suggest};
