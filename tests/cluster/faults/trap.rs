//! The receiver of all alerts: it says yes to everything, and now and then so late that whoever asked is dead by then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use suites::support::peer::{Mode, Peer, Received};
use suites::support::runner::lock;

/// Time enough to kill whoever waits for the answer.
const LATE: Duration = Duration::from_secs(3);

/// Holds the next request.
#[derive(Default)]
pub struct Trap {
    is_set: AtomicBool,
    caught: Mutex<Vec<String>>,
}

impl Trap {
    /// A receiver with a trap in it.
    pub async fn listen() -> (Peer, Arc<Self>) {
        let trap = Arc::<Self>::default();
        let inside = Arc::clone(&trap);
        (Peer::listen(move |received| inside.judge(received)).await, trap)
    }

    /// The next request is answered late.
    pub fn set(&self) {
        self.is_set.store(true, Ordering::SeqCst);
    }

    /// The ids of the deliveries that were answered late, in the order in which they came.
    pub fn caught(&self) -> Vec<String> {
        lock(&self.caught).clone()
    }

    fn judge(&self, received: &Received) -> Mode {
        if !self.is_set.swap(false, Ordering::SeqCst) {
            return Mode::ok();
        }
        lock(&self.caught).push(received.header("webhook-id").to_owned());
        Mode::Late(LATE)
    }
}
