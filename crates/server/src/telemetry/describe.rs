//! One line of help for every metric of the product, so that `/metrics` can be read without the source. A test
//! holds the list against the `metric.rs` of every crate.

use metrics::{counter, describe_counter, describe_gauge, describe_histogram};

/// What kind of metric a name is.
#[derive(Clone, Copy)]
enum Kind {
    /// Without labels: there from the start.
    Counter,
    /// A counter with labels: a series is there from the start if [`SERIES`] names it or its crate makes it.
    Labelled,
    Gauge,
    Histogram,
}
use Kind::{Counter, Gauge, Histogram, Labelled};

/// Name, kind, help. Units stand in the names.
const ALL: [(&str, Kind, &str); 73] = [
    ("ingest_requests_total", Labelled, "Requests to the ping routes, by door and answer"),
    ("ingest_ack_seconds", Histogram, "From giving a record to the log until it was durable"),
    ("ingest_inflight", Gauge, "Pings that wait for the log now"),
    ("ingest_connections", Gauge, "Connections open on the public port"),
    ("ingest_shed_total", Labelled, "Pings, bodies and connections not taken, by reason"),
    ("ingest_coalesced_total", Counter, "Plain successes answered by the record of an equal one"),
    ("possibly_persisted_total", Counter, "Records whose client was told 503 and that may be in the log all the same"),
    (
        "canary_age_seconds",
        Gauge,
        "How long ago the shard heard least recently was heard; above 30 somebody should look",
    ),
    ("canary_failures_total", Counter, "Canaries that did not get through the public URL"),
    ("api_requests_total", Labelled, "Calls of the tenants' API, by method and code"),
    ("api_request_seconds", Histogram, "Duration of calls of the tenants' API, by method"),
    ("api_owner_away_total", Counter, "Reads that the store answered because the shard's owner did not"),
    ("log_records_appended_total", Counter, "Records made durable"),
    ("log_commit_records", Histogram, "Records in one group commit of the log"),
    ("log_commit_seconds", Histogram, "Duration of one group commit of the log"),
    ("log_damaged_rows_total", Counter, "Rows of the log that cannot be read: the disk changed what was written"),
    ("log_live_bytes", Gauge, "What the log holds on disk"),
    ("producer_queue_bytes", Gauge, "Bytes that wait for their commit"),
    ("producer_errors_total", Labelled, "Commits that failed, by kind"),
    ("eval_lag_records", Gauge, "Records of a shard that are not applied yet"),
    ("eval_lag_seconds", Gauge, "How far a shard's engine is behind its log"),
    ("log_tick_age_seconds", Gauge, "Age of the last tick of a shard; above 10 somebody should look"),
    ("clock_quarantined_total", Counter, "Times the log's clock was found to be wrong and set back"),
    ("engine_notes_total", Labelled, "Oddities the engine noticed, by kind"),
    ("poison_records_total", Counter, "Records that could not be read and were skipped"),
    ("transitions_total", Labelled, "Verdicts and notices, by kind and reason"),
    (
        "verdict_delay_seconds",
        Histogram,
        "From a deadline to the moment its verdict was known; includes the append timeout",
    ),
    ("snapshot_seconds", Histogram, "Duration of writing a shard's snapshot"),
    ("snapshot_bytes", Histogram, "Size of a shard's snapshot"),
    ("store_retries_total", Counter, "Steps the store refused and was asked for again"),
    ("snapshot_age_seconds", Gauge, "Age of the last snapshot of a shard"),
    ("outbox_open", Gauge, "Deliveries of a shard that are not at their end"),
    ("outbox_oldest_seconds", Gauge, "Age of the oldest open delivery of a shard"),
    ("delivery_attempts_total", Labelled, "Attempts at delivering an alert, by kind of channel and result"),
    ("delivery_attempt_seconds", Histogram, "Duration of attempts, by kind of channel"),
    ("delivery_terminal_total", Labelled, "Deliveries that reached their end, by state"),
    ("breaker_open", Gauge, "Endpoints that are not tried for now"),
    ("notifier_feeds", Gauge, "Evaluators that offer deliveries to this notifier now"),
    ("notifier_repeated_offers_total", Counter, "Offers that came again while, or after, they were worked on"),
    ("store_commit_seconds", Histogram, "Duration of one group commit of the store"),
    ("store_commit_writes", Histogram, "Writes in one group commit of the store"),
    ("store_damaged_rows_total", Labelled, "Rows of the store that cannot be read, by table"),
    ("store_expired_rows_total", Labelled, "Rows removed because of their age, by table"),
    ("db_unknown_outcomes_total", Counter, "Writes of which it is not known whether they were done"),
    ("stale_write_rejected_total", Counter, "Rows that lost against a newer write"),
    ("build_info", Gauge, "1; what runs here, as labels"),
    ("tzdb_info", Gauge, "1; the version of the compiled-in time zone data, as label"),
    ("ready", Gauge, "1 when the process can do its job now; /readyz names what is missing"),
    ("ingest_clock_skew_seconds", Gauge, "How far this machine's clock is ahead of the log's; negative: behind"),
    ("producer_queue_records", Gauge, "Records that wait for the brokers"),
    ("producer_recreated_total", Counter, "Producers that were given up for a new one"),
    ("consumer_recreated_total", Counter, "Consumers that were given up for a new one"),
    ("kafka_client_errors_total", Labelled, "What a client of Kafka reports as an error, by its role"),
    ("log_foreign_time_total", Counter, "Records that carry their sender's time: the topic was changed while in use"),
    ("log_out_of_range_total", Counter, "Readers stopped because the log does not hold what they need"),
    ("log_reader_pauses_total", Counter, "Times a partition waited for a reader slower than the log"),
    ("log_bounds_seconds", Histogram, "Asking the brokers where the log begins and ends"),
    ("placement_shards", Gauge, "Shards that the consumer group gave to this process"),
    ("placement_lost_total", Counter, "Shards taken away after the session had expired, without a word"),
    ("shards_owned", Gauge, "Shards this process works on"),
    ("notifier_feeds_wanted", Gauge, "Evaluators this notifier dials"),
    ("notifier_lookup_failures_total", Counter, "Names of evaluators that could not be looked up"),
    ("notifier_unsent_outcomes_total", Counter, "Outcomes whose evaluator was gone; the attempt is offered again"),
    ("store_rows_written_total", Labelled, "Rows the cluster's database has taken, by table"),
    ("store_bytes_written_total", Labelled, "Bytes of those rows, by table"),
    ("auditor_checked_total", Counter, "Verdicts that an auditor held against what the log implies"),
    ("auditor_mismatch_total", Counter, "Verdicts that are not what the log implies; any is a defect, or damage"),
    ("auditor_lag_seconds", Gauge, "Age of the oldest record of a shard that was not judged again yet"),
    ("auditor_unchecked_monitors", Gauge, "Monitors of a shard that are not compared: not known yet, or too many"),
    ("panics_total", Counter, "Threads that panicked; any is a defect"),
    ("process_resident_memory_bytes", Gauge, "Memory of the process that is in RAM"),
    ("process_open_fds", Gauge, "Open files and sockets"),
    ("process_max_fds", Gauge, "The most files and sockets the process may open"),
];

/// Series of counters with labels that alert rules watch.
const SERIES: [(&str, &str, &[&str]); 4] = [
    ("producer_errors_total", "kind", &["commit"]),
    ("delivery_terminal_total", "state", &["delivered", "failed", "superseded"]),
    ("store_damaged_rows_total", "table", &["api_key", "channel", "delivery", "history", "monitor", "transition"]),
    ("store_expired_rows_total", "table", &["history", "transition", "delivery"]),
];

/// Tells the recorder every help text.
pub fn describe() {
    for (name, kind, help) in ALL {
        match kind {
            Counter | Labelled => describe_counter!(name, help),
            Gauge => describe_gauge!(name, help),
            Histogram => describe_histogram!(name, help),
        }
    }
}

/// Makes the counters that begin at 0. Prometheus' `increase` does not see the step from no series to 1, so an alert
/// on the first failure needs a series that was there before.
pub fn begin_at_zero() {
    for (name, _, _) in ALL.iter().filter(|(_, kind, _)| matches!(kind, Counter)) {
        counter!(*name).increment(0);
    }
    for (name, label, values) in SERIES {
        for value in values {
            counter!(name, label => *value).increment(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::Path;

    /// The metric files of every crate.
    fn sources() -> String {
        let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut files =
            vec![crates.join("server/src/telemetry/metric.rs"), crates.join("server/src/telemetry/process.rs")];
        for entry in std::fs::read_dir(crates).unwrap() {
            files.push(entry.unwrap().path().join("src/metric.rs"));
        }
        files.iter().filter_map(|file| std::fs::read_to_string(file).ok()).collect()
    }

    /// Every `counter!("name"`, `gauge!("name"` and `histogram!("name"` of the metric files.
    fn names_in_the_source() -> BTreeSet<(String, String)> {
        let sources = sources();
        let kinds = ["counter", "gauge", "histogram"];
        let found = |kind: &'static str| {
            let pattern = format!("{kind}!(\"");
            let parts: Vec<_> =
                sources.split(&pattern).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect();
            parts.into_iter().map(move |name| (kind.to_owned(), name))
        };
        kinds.into_iter().flat_map(found).collect()
    }

    #[test]
    fn every_metric_of_the_source_is_described_and_nothing_else() {
        let word = |kind| match kind {
            Counter | Labelled => "counter",
            Gauge => "gauge",
            Histogram => "histogram",
        };
        let described: BTreeSet<_> =
            ALL.iter().map(|(name, kind, _)| (word(*kind).to_owned(), (*name).to_owned())).collect();
        let found = names_in_the_source();
        assert!(found.len() > 20, "{found:?}");
        assert_eq!(described, found);
    }

    #[test]
    fn counters_are_told_from_those_with_labels_as_the_source_has_them() {
        let sources = sources();
        for (name, kind, _) in ALL {
            let bare = sources.contains(&format!("counter!(\"{name}\")"));
            assert_eq!(bare, matches!(kind, Counter), "{name}");
        }
        for (name, label, _) in SERIES {
            assert!(sources.contains(&format!("counter!(\"{name}\", \"{label}\" =>")), "{name}");
        }
    }

    #[test]
    fn names_carry_their_unit() {
        for (name, kind, help) in ALL {
            assert_eq!(matches!(kind, Counter | Labelled), name.ends_with("_total"), "{name}");
            assert!(!help.ends_with('.'), "{name}");
        }
    }
}
