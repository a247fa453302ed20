//! Time in a run: it passes when nobody has anything to do.

use domain::time::{Clock, UnixMs};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::time::Instant;

/// A clock of one machine. Clones of the world's clock may be off.
pub struct SimClock {
    begin: Instant,
    begin_ms: i64,
    off_ms: AtomicI64,
}

impl SimClock {
    /// The right time. To be made within the runtime of the run.
    pub fn right(begin_ms: i64) -> Arc<Self> {
        Arc::new(Self { begin: Instant::now(), begin_ms, off_ms: AtomicI64::new(0) })
    }

    /// The same, off by so much.
    pub fn skewed(&self, off_ms: i64) -> Arc<Self> {
        Arc::new(Self { begin: self.begin, begin_ms: self.begin_ms, off_ms: AtomicI64::new(off_ms) })
    }
}

impl Clock for SimClock {
    fn now(&self) -> UnixMs {
        UnixMs(self.begin_ms + self.begin.elapsed().as_millis() as i64 + self.off_ms.load(Ordering::Relaxed))
    }
}
