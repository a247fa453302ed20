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

/// Evaluators whose offers come, and those that are dialled, these among them.
pub(crate) fn set_feeds(up: usize, wanted: usize) {
    gauge!("notifier_feeds").set(up as f64);
    gauge!("notifier_feeds_wanted").set(wanted as f64);
}

/// The name of evaluators could not be looked up.
pub(crate) fn count_failed_lookup() {
    counter!("notifier_lookup_failures_total").increment(1);
}

/// An evaluator was gone before it could be told an outcome, or takes none.
pub(crate) fn count_unsent_outcome() {
    counter!("notifier_unsent_outcomes_total").increment(1);
}

fn result_word(result: &AttemptResult) -> &'static str {
    match result {
        AttemptResult::Delivered => "delivered",
        AttemptResult::Retry { .. } => "retry",
        AttemptResult::Failed { .. } => "failed",
        AttemptResult::Gone { .. } => "gone",
    }
}
