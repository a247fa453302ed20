//! The appending side: one librdkafka producer per process, acknowledged in batches.
//!
//! An append copies its record into librdkafka's queue and leaves a [`Slot`] behind. Delivery reports gather in a list
//! ([`acks`]); one thread ([`desk`]) settles them together, keeps the time ([`deadlines`]) and replaces a producer that
//! has lost its brokers for good ([`stall`], [`generation`]).
//!
//! The answer is decided by the clock here, not by librdkafka, which looks at its time-outs once a second: a ticket is
//! `TimedOut` after the append timeout, and an acknowledgement that comes later is dropped. The record is in the log
//! all the same, and so may be one that librdkafka reports as failed.

mod acks;
mod deadlines;
mod desk;
mod generation;
mod stall;

use super::{KafkaOptions, OpenError};
use crate::slot::{Board, Slot};
use crate::{AppendError, AppendTicket, MAX_RECORD_BYTES, metric};
use acks::Acks;
use deadlines::Deadlines;
use desk::Desk;
use domain::ids::{ShardCount, ShardId};
pub(super) use generation::Generation;
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;
use tokio::sync::watch;

/// Takes records for the brokers.
pub(super) struct Appender {
    shared: Arc<Shared>,
}

/// What appends and the desk have in common.
struct Shared {
    options: KafkaOptions,
    shards: ShardCount,
    board: Arc<Board>,
    acks: Arc<Acks>,
    deadlines: Deadlines,
    /// None once the last producer is gone.
    current: RwLock<Option<Generation>>,
    /// Tickets without an outcome.
    open: AtomicUsize,
    closing: AtomicBool,
    /// All that was queued has its outcome, and nothing will be queued any more.
    finished: watch::Sender<bool>,
}

impl Appender {
    /// The first producer. Nothing is sent, but librdkafka fetches its producer id, which takes it half a second.
    pub fn connect(options: &KafkaOptions) -> Result<Generation, OpenError> {
        Generation::new(options, Arc::default(), 0)
    }

    pub fn start(first: Generation, options: &KafkaOptions, shards: ShardCount) -> Result<Self, OpenError> {
        let shared = Arc::new(Shared {
            options: options.clone(),
            shards,
            board: Arc::default(),
            acks: first.acks(),
            deadlines: Deadlines::default(),
            current: RwLock::new(Some(first)),
            open: AtomicUsize::new(0),
            closing: AtomicBool::new(false),
            finished: watch::Sender::new(false),
        });
        let desk = Desk::new(shared.clone());
        thread::Builder::new().name("kafka-acks".to_owned()).spawn(move || desk.run())?;
        Ok(Self { shared })
    }

    /// Queues a record. Never blocks.
    pub fn append(&self, shard: ShardId, payload: &[u8]) -> AppendTicket {
        self.shared.append(shard, payload).unwrap_or_else(|error| AppendTicket::ready(Err(error)))
    }

    /// Takes no more records, and returns when all that were taken have their outcome: within the append timeout.
    pub async fn close(&self) {
        self.shared.close();
        let mut finished = self.shared.finished.subscribe();
        // The sender lives in `shared`: waiting cannot fail.
        let _ = finished.wait_for(|finished| *finished).await;
    }
}

impl Drop for Appender {
    /// What is queued is still sent; the desk goes when it has its outcome.
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl Shared {
    fn append(&self, shard: ShardId, payload: &[u8]) -> Result<AppendTicket, AppendError> {
        if payload.len() > MAX_RECORD_BYTES {
            return Err(AppendError::TooLarge);
        }
        if shard.0 >= self.shards.get() {
            return Err(AppendError::Broken);
        }
        // Counted before `closing` is looked at: whoever closes either sees this ticket or is seen here.
        self.open.fetch_add(1, Ordering::SeqCst);
        self.send(shard, payload).inspect_err(|_| self.close_tickets(1))
    }

    fn send(&self, shard: ShardId, payload: &[u8]) -> Result<AppendTicket, AppendError> {
        if self.closing.load(Ordering::SeqCst) {
            return Err(AppendError::Closed);
        }
        let slot = Slot::new(&self.board, payload.len());
        let current = self.current.read();
        let generation = current.as_ref().ok_or(AppendError::Closed)?;
        generation.send(&self.options.topic, shard, payload, slot.clone())?;
        drop(current);
        self.deadlines.push(Instant::now() + self.options.append_timeout, slot.clone());
        Ok(AppendTicket::slot(slot))
    }

    fn close_tickets(&self, count: usize) {
        self.open.fetch_sub(count, Ordering::SeqCst);
    }

    fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.acks.ring();
    }

    /// Nothing is open, and nothing will be.
    fn is_done(&self) -> bool {
        self.closing.load(Ordering::SeqCst) && self.open.load(Ordering::SeqCst) == 0
    }

    /// How many timed out.
    fn time_out(&self, now: Instant) -> usize {
        let overdue = self.deadlines.overdue(now);
        let timed_out = self.board.settle(overdue.into_iter().map(|slot| (slot, Err(AppendError::TimedOut))));
        self.close_tickets(timed_out);
        if timed_out > 0 {
            metric::count_timed_out(timed_out);
        }
        timed_out
    }
}

#[cfg(test)]
mod tests;
