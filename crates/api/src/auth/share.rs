//! What one key may use of the server: so many calls at once, so many a second. One tenant's script that runs
//! wild is refused before it costs the others anything.

use crate::refusal::exhausted;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tonic::Status;

/// Entries above this are looked through for idle ones.
const KEYS_MOST: usize = 10_000;

/// The shares of all keys.
pub(crate) struct Shares {
    at_once: usize,
    per_second: u32,
    keys: Mutex<HashMap<String, Key>>,
}

struct Key {
    calls: Arc<Semaphore>,
    allowance: f64,
    counted_at: Instant,
}

/// A call's place; it is free again when this is dropped.
pub(crate) struct Share(#[allow(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

impl Shares {
    pub fn new(at_once: usize, per_second: u32) -> Self {
        Self { at_once, per_second: per_second.max(1), keys: Mutex::default() }
    }

    /// A place for one call under the key `prefix`, or `RESOURCE_EXHAUSTED`.
    pub fn take(&self, prefix: &str) -> Result<Share, Status> {
        let (at_once, rate) = (self.at_once, f64::from(self.per_second));
        let mut keys = self.keys.lock();
        if keys.len() >= KEYS_MOST {
            keys.retain(|_, key| key.calls.available_permits() < at_once || key.allowance < rate);
        }
        let new = || Key { calls: Arc::new(Semaphore::new(at_once)), allowance: rate, counted_at: Instant::now() };
        let key = keys.entry(prefix.to_owned()).or_insert_with(new);
        let Ok(place) = key.calls.clone().try_acquire_owned() else {
            return Err(exhausted("too many calls at once under this key", None));
        };
        key.spend(rate)?;
        Ok(Share(place))
    }
}

impl Key {
    /// One call out of an allowance that grows by `rate` a second, up to one second's worth.
    fn spend(&mut self, rate: f64) -> Result<(), Status> {
        let now = Instant::now();
        let grown = now.duration_since(self.counted_at).as_secs_f64() * rate;
        (self.allowance, self.counted_at) = ((self.allowance + grown).min(rate), now);
        if self.allowance < 1.0 {
            let wait = Duration::from_secs_f64((1.0 - self.allowance) / rate);
            return Err(exhausted("too many calls a second under this key", Some(wait)));
        }
        self.allowance -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic::Code;

    #[tokio::test(start_paused = true)]
    async fn a_key_has_so_many_places_and_gets_them_back() {
        let shares = Shares::new(2, 1_000);
        let first = shares.take("a").unwrap();
        let _second = shares.take("a").unwrap();
        assert_eq!(shares.take("a").map(drop).unwrap_err().code(), Code::ResourceExhausted);
        shares.take("b").map(drop).unwrap();
        drop(first);
        shares.take("a").map(drop).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_one_second_of_the_rate() {
        let shares = Shares::new(100, 10);
        let taken = |n: usize| (0..n).filter(|_| shares.take("a").is_ok()).count();
        assert_eq!(taken(20), 10);
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(taken(20), 5);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(taken(20), 10);
    }
}
