//! What ingest counts. Names as in docs/metrics.md; labels are few and fixed, never a monitor or a tenant.
//!
//! Handles are registered once, when [`crate::Ingest`] is built, because a look-up by name costs a ping more
//! than its MAC: the process installs its recorder before that.

use http::StatusCode;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};

/// By which door a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// A ping by token.
    Token,
    /// A ping by ping key and slug.
    Slug,
    Canary,
    Batch,
    Grpc,
    /// A ping URL that is none: malformed, a wrong method, too long.
    Refused,
}

const ROUTES: [&str; 6] = ["token", "slug", "canary", "batch", "grpc", "refused"];
const CODES: [u16; 11] = [200, 201, 204, 400, 404, 405, 408, 413, 414, 431, 503];

/// Why a ping, or a part of it, was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shed {
    /// Too many pings wait for the log.
    Inflight,
    /// The log's queue is full.
    Busy,
    /// The log did not acknowledge in time.
    TimedOut,
    /// The log is closed or cannot write.
    Broken,
    /// The log is known not to acknowledge records of the shard.
    LogAway,
    /// A body was dropped to save memory; its ping counted.
    Body,
    /// A connection was closed to make room.
    Connection,
}

const SHED: [&str; 7] = ["inflight", "busy", "timed_out", "broken", "log_away", "body", "connection"];

/// All handles of this crate.
pub(crate) struct Metrics {
    requests: [[Counter; CODES.len()]; ROUTES.len()],
    other_codes: Counter,
    shed: [Counter; SHED.len()],
    ack_seconds: Histogram,
    inflight: Gauge,
    connections: Gauge,
    coalesced: Counter,
    possibly_persisted: Counter,
    canary_age_seconds: Gauge,
    canary_failures: Counter,
    clock_skew_seconds: Gauge,
}

impl Metrics {
    /// Registers every handle with the process's recorder.
    pub(crate) fn register() -> Self {
        let code = |route, code: u16| counter!("ingest_requests_total", "route" => route, "code" => code.to_string());
        Self {
            requests: ROUTES.map(|route| CODES.map(|number| code(route, number))),
            other_codes: counter!("ingest_requests_total", "route" => "other", "code" => "other"),
            shed: SHED.map(|reason| counter!("ingest_shed_total", "reason" => reason)),
            ack_seconds: histogram!("ingest_ack_seconds"),
            inflight: gauge!("ingest_inflight"),
            connections: gauge!("ingest_connections"),
            coalesced: counter!("ingest_coalesced_total"),
            possibly_persisted: counter!("possibly_persisted_total"),
            canary_age_seconds: gauge!("canary_age_seconds"),
            canary_failures: counter!("canary_failures_total"),
            clock_skew_seconds: gauge!("ingest_clock_skew_seconds"),
        }
    }

    /// A request was answered.
    pub(crate) fn answered(&self, route: Route, code: StatusCode) {
        let place = CODES.iter().position(|known| *known == code.as_u16());
        let counter = place.and_then(|place| self.requests.get(route as usize)?.get(place));
        counter.unwrap_or(&self.other_codes).increment(1);
    }

    /// A ping, or a part of it, was not taken.
    pub(crate) fn shed(&self, reason: Shed) {
        if let Some(counter) = self.shed.get(reason as usize) {
            counter.increment(1);
        }
    }

    /// The log acknowledged a record this long after it was given to it.
    pub(crate) fn acknowledged(&self, seconds: f64) {
        self.ack_seconds.record(seconds);
    }

    /// A plain success was answered by the record of an equal one.
    pub(crate) fn coalesced(&self) {
        self.coalesced.increment(1);
    }

    /// A record whose client was told 503 may be in the log all the same.
    pub(crate) fn possibly_persisted(&self) {
        self.possibly_persisted.increment(1);
    }

    /// How many pings wait for the log, and how many connections are open.
    pub(crate) fn load(&self, inflight: usize, connections: usize) {
        self.inflight.set(inflight as f64);
        self.connections.set(connections as f64);
    }

    /// How long ago the shard that was proved least recently was proved.
    pub(crate) fn canary_age(&self, seconds: f64) {
        self.canary_age_seconds.set(seconds);
    }

    /// A canary did not get through.
    pub(crate) fn canary_failed(&self) {
        self.canary_failures.increment(1);
    }

    /// How far this machine's clock is ahead of the log's; negative: behind.
    pub(crate) fn clock_skew(&self, seconds: f64) {
        self.clock_skew_seconds.set(seconds);
    }
}
