//! What there is to say: the facts of an attempt, before any channel puts them into words.

use domain::ids::{ChannelId, DeliveryId, TenantId};
use domain::time::UnixMs;
use domain::transition::Transition;

/// One verdict, and the last lines its job printed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Item {
    pub transition: Transition,
    /// Any bytes.
    pub body_tail: Vec<u8>,
}

/// What one message is about.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Notice {
    /// One verdict, or several in a digest; never none.
    Alert(Vec<Item>),
    /// Somebody asked whether the channel works.
    Test { channel: String },
}

impl Notice {
    /// The `type` of the webhook's JSON.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Test { .. } => "channel.test",
            Self::Alert(items) => match items.as_slice() {
                [item] => item.transition.kind.word(),
                _ => "digest",
            },
        }
    }
}

/// A message on its way to one channel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Message<'a> {
    /// The idempotency key, the same on each attempt.
    pub delivery: DeliveryId,
    pub notice: &'a Notice,
    /// When this attempt is made.
    pub now: UnixMs,
    /// Where links lead, without a slash at the end.
    pub public_url: &'a str,
}

/// One attempt that an evaluator wants made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Job {
    pub delivery: DeliveryId,
    /// From 1.
    pub attempt: u32,
    pub tenant: TenantId,
    pub channel: ChannelId,
    pub notice: Notice,
}
