//! Latencies as a histogram of fixed relative width (3 %), so that a million samples cost a few kilobytes.

use std::time::Duration;

const BUCKETS: usize = 1_024;
const WIDTH: f64 = 1.03;

/// Latencies of one run.
#[derive(Clone)]
pub struct Latencies {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0 }
    }
}

impl Latencies {
    /// Adds one.
    pub fn record(&mut self, latency: Duration) {
        let micros = latency.as_secs_f64() * 1e6;
        let bucket = (micros.max(1.0).ln() / WIDTH.ln()) as usize;
        self.counts[bucket.min(BUCKETS - 1)] += 1;
        self.total += 1;
    }

    /// Adds those of another run.
    pub fn merge(&mut self, other: &Self) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(mine, theirs)| *mine += theirs);
        self.total += other.total;
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.total
    }

    /// The upper end of the bucket that holds quantile `q` (0 ..= 1).
    pub fn quantile(&self, q: f64) -> Duration {
        let rank = (self.total as f64 * q).ceil() as u64;
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank.max(1) {
                return Duration::from_secs_f64(WIDTH.powi(bucket as i32 + 1) / 1e6);
            }
        }
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_a_bucket() {
        let mut latencies = Latencies::default();
        (1..=1_000).for_each(|ms| latencies.record(Duration::from_millis(ms)));
        for (q, ms) in [(0.5, 500.0), (0.99, 990.0), (1.0, 1_000.0)] {
            let found = latencies.quantile(q).as_secs_f64() * 1e3;
            assert!((found / ms - 1.0).abs() < 0.04, "{q}: {found}");
        }
    }
}
