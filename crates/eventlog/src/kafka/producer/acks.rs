//! Where delivery reports gather until the desk takes them all.

use crate::slot::Slot;
use crate::{AppendError, Appended};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::Duration;

/// What librdkafka says of one record.
pub(super) struct Report {
    pub slot: Arc<Slot>,
    pub outcome: Result<Appended, AppendError>,
    /// Of the producer that was asked.
    pub generation: u32,
}

/// One waker for a list of reports: the desk's thread is woken by the first that comes into an empty list.
#[derive(Default)]
pub(super) struct Acks {
    reports: Mutex<Vec<Report>>,
    desk: OnceLock<Thread>,
    rung: AtomicBool,
}

impl Acks {
    pub fn push(&self, report: Report) {
        let mut reports = self.reports.lock();
        reports.push(report);
        let first = reports.len() == 1;
        drop(reports);
        if first {
            self.desk.get().into_iter().for_each(Thread::unpark);
        }
    }

    /// Wakes the desk without a report.
    pub fn ring(&self) {
        self.rung.store(true, Ordering::SeqCst);
        self.desk.get().into_iter().for_each(Thread::unpark);
    }

    /// The calling thread is the desk's from now on.
    pub fn serve_here(&self) {
        let _ = self.desk.set(thread::current());
    }

    /// Moves all reports into `into`, which must be empty; waits up to `limit` when there are none.
    pub fn take(&self, into: &mut Vec<Report>, limit: Duration) {
        std::mem::swap(&mut *self.reports.lock(), into);
        if into.is_empty() && !self.rung.swap(false, Ordering::SeqCst) {
            thread::park_timeout(limit);
            std::mem::swap(&mut *self.reports.lock(), into);
        }
    }
}
