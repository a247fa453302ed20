//! What an auditor counts. Names as in docs/metrics.md.

use metrics::{counter, gauge};

/// Verdicts that were held against what the log implies.
pub(crate) fn count_checked(verdicts: usize) {
    counter!("auditor_checked_total").increment(verdicts as u64);
}

/// What was concluded is not what the log implies.
pub(crate) fn count_mismatch() {
    counter!("auditor_mismatch_total").increment(1);
}

/// How far behind now the last record is that was judged again.
pub(crate) fn set_lag(shard: u16, seconds: f64) {
    gauge!("auditor_lag_seconds", "shard" => shard.to_string()).set(seconds);
}

/// Monitors that are not compared now: not heard since the auditor began, or too many.
pub(crate) fn set_unchecked(shard: u16, monitors: usize) {
    gauge!("auditor_unchecked_monitors", "shard" => shard.to_string()).set(monitors as f64);
}
