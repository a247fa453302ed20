//! The thread that settles: acknowledgements as they come, time-outs every 50 ms, and a new producer when the old one
//! is stuck.

use super::acks::Report;
use super::generation::Generation;
use super::stall::StallWatch;
use super::{Shared, metric};
use parking_lot::RwLockUpgradableReadGuard;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tracing::{error, info};

/// How often deadlines are looked at.
const SWEEP_EVERY: Duration = Duration::from_millis(50);
/// How long woken leaders have to wake the others before the desk does.
const LEADERS_TIME: Duration = Duration::from_millis(1);
/// A panic that repeats must not take the whole processor.
const AFTER_PANIC: Duration = Duration::from_millis(100);
/// No report succeeds for this many append timeouts while records wait: the producer is stuck.
const PATIENCE_TIMEOUTS: u32 = 2;
/// A producer that fails at once is not replaced more often than this.
const REPLACE_EVERY: Duration = Duration::from_secs(1);
/// Producers that are being taken down at the same moment; above, the present one is kept, stuck or not.
const MOST_RETIRING: usize = 4;

pub(super) struct Desk {
    shared: Arc<Shared>,
    reports: Vec<Report>,
    stall: StallWatch,
    swept: Instant,
    /// Leaders were woken and may not have passed it on.
    unswept: bool,
    /// When a new producer was last asked for.
    replaced: Option<Instant>,
    retiring: Arc<AtomicUsize>,
}

impl Desk {
    pub fn new(shared: Arc<Shared>) -> Self {
        let stall = StallWatch::new(shared.options.append_timeout * PATIENCE_TIMEOUTS);
        let (swept, replaced, retiring) = (Instant::now(), None, Arc::default());
        Self { shared, reports: Vec::new(), stall, swept, unswept: false, replaced, retiring }
    }

    /// Until the log is closed and nothing is open. A panic costs the reports it struck, which time out.
    pub fn run(mut self) {
        self.shared.acks.serve_here();
        while !self.shared.is_done() {
            if catch_unwind(AssertUnwindSafe(|| self.turn())).is_err() {
                error!("settling acknowledgements panicked; some are not passed on");
                thread::sleep(AFTER_PANIC);
            }
        }
        self.wake_rest();
        self.shared.finished.send_replace(true);
        let last = self.shared.current.write().take();
        drop(last);
    }

    fn turn(&mut self) {
        self.reports.clear();
        let limit = if self.unswept { LEADERS_TIME } else { SWEEP_EVERY };
        self.shared.acks.take(&mut self.reports, limit);
        if self.reports.is_empty() {
            self.wake_rest();
        }
        self.settle();
        self.sweep(Instant::now());
    }

    fn wake_rest(&mut self) {
        if std::mem::take(&mut self.unswept) {
            self.shared.board.wake_rest();
        }
    }

    fn settle(&mut self) {
        if self.reports.is_empty() {
            return;
        }
        let present = self.shared.current.read().as_ref().map(Generation::number);
        let succeeded = |report: &&Report| report.outcome.is_ok();
        let acknowledged = self.reports.iter().filter(succeeded).count();
        // A late report of a producer before says nothing about this one.
        if self.reports.iter().filter(succeeded).any(|report| Some(report.generation) == present) {
            self.stall.note_success();
        }
        let outcomes = self.reports.drain(..).map(|report| (report.slot, report.outcome));
        let settled = self.shared.board.settle(outcomes);
        self.shared.close_tickets(settled);
        self.unswept |= settled > 0;
        if acknowledged > 0 {
            metric::count_acknowledged(acknowledged);
        }
    }

    fn sweep(&mut self, now: Instant) {
        if now.saturating_duration_since(self.swept) < SWEEP_EVERY {
            return;
        }
        self.swept = now;
        self.unswept |= self.shared.time_out(now) > 0;
        let shared = self.shared.clone();
        let current = shared.current.upgradable_read();
        let Some(generation) = current.as_ref() else { return };
        let (records, bytes) = generation.waiting();
        metric::set_queue_records(records);
        metric::set_queue_bytes(bytes);
        if self.replaced.is_some_and(|at| now.saturating_duration_since(at) < REPLACE_EVERY) {
            return;
        }
        if let Some(reason) = generation.fatal_error() {
            error!(reason, waiting = records, "the producer cannot go on; a new one takes its place");
        } else if self.stall.is_stalled(records > 0, now) {
            let trouble = generation.last_trouble();
            error!(trouble, waiting = records, "no broker acknowledges; a new producer takes the old one's place");
        } else {
            return;
        }
        self.replaced = Some(now);
        self.replace(current);
    }

    /// Records with the old producer are reported as failed when it goes, those that timed out already.
    fn replace(&mut self, current: RwLockUpgradableReadGuard<'_, Option<Generation>>) {
        self.stall.note_replaced();
        let number = current.as_ref().map_or(0, Generation::number) + 1;
        if self.retiring.load(Ordering::SeqCst) >= MOST_RETIRING {
            error!(retiring = MOST_RETIRING, "producers given up before are still there: no new one is made");
            return;
        }
        match Generation::new(&self.shared.options, self.shared.acks.clone(), number) {
            Ok(new) => {
                let old = RwLockUpgradableReadGuard::upgrade(current).replace(new);
                metric::count_producer_recreated();
                info!(number, "there is a new producer");
                self.retire(old);
            }
            Err(error) => error!(%error, "no new producer could be made"),
        }
    }

    /// Taking a stuck producer down may take its time: not here.
    fn retire(&self, old: Option<Generation>) {
        let retiring = self.retiring.clone();
        retiring.fetch_add(1, Ordering::SeqCst);
        let spawned = thread::Builder::new().name("kafka-retire".to_owned()).spawn(move || {
            drop(old);
            retiring.fetch_sub(1, Ordering::SeqCst);
        });
        if let Err(error) = spawned {
            error!(%error, "no thread to take the old producer down on");
        }
    }
}
