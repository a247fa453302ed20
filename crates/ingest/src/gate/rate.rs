//! How often one monitor pings: a generic cell rate (ITU-T I.371) in one atomic word a monitor.
//!
//! The table is fixed and monitors that fall into the same slot share it. That is harmless: being over the
//! rate only makes a plain success look for an equal one that was just made durable, and without one of its
//! own monitor it is appended like any other.

use domain::ids::MonitorId;
use domain::time::UnixMs;
use std::sync::atomic::{AtomicI64, Ordering};

const SLOTS: usize = 1 << 16;

/// The rates of all monitors.
pub(crate) struct RateLimiter {
    /// When each slot will have paid for what it took, in microseconds.
    paid_at_us: Box<[AtomicI64]>,
    cost_us: i64,
    credit_us: i64,
}

impl RateLimiter {
    /// `rate` pings a second in the long run, `burst` at once. Zero counts as one.
    pub(crate) fn new(rate: u32, burst: u32) -> Self {
        let cost_us = 1_000_000 / i64::from(rate.max(1));
        let credit_us = cost_us.saturating_mul(i64::from(burst.max(1)));
        Self { paid_at_us: (0..SLOTS).map(|_| AtomicI64::new(0)).collect(), cost_us, credit_us }
    }

    /// Counts one ping; whether its monitor is over its rate.
    pub(crate) fn is_over(&self, monitor: MonitorId, now: UnixMs) -> bool {
        let Some(slot) = self.paid_at_us.get(monitor.0 as usize % SLOTS) else { return false };
        let now_us = now.0.saturating_mul(1000);
        let paid_at = slot.load(Ordering::Relaxed);
        // Farther ahead than any credit: the wall clock has stepped back.
        let paid_at = if paid_at.saturating_sub(now_us) > self.credit_us { now_us } else { paid_at.max(now_us) };
        let next = paid_at.saturating_add(self.cost_us);
        let over = next.saturating_sub(now_us) > self.credit_us;
        if !over {
            slot.store(next, Ordering::Relaxed);
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(limiter: &RateLimiter, now: UnixMs, asked: usize) -> usize {
        (0..asked).filter(|_| !limiter.is_over(MonitorId(1), now)).count()
    }

    #[test]
    fn a_burst_then_the_rate() {
        let limiter = RateLimiter::new(10, 60);
        let start = UnixMs::from_secs(1_000);
        assert_eq!(taken(&limiter, start, 1_000), 60);
        assert_eq!(taken(&limiter, start.plus_ms(1_000), 1_000), 10);
        assert_eq!(taken(&limiter, start.plus_ms(3_600_000), 1_000), 60);
        assert!(!limiter.is_over(MonitorId(2), start));
    }

    #[test]
    fn a_clock_that_steps_back_does_not_silence_anybody() {
        let limiter = RateLimiter::new(10, 60);
        taken(&limiter, UnixMs::from_secs(10_000), 1_000);
        assert_eq!(taken(&limiter, UnixMs::from_secs(5_000), 1_000), 60);
    }
}
