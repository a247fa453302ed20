//! One signal from a job, as it stands in the log.

use crate::ids::{MonitorId, RunId};
use crate::monitor::MonitorConfig;

/// The most metrics one ping may carry; later ones are dropped.
pub const MAX_METRICS: usize = 32;

/// What the job said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PingKind {
    /// The work finished well. Exit status 0 is stored as `Exit(0)` and means the same.
    Success,
    /// The work began.
    Start,
    /// The work says it failed.
    Fail,
    /// The exit status of the work: 0 succeeds, 1 ..= 255 fail.
    Exit(u8),
    /// A note: stored and counted, it changes nothing.
    Log,
}

impl PingKind {
    /// Whether it reports good work.
    pub fn succeeds(self) -> bool {
        matches!(self, Self::Success | Self::Exit(0))
    }

    /// Whether it reports bad work.
    pub fn fails(self) -> bool {
        matches!(self, Self::Fail | Self::Exit(1..))
    }

    /// Whether it ends a run.
    pub fn finishes(self) -> bool {
        self.succeeds() || self.fails()
    }

    /// The word used in every API and file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Start => "start",
            Self::Fail => "fail",
            Self::Exit(_) => "exit",
            Self::Log => "log",
        }
    }

    /// The exit status, when the job gave one.
    pub fn exit_code(self) -> Option<u8> {
        match self {
            Self::Exit(code) => Some(code),
            _ => None,
        }
    }
}

/// A number the job measured, e.g. `count:123`.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// `[A-Za-z_][A-Za-z0-9_.-]{0,63}`.
    pub name: String,
    /// Finite.
    pub value: f64,
}

/// Whether `name` may name a metric.
pub fn is_metric_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    first && name.len() <= 64 && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
}

/// A ping, whatever way it came.
#[derive(Clone, Debug, PartialEq)]
pub struct Ping {
    pub monitor: MonitorId,
    /// The generation of the token it came by; `None` when it came by ping key and slug.
    pub generation: Option<u8>,
    pub kind: PingKind,
    pub run: Option<RunId>,
    /// As reported by the job, in milliseconds.
    pub duration_ms: Option<u64>,
    pub metrics: Vec<Metric>,
    /// What was sent along; rarely looked at, hence behind one pointer.
    pub details: Option<Box<PingDetails>>,
    /// Present on `create=1`: what the monitor is to be if it does not exist.
    pub create: Option<Box<MonitorConfig>>,
}

/// The parts of a ping that only people read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PingDetails {
    /// Raw bytes, cut at the body limit.
    pub body: Vec<u8>,
    /// The length before the cut, when it is known to be longer.
    pub body_cut: bool,
    /// `msg=`, `env=`, `host=`: at most 1,000, 100 and 253 characters.
    pub message: String,
    pub environment: String,
    pub host: String,
    /// `GET`, `POST`, `HEAD`, `grpc` or `batch`.
    pub method: String,
    /// The client's address as believed, or empty.
    pub client: String,
    /// At most 200 characters.
    pub user_agent: String,
}

/// Facts of a ping that alerts and lists repeat.
#[derive(Clone, Debug, PartialEq)]
pub struct PingSummary {
    pub kind: PingKind,
    /// Effective time.
    pub at_ms: i64,
    /// Counts the monitor's pings from 1.
    pub number: u32,
    pub duration_ms: Option<u64>,
    pub metrics: Vec<Metric>,
    pub run: Option<RunId>,
}
