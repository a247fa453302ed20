//! The delivery feed: offers out to notifiers, outcomes in.
//!
//! The hub knows which attempts may be made now; it holds nothing that the engine does not know, so losing
//! it loses nothing. An offer that is not answered within its lease, or whose notifier goes away, is offered
//! again: attempts are at least once, the delivery's id tells receivers about repeats.

mod hub;
mod service;

pub use hub::FeedHub;
pub use service::{FeedService, Messages, Offers};
