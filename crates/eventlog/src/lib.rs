//! The log: one ordered sequence of records per shard, durable before it says so.
//!
//! Everything the product knows passes through here. Two backends, one contract ([`EventLog`]), one
//! conformance suite ([`conformance`]) that both pass unchanged.

pub mod conformance;
pub mod embedded;
#[cfg(feature = "kafka")]
pub mod kafka;
mod metric;
pub mod placement;
pub mod producer;
#[cfg(feature = "kafka")]
mod slot;
pub mod ticket;

use async_trait::async_trait;
use bytes::Bytes;
use domain::ids::{ShardCount, ShardId};
use domain::time::UnixMs;
pub use ticket::AppendTicket;

/// The largest record a log takes, in bytes.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// A record's place and time, given by the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    pub offset: u64,
    pub append: UnixMs,
}

/// A record as it stands in the log; `wire::convert::log` reads the payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRecord {
    pub offset: u64,
    pub append: UnixMs,
    pub payload: Bytes,
}

/// What of a shard's log is there: offsets `first .. next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub first: u64,
    /// Where the next record will stand.
    pub next: u64,
}

/// Why a record was not acknowledged. After `TimedOut` and `Broken` it may still be in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    #[error("the log's queue is full")]
    Busy,
    #[error("the log did not acknowledge in time")]
    TimedOut,
    #[error("the log is closed")]
    Closed,
    #[error("the record is larger than the log takes")]
    TooLarge,
    #[error("the log could not write")]
    Broken,
}

/// Why reading stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The log no longer (or not yet) reaches there: stop loudly, never jump.
    #[error("offset {wanted} of shard {shard} is outside the log, which holds {first} .. {next}")]
    OutOfRange { shard: ShardId, wanted: u64, first: u64, next: u64 },
    #[error("the log could not be read: {0}")]
    Broken(String),
    #[error("the log is closed")]
    Closed,
}

/// The log of an installation.
///
/// - **Order**: one shard's records have one order, that of their offsets, which start at 0 and have no
///   holes within the retained range. Appends of one caller to one shard keep their order.
/// - **Durability**: a ticket resolves to `Ok` only when the record survives the loss of the process (and,
///   as far as the machine keeps its word on fsync, of power).
/// - **Time**: every record gets an append time by the log's own clock. It may step back.
/// - **Cancellation**: dropping a ticket does not take the record back.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// How many shards there are; fixed for the life of the installation.
    fn shards(&self) -> ShardCount;

    /// Queues one record. Never blocks: a full queue resolves to [`AppendError::Busy`].
    fn append(&self, shard: ShardId, payload: Vec<u8>) -> AppendTicket;

    /// A reader whose next record is `from`. Refused when the log does not reach back that far.
    async fn reader(&self, shard: ShardId, from: u64) -> Result<Box<dyn ShardReader>, ReadError>;

    /// What is there now.
    async fn bounds(&self, shard: ShardId) -> Result<Bounds, ReadError>;

    /// Records of `shard` below `offset` are no longer needed by any snapshot; retention may take them.
    async fn release(&self, shard: ShardId, below: u64);

    /// Takes no more appends, writes what is queued, and returns when that is durable.
    async fn close(&self);
}

/// Reads one shard in order.
#[async_trait]
pub trait ShardReader: Send {
    /// At least one record, at most `limit`, in order; waits when there is none yet. Safe to cancel: a
    /// record is lost to nobody, the next call gives it again.
    async fn next(&mut self, limit: usize) -> Result<Vec<RawRecord>, ReadError>;
}
