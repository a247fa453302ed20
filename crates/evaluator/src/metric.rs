//! What evaluators count. Names as in docs/metrics.md; a shard is never a label of more than 4,096 values.

use domain::delivery::Delivery;
use domain::engine::effects::Note;
use domain::transition::{Transition, TransitionKind};
use metrics::{counter, gauge, histogram};

/// A record that could not be read: it is skipped, its shard goes on.
pub(crate) fn count_poison() {
    counter!("poison_records_total").increment(1);
}

/// An oddity the engine noticed.
pub(crate) fn count_note(note: &Note) {
    counter!("engine_notes_total", "kind" => note.label()).increment(1);
    if matches!(note, Note::ClockSetBack { .. }) {
        counter!("clock_quarantined_total").increment(1);
    }
}

/// A verdict, and how long after its deadline it was known.
pub(crate) fn observe_transition(transition: &Transition) {
    counter!("transitions_total", "kind" => transition.kind.word(), "reason" => transition.reason.word()).increment(1);
    if let (TransitionKind::Down, Some(deadline)) = (transition.kind, transition.deadline_ms) {
        histogram!("verdict_delay_seconds").record((transition.known_ms - deadline).max(0) as f64 / 1000.0);
    }
}

/// A delivery that reached its end.
pub(crate) fn count_terminal(delivery: &Delivery) {
    counter!("delivery_terminal_total", "state" => delivery.state.word()).increment(1);
}

/// Shards worked on here.
pub(crate) fn set_owned(shards: usize) {
    gauge!("shards_owned").set(shards as f64);
}

/// How far a shard is behind.
pub(crate) fn set_lag(shard: u16, records: u64, seconds: f64) {
    let label = shard.to_string();
    gauge!("eval_lag_records", "shard" => label.clone()).set(records as f64);
    gauge!("log_tick_age_seconds", "partition" => label.clone()).set(seconds);
    gauge!("eval_lag_seconds", "shard" => label).set(seconds);
}

/// A shard that is worked on elsewhere: what was said about it here must not stand for ever.
pub(crate) fn forget_shard(shard: u16) {
    set_lag(shard, 0, 0.0);
    set_outbox(shard, 0, 0.0);
    set_snapshot_age(shard, 0.0);
}

/// Open deliveries of a shard and the age of the oldest.
pub(crate) fn set_outbox(shard: u16, open: usize, oldest_seconds: f64) {
    let label = shard.to_string();
    gauge!("outbox_open", "shard" => label.clone()).set(open as f64);
    gauge!("outbox_oldest_seconds", "shard" => label).set(oldest_seconds);
}

/// A snapshot was written.
pub(crate) fn observe_snapshot(bytes: usize, seconds: f64) {
    histogram!("snapshot_bytes").record(bytes as f64);
    histogram!("snapshot_seconds").record(seconds);
}

/// How old the last snapshot of a shard is.
pub(crate) fn set_snapshot_age(shard: u16, seconds: f64) {
    gauge!("snapshot_age_seconds", "shard" => shard.to_string()).set(seconds);
}

/// The store refused a step and is asked again.
pub(crate) fn count_store_retry() {
    counter!("store_retries_total").increment(1);
}
