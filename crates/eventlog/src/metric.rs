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

/// Records that the brokers acknowledged, as the delivery reports came in together.
#[cfg(feature = "kafka")]
pub(crate) fn count_acknowledged(records: usize) {
    counter!("log_records_appended_total").increment(records as u64);
    histogram!("log_commit_records").record(records as f64);
}

/// Records that wait for the brokers.
#[cfg(feature = "kafka")]
pub(crate) fn set_queue_records(records: usize) {
    gauge!("producer_queue_records").set(records as f64);
}

/// A record that the brokers, or the client library, did not take.
#[cfg(feature = "kafka")]
pub(crate) fn count_refused_delivery() {
    counter!("producer_errors_total", "kind" => "delivery").increment(1);
}

/// Records whose acknowledgement did not come in time.
#[cfg(feature = "kafka")]
pub(crate) fn count_timed_out(records: usize) {
    counter!("producer_errors_total", "kind" => "timed_out").increment(records as u64);
}

/// A producer that was given up for a new one.
#[cfg(feature = "kafka")]
pub(crate) fn count_producer_recreated() {
    counter!("producer_recreated_total").increment(1);
}

/// A consumer that was given up for a new one.
#[cfg(feature = "kafka")]
pub(crate) fn count_consumer_recreated() {
    counter!("consumer_recreated_total").increment(1);
}

/// What a client of Kafka reports as an error; `role` is one of ours: `producer`, `reader`, `bounds`, `placement`, `admin`.
#[cfg(feature = "kafka")]
pub(crate) fn count_kafka_error(role: &'static str) {
    counter!("kafka_client_errors_total", "role" => role).increment(1);
}

/// A record whose time is its sender's: the topic was changed while in use.
#[cfg(feature = "kafka")]
pub(crate) fn count_foreign_time() {
    counter!("log_foreign_time_total").increment(1);
}

/// A reader that was stopped because the log does not hold what it needs.
#[cfg(feature = "kafka")]
pub(crate) fn count_out_of_range() {
    counter!("log_out_of_range_total").increment(1);
}

/// A partition that was stopped because its reader is slower than the log.
#[cfg(feature = "kafka")]
pub(crate) fn count_paused() {
    counter!("log_reader_pauses_total").increment(1);
}

/// Where the log begins and ends was asked: how long the answer took, and for how many shards it was.
#[cfg(feature = "kafka")]
pub(crate) fn observe_bounds(seconds: f64) {
    histogram!("log_bounds_seconds").record(seconds);
}

/// The shards that the consumer group gave to this process.
#[cfg(feature = "kafka")]
pub(crate) fn set_placed_shards(shards: usize) {
    gauge!("placement_shards").set(shards as f64);
}

/// Shards that were taken away after the session had expired, without a word.
#[cfg(feature = "kafka")]
pub(crate) fn count_lost_without_a_word(shards: usize) {
    counter!("placement_lost_total").increment(shards as u64);
}
