//! What the fetching thread sleeps on: rung by the client library when its queue fills, and by whoever wants something.

use parking_lot::{Condvar, Mutex};
use std::time::Duration;

#[derive(Default)]
pub(super) struct Signal {
    rung: Mutex<bool>,
    bell: Condvar,
}

impl Signal {
    pub fn ring(&self) {
        *self.rung.lock() = true;
        self.bell.notify_one();
    }

    /// Returns at once when it was rung since the last time.
    pub fn wait(&self, limit: Duration) {
        let mut rung = self.rung.lock();
        if !*rung {
            self.bell.wait_for(&mut rung, limit);
        }
        *rung = false;
    }
}
