//! Circuit breakers: an endpoint that failed five times in a row is asked again once in 30 seconds, and what
//! comes in between is sent back at once instead of waiting for another time-out.

use super::Endpoint;
use crate::metric;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

const STRAIGHT_FAILURES: u32 = 5;
const PROBE_EVERY: Duration = Duration::from_secs(30);
/// Endpoints remembered at once; past it, those that have not failed for an hour are forgotten.
const MAX_REMEMBERED: usize = 10_000;
const FORGET_AFTER: Duration = Duration::from_secs(3_600);

struct Fault {
    straight: u32,
    next_probe: Instant,
    last: Instant,
    error: String,
}

/// An endpoint to leave alone for a while, and what it did.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("left alone for a while after {STRAIGHT_FAILURES} failures in a row, the last one: {error}")]
pub(super) struct BreakerOpen {
    pub wait: Duration,
    error: String,
}

/// How endpoints fared. Only failing ones are remembered.
#[derive(Default)]
pub(super) struct Breakers(Mutex<HashMap<Endpoint, Fault>>);

impl Breakers {
    /// Whether the endpoint may be tried. Whoever is let through while its breaker is open is the probe.
    pub(super) fn check(&self, endpoint: Endpoint, now: Instant) -> Result<(), BreakerOpen> {
        let mut faults = self.0.lock();
        match faults.get_mut(&endpoint) {
            Some(fault) if fault.straight >= STRAIGHT_FAILURES && now < fault.next_probe => {
                Err(BreakerOpen { wait: fault.next_probe - now, error: fault.error.clone() })
            }
            Some(fault) => {
                fault.next_probe = now + PROBE_EVERY;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// The endpoint works.
    pub(super) fn note_success(&self, endpoint: Endpoint) {
        let mut faults = self.0.lock();
        if faults.remove(&endpoint).is_some() {
            metric::set_open_breakers(open(&faults));
        }
    }

    /// The endpoint failed; `error` is free of secrets.
    pub(super) fn note_failure(&self, endpoint: Endpoint, error: &str, now: Instant) {
        let mut faults = self.0.lock();
        if faults.len() >= MAX_REMEMBERED {
            faults.retain(|_, fault| fault.last + FORGET_AFTER > now);
        }
        if faults.len() < MAX_REMEMBERED || faults.contains_key(&endpoint) {
            let straight = faults.get(&endpoint).map_or(1, |fault| fault.straight.saturating_add(1));
            let fault = Fault { straight, next_probe: now + PROBE_EVERY, last: now, error: error.to_owned() };
            faults.insert(endpoint, fault);
        }
        metric::set_open_breakers(open(&faults));
    }
}

fn open(faults: &HashMap<Endpoint, Fault>) -> usize {
    faults.values().filter(|fault| fault.straight >= STRAIGHT_FAILURES).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn five_failures_open_it_and_one_success_closes_it() {
        let (breakers, start) = (Breakers::default(), Instant::now());
        for _ in 0..STRAIGHT_FAILURES {
            assert_eq!(breakers.check(Endpoint::Stdout, start), Ok(()));
            breakers.note_failure(Endpoint::Stdout, "HTTP 500", start);
        }
        let refused = breakers.check(Endpoint::Stdout, start).unwrap_err();
        assert_eq!(refused.wait, PROBE_EVERY);
        assert_eq!(refused.to_string(), "left alone for a while after 5 failures in a row, the last one: HTTP 500");
        assert_eq!(breakers.check(Endpoint::MailRelay, start), Ok(()));
        let later = start + PROBE_EVERY;
        assert_eq!(breakers.check(Endpoint::Stdout, later), Ok(()), "the probe");
        assert!(breakers.check(Endpoint::Stdout, later).is_err(), "one probe at a time");
        breakers.note_success(Endpoint::Stdout);
        assert_eq!(breakers.check(Endpoint::Stdout, later), Ok(()));
        assert!(breakers.0.lock().is_empty());
    }
}
