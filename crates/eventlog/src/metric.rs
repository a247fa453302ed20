//! What the log counts. Names as in docs/metrics.md.

use metrics::{counter, gauge, histogram};

/// One group commit: how many records it held and how long it took.
pub(crate) fn observe_commit(records: usize, seconds: f64) {
    counter!("log_records_appended_total").increment(records as u64);
    histogram!("log_commit_records").record(records as f64);
    histogram!("log_commit_seconds").record(seconds);
}

/// A commit, or a step of retention, that failed.
pub(crate) fn count_broken_commit() {
    counter!("producer_errors_total", "kind" => "commit").increment(1);
}

/// A row that cannot be read: the disk changed what was written.
pub(crate) fn count_damaged_row() {
    counter!("log_damaged_rows_total").increment(1);
}

/// What the log holds on disk, without pages that wait to be used again.
pub(crate) fn set_live_bytes(bytes: u64) {
    gauge!("log_live_bytes").set(bytes as f64);
}

/// What waits for its commit.
pub(crate) fn set_queue_bytes(bytes: usize) {
    gauge!("producer_queue_bytes").set(bytes as f64);
}
