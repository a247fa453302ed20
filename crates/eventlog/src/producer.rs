//! Who a process is in the log: it numbers its records per shard, so that a repeat can be told from a
//! second ping, and a lost one leaves a gap that is counted.

use crate::{AppendTicket, EventLog};
use domain::ids::ShardId;
use domain::record::{Body, Envelope};
use domain::time::UnixMs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Appends records under one producer id. Cheap to clone; clones share the numbering.
#[derive(Clone)]
pub struct Producer {
    log: Arc<dyn EventLog>,
    identity: Envelope,
    sequences: Arc<[AtomicU64]>,
}

impl Producer {
    /// `producer` must be drawn anew for every life of the process; `node` is the same across restarts.
    pub fn new(log: Arc<dyn EventLog>, producer: u64, node: u64, origin: u8) -> Self {
        let sequences = log.shards().all().map(|_| AtomicU64::new(0)).collect();
        let identity = Envelope { producer, sequence: 0, node, origin, received: UnixMs(0) };
        Self { log, identity, sequences }
    }

    /// Appends `body`, received at `now` by the caller's clock.
    pub fn append(&self, shard: ShardId, body: &Body, now: UnixMs) -> AppendTicket {
        self.log.append(shard, self.numbered(shard, body, now))
    }

    /// The bytes of a record under its own number, for who may have to append it more than once: the repeats are
    /// known as such.
    pub fn numbered(&self, shard: ShardId, body: &Body, now: UnixMs) -> Vec<u8> {
        let sequence = self.sequences[usize::from(shard.0)].fetch_add(1, Ordering::Relaxed) + 1;
        let envelope = Envelope { sequence, received: now, ..self.identity };
        wire::convert::log::encode_record(&envelope, body)
    }

    /// Appends `body` without a number of its own (ticks: a repeat is harmless).
    pub fn append_unnumbered(&self, shard: ShardId, body: &Body, now: UnixMs) -> AppendTicket {
        let envelope = Envelope { producer: 0, received: now, ..self.identity };
        self.log.append(shard, wire::convert::log::encode_record(&envelope, body))
    }

    /// The log itself.
    pub fn log(&self) -> &Arc<dyn EventLog> {
        &self.log
    }
}
