//! What stands in the log. Nothing but records makes time pass, and what changes a verdict is a record.

use crate::command::{AttemptOutcome, Command};
use crate::engine::adopt::Adopted;
use crate::ids::ChannelId;
use crate::ping::Ping;
use crate::time::UnixMs;

/// One record of a shard's log, with the place and time the log gave it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Its place: offsets, not times, are order.
    pub offset: u64,
    /// The log's append time. It may step back.
    pub append: UnixMs,
    pub envelope: Envelope,
    pub body: Body,
}

/// Who wrote a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// One life of one process; drawn when it starts. Zero: written without sequence (ticks).
    pub producer: u64,
    /// Counts the producer's records of this shard from 1. A repeat is dropped, a gap counted.
    pub sequence: u64,
    /// The installation's name for the machine: the same across restarts.
    pub node: u64,
    /// A region; 0 where there is one.
    pub origin: u8,
    /// When the writer received it, by the writer's clock.
    pub received: UnixMs,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    Ping(Ping),
    /// An ingest proved that this shard can hear.
    Canary,
    /// The first record of an ingest that starts.
    Boot,
    /// An ingest did not take pings of this shard between two instants of its clock.
    Deaf {
        from: UnixMs,
        to: UnixMs,
    },
    /// The owner's heartbeat, once a second.
    Tick,
    Command(Command),
    Outcome(AttemptOutcome),
    /// The tenant or an operator switched a channel off or deleted it: its deliveries are closed.
    ChannelClosed {
        channel: ChannelId,
    },
    Params(Params),
    /// The monitors of this shard go on elsewhere: nothing is judged or told here any more.
    Moved,
    /// A monitor comes from elsewhere, with all that was known of it.
    Adopt(Box<Adopted>),
}

impl Body {
    /// Whether it was born in an ingest, and so proves that the shard could hear (rule 4 of time).
    pub fn is_evidence(&self) -> bool {
        matches!(self, Self::Ping(_) | Self::Canary | Self::Boot | Self::Deaf { .. })
    }
}

/// The numbers a verdict depends on (invariant I12): they count from their own record on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params {
    /// W: append timeout + skew bound, in milliseconds.
    pub w_ms: u32,
    /// C: the longest pause between evidence that still counts as hearing; at most W.
    pub c_ms: u32,
    /// The version of the engine's rules.
    pub rules: u32,
}

impl Params {
    /// One machine: append timeout 3 s, one clock.
    pub const EMBEDDED: Self = Self { w_ms: 3_000, c_ms: 3_000, rules: 1 };
    /// Kafka: append timeout 5 s, clocks within 1 s.
    pub const KAFKA: Self = Self { w_ms: 6_000, c_ms: 6_000, rules: 1 };
}
