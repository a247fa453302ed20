//! Waiting for a condition until a deadline. No case sleeps and hopes.

use std::time::Duration;
use tokio::time::{Instant, sleep};

const PAUSE: Duration = Duration::from_millis(50);

/// Asks `probe` until it gives something. Panics after `patience` and names `what`.
pub async fn until<T>(what: &str, patience: Duration, probe: impl AsyncFnMut() -> Option<T>) -> T {
    match within(patience, probe).await {
        Some(found) => found,
        None => panic!("waited {patience:?} in vain for: {what}"),
    }
}

/// Asks `probe` until it gives something or `patience` is over.
pub async fn within<T>(patience: Duration, mut probe: impl AsyncFnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = probe().await {
            return Some(found);
        }
        if Instant::now() >= deadline {
            return None;
        }
        sleep(PAUSE).await;
    }
}

/// Shows that `probe` stays true for `length`: for what must not happen there is nothing to wait for but time.
pub async fn holds(what: &str, length: Duration, mut probe: impl AsyncFnMut() -> bool) {
    let end = Instant::now() + length;
    while Instant::now() < end {
        assert!(probe().await, "did not hold: {what}");
        sleep(PAUSE).await;
    }
}

/// Seconds, for deadlines.
pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
