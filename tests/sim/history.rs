//! What clients and providers saw, in the order in which it happened.

use domain::ids::{MonitorId, RunId};
use domain::ping::PingKind;
use parking_lot::Mutex;

/// A ping as its job sees it.
#[derive(Clone, Debug)]
pub struct Sent {
    /// In the message of the record, if there is one.
    pub id: String,
    pub monitor: MonitorId,
    pub kind: PingKind,
    pub run: Option<RunId>,
    pub answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `200 OK`.
    Acked,
    /// 503.
    Refused,
    /// No answer: the ingest died, or was not reached.
    None,
}

/// A message that a provider got.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "all of it is part of the trace")]
pub struct Arrival {
    pub at_ms: i64,
    pub channel: u64,
    /// `webhook-id`.
    pub id: String,
    /// Such as `monitor.down`, and whom it speaks of: several in a digest.
    pub told: Vec<(String, String)>,
    /// Whether the notifier was told that it arrived.
    pub is_answered: bool,
}

/// The books of a run.
#[derive(Default)]
pub struct History {
    sent: Mutex<Vec<Sent>>,
    arrivals: Mutex<Vec<Arrival>>,
    lines: Mutex<Vec<String>>,
}

impl History {
    pub fn sent(&self, sent: Sent) {
        self.sent.lock().push(sent);
    }

    pub fn arrived(&self, arrival: Arrival) {
        self.arrivals.lock().push(arrival);
    }

    /// A line of the built-in channel.
    pub fn line(&self, line: &str) {
        self.lines.lock().push(line.to_owned());
    }

    pub fn all_sent(&self) -> Vec<Sent> {
        self.sent.lock().clone()
    }

    pub fn all_arrivals(&self) -> Vec<Arrival> {
        self.arrivals.lock().clone()
    }

    pub fn all_lines(&self) -> Vec<String> {
        self.lines.lock().clone()
    }
}
