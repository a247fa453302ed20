//! What the store counts. Names as in docs/metrics.md.

use metrics::{counter, histogram};

/// One group commit: how many writes shared it and how long it took.
pub(crate) fn observe_commit(writes: usize, seconds: f64) {
    histogram!("store_commit_writes").record(writes as f64);
    histogram!("store_commit_seconds").record(seconds);
}

/// A commit that failed: what its writes did is known only after the next start.
pub(crate) fn count_unknown_outcomes(writes: usize) {
    counter!("db_unknown_outcomes_total").increment(writes as u64);
}

/// Rows that lost against a newer write of the same row.
pub(crate) fn count_stale_writes(rows: u64) {
    counter!("stale_write_rejected_total").increment(rows);
}

/// A row whose cell cannot be read.
pub(crate) fn count_damaged_row(table: &'static str) {
    counter!("store_damaged_rows_total", "table" => table).increment(1);
}

/// Rows removed because of their age.
pub(crate) fn count_expired(table: &'static str, rows: u64) {
    counter!("store_expired_rows_total", "table" => table).increment(rows);
}

/// A row that a database of the cluster has taken, and its bytes: key, cell and about what goes with them.
#[cfg(feature = "scylla")]
pub(crate) fn count_written(table: &'static str, bytes: usize) {
    counter!("store_rows_written_total", "table" => table).increment(1);
    counter!("store_bytes_written_total", "table" => table).increment(bytes as u64);
}
