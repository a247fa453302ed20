//! The one thread that writes: takes what is queued, commits it, tells everybody.
//!
//! It never waits for a fuller batch. While one commit is being synced the next batch gathers by itself, so
//! a slow disk makes batches larger and a quick one makes answers quicker.

use super::Shared;
use super::queue::Batch;
use super::retention::Retention;
use super::writer::{Committed, Writer};
use crate::ticket::BatchOutcome;
use crate::{AppendError, metric};
use domain::time::Clock;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use tracing::{error, info};

/// How long woken leaders have to wake the others before the committer does.
const LEADERS_TIME: Duration = Duration::from_millis(1);
/// A panic that repeats must not take the whole processor.
const AFTER_PANIC: Duration = Duration::from_millis(100);
/// At most one line a minute says that the log still cannot write.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

pub(super) struct Committer {
    pub shared: Arc<Shared>,
    pub writer: Writer,
    pub retention: Retention,
    pub clock: Arc<dyn Clock>,
    pub health: Health,
    /// The last outcome, whose waiters may not all have been woken.
    pub unswept: Option<Arc<BatchOutcome>>,
}

impl Committer {
    /// Until the queue is closed and empty. A panic costs the batch it struck, not the thread.
    pub fn run(mut self) {
        self.shared.queue.serve_here();
        loop {
            match catch_unwind(AssertUnwindSafe(|| self.turn())) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => {
                    error!("the log's committer panicked; its batch was not acknowledged");
                    thread::sleep(AFTER_PANIC);
                }
            }
        }
        // The file is closed before anybody hears that the log is.
        let Self { shared, writer, .. } = self;
        drop(writer);
        shared.tails.iter().for_each(|tail| tail.close());
        shared.finished.send_replace(true);
    }

    /// One batch, or one pause. False when there is nothing left to do, ever.
    fn turn(&mut self) -> bool {
        // Asked before the lanes are: what is found closed and then empty stays empty.
        let closing = self.shared.queue.is_closing();
        let batch = self.shared.queue.take().or_else(|| self.wait());
        let last = batch.is_none() && closing;
        if let Some(batch) = batch {
            self.commit(batch);
        }
        self.retain();
        !last
    }

    fn wait(&mut self) -> Option<Batch> {
        if self.unswept.is_some() {
            let batch = self.shared.queue.wait_and_take(LEADERS_TIME);
            self.sweep();
            return batch;
        }
        self.shared.queue.wait_and_take(self.retention.until_due())
    }

    fn commit(&mut self, batch: Batch) {
        let mut in_flight = InFlight {
            shared: self.shared.clone(),
            outcome: batch.outcome,
            records: batch.records,
            bytes: batch.bytes,
        };
        metric::set_queue_bytes(self.shared.queue.backlog_bytes());
        let started = Instant::now();
        // Taken after the batch was: no record is older by its own clock than the log says it is.
        let committed = self.writer.commit(batch.lanes, self.clock.now());
        self.sweep();
        match committed {
            Ok(committed) => {
                metric::observe_commit(batch.records, started.elapsed().as_secs_f64());
                self.acknowledge(&mut in_flight, committed);
            }
            Err(error) => self.health.note_failure(&error, batch.records),
        }
    }

    /// Readers first: who hears of a record can read it. Then room: who hears of it can append the next.
    fn acknowledge(&mut self, in_flight: &mut InFlight, committed: Committed) {
        for (shard, frame) in committed.rows {
            if let Some(tail) = self.shared.tails.get(usize::from(shard.0)) {
                tail.publish(frame);
            }
        }
        in_flight.make_room();
        in_flight.outcome.resolve_through_leaders(Ok(committed.starts));
        self.unswept = Some(in_flight.outcome.clone());
        self.health.note_success();
    }

    fn sweep(&mut self) {
        if let Some(outcome) = self.unswept.take() {
            outcome.wake_rest();
        }
    }

    fn retain(&mut self) {
        if !self.retention.until_due().is_zero() {
            return;
        }
        if let Err(error) = self.retention.step(&mut self.writer, &self.shared.tails, &*self.clock) {
            self.health.note_failure(&error, 0);
        }
    }
}

/// A batch between queue and outcome: whatever happens, its waiters hear something and its room is given back.
struct InFlight {
    shared: Arc<Shared>,
    outcome: Arc<BatchOutcome>,
    records: usize,
    bytes: usize,
}

impl InFlight {
    fn make_room(&mut self) {
        let (records, bytes) = (std::mem::take(&mut self.records), std::mem::take(&mut self.bytes));
        self.shared.queue.unreserve(records, bytes);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.make_room();
        self.outcome.resolve(Err(AppendError::Broken));
    }
}

/// Says once that writing fails, and once that it works again.
#[derive(Default)]
pub(super) struct Health {
    failing_since: Option<Instant>,
    complained: Option<Instant>,
}

impl Health {
    fn note_failure(&mut self, error: &rusqlite::Error, records: usize) {
        metric::count_broken_commit();
        self.failing_since.get_or_insert_with(Instant::now);
        if self.complained.is_none_or(|at| at.elapsed() >= COMPLAIN_EVERY) {
            self.complained = Some(Instant::now());
            error!(%error, records, "the log could not write; its records were not acknowledged");
        }
    }

    fn note_success(&mut self) {
        if let Some(since) = self.failing_since.take() {
            self.complained = None;
            info!(after_seconds = since.elapsed().as_secs(), "the log writes again");
        }
    }
}
