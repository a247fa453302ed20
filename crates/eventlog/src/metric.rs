//! What the log counts. Names as in docs/metrics.md.

use metrics::{counter, histogram};

/// One group commit: how many records it held and how long it took.
pub(crate) fn observe_commit(records: usize, seconds: f64) {
    counter!("log_records_appended_total").increment(records as u64);
    histogram!("log_commit_records").record(records as f64);
    histogram!("log_commit_seconds").record(seconds);
}

/// A commit that failed.
pub(crate) fn count_broken_commit() {
    counter!("producer_errors_total", "kind" => "commit").increment(1);
}
