//! Every request leaves through here: guarded, bounded in time and size, and with errors that carry no URL.

mod client;
mod error;
mod resolver;
mod retry_after;

pub use client::Transport;
pub(crate) use client::{EgressClient, Outgoing, Reply};
pub use error::EgressError;
pub(crate) use error::io_words;
pub use resolver::{Lookup, SystemLookup};
pub(crate) use retry_after::retry_after_ms;
