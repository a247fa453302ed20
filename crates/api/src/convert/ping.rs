//! Pings.

use super::time::{milliseconds, timestamp};
use domain::engine::effects::HistoryRow;
use domain::ids::RunId;
use domain::ping::PingSummary;
use wire::v1;

/// A ping as lists show it.
pub(crate) fn ping(row: HistoryRow) -> v1::Ping {
    let (ping, details) = (row.ping, row.details);
    v1::Ping {
        number: ping.number,
        kind: ping.kind.word().to_owned(),
        at: Some(timestamp(ping.at_ms)),
        exit_code: exit_code(&ping),
        duration: ping.duration_ms.map(milliseconds),
        metrics: ping.metrics.into_iter().map(|metric| (metric.name, metric.value)).collect(),
        rid: ping.run.map(hyphenated).unwrap_or_default(),
        body: details.body,
        body_cut: details.body_cut,
        msg: details.message,
        env: details.environment,
        host: details.host,
        method: details.method,
        client: details.client,
        user_agent: details.user_agent,
        ignored: row.ignored,
        coalesced: row.coalesced,
    }
}

/// The exit status, when the job gave one.
pub(crate) fn exit_code(ping: &PingSummary) -> Option<u32> {
    ping.kind.exit_code().map(u32::from)
}

/// A run id as jobs write it: a UUID.
fn hyphenated(run: RunId) -> String {
    let hex = run.to_string();
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_id_reads_as_the_uuid_it_was() {
        let text = "01234567-89ab-cdef-0123-456789abcdef";
        let bits = domain::token::parse_uuid(text).unwrap();
        assert_eq!(hyphenated(RunId(bits.to_be_bytes())), text);
    }
}
