//! What the notifier counts. Never a channel, monitor or tenant as a label.

use domain::command::AttemptResult;
use metrics::{counter, gauge, histogram};
use std::time::Duration;

/// An attempt that was really made: how it ended and how long it took.
pub(crate) fn observe_attempt(kind: &'static str, result: &AttemptResult, took: Duration) {
    counter!("delivery_attempts_total", "kind" => kind, "result" => result_word(result)).increment(1);
    histogram!("delivery_attempt_seconds", "kind" => kind).record(took.as_secs_f64());
}

/// An offer answered without an attempt: `busy`, `breaker_open`, `channel` or `unreadable`.
pub(crate) fn count_unattempted(kind: &'static str, why: &'static str) {
    counter!("delivery_attempts_total", "kind" => kind, "result" => why).increment(1);
}

/// Endpoints whose breaker is open now.
pub(crate) fn set_open_breakers(count: usize) {
    gauge!("breaker_open").set(count as f64);
}

/// An offer that came again while its attempt ran, or after it had ended.
pub(crate) fn count_repeated_offer() {
    counter!("notifier_repeated_offers_total").increment(1);
}

/// A stream of offers that begins (`+1`) or ends (`-1`).
pub(crate) fn move_feeds(by: f64) {
    gauge!("notifier_feeds").increment(by);
}

fn result_word(result: &AttemptResult) -> &'static str {
    match result {
        AttemptResult::Delivered => "delivered",
        AttemptResult::Retry { .. } => "retry",
        AttemptResult::Failed { .. } => "failed",
        AttemptResult::Gone { .. } => "gone",
    }
}
