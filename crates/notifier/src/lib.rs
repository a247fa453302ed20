//! The last step of an alert: one attempt of one delivery through one channel, and an answer about it.
//!
//! A notifier finds and dials every evaluator, takes offers, makes the attempts and reports how they went. It holds no
//! state that matters: retries, order and terminal states are the engine's, so any notifier may die at any
//! time. What it adds is manners (bulkheads, breakers, rate limits) and a guard on where requests may go.

mod attempt;
mod channel;
mod egress;
mod feed;
#[doc(hidden)]
pub mod fuzzing;
mod metric;
mod notice;
mod notifier;
mod options;
mod readiness;
mod render;

pub use channel::log::{LogForm, LogSink, StdoutSink};
pub use egress::{EgressError, Lookup, SystemLookup, Transport};
pub use feed::{Dial, Offers, Outcomes};
pub use notifier::{Notifier, NotifierError, Parts};
pub use options::{NotifierDeps, NotifierOptions, SmtpOptions, SmtpTls};
pub use readiness::Readiness;
