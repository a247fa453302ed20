//! Verdicts as rows: what changed, why, and everything an alert needs to say it in words.

use crate::command::Status;
use crate::ids::{ChannelId, MonitorId, TransitionId};
use crate::monitor::{Identity, words};
use crate::ping::PingSummary;

/// What kind of message a transition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TransitionKind {
    /// An incident opened.
    Down,
    /// An incident ended.
    Up,
    /// A deadline nobody could have met in a way we would have heard.
    Unobserved,
    /// An incident is still open.
    Reminder,
    /// Worth a look, no change of status.
    Warning,
    /// A change of status that tells nobody (`new` to `up`, pause, resume, …).
    Silent,
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    Missed,
    Failed,
    TimedOut,
    AssertionFailed,
    Overlap,
    TooFast,
    Recovered,
    /// Unobserved, or the retraction of a `missed` that a late report of deafness explains.
    Blind,
    FirstPing,
    Paused,
    Resumed,
    Deleted,
}

words!(TransitionKind: Down = "monitor.down", Up = "monitor.up", Unobserved = "monitor.unobserved",
    Reminder = "monitor.reminder", Warning = "monitor.warning", Silent = "monitor.changed");
words!(Reason: Missed = "missed", Failed = "failed", TimedOut = "timed_out", AssertionFailed = "assertion_failed",
    Overlap = "overlap", TooFast = "too_fast", Recovered = "recovered", Blind = "blind", FirstPing = "first_ping",
    Paused = "paused", Resumed = "resumed", Deleted = "deleted");

/// The incident a transition belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncidentRef {
    /// The transition that opened it.
    pub id: TransitionId,
    pub opened_ms: i64,
}

/// One verdict or change of status.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    pub id: TransitionId,
    pub monitor: MonitorId,
    pub identity: Identity,
    pub kind: TransitionKind,
    pub reason: Reason,
    pub from: Status,
    pub to: Status,
    /// When it became true: the deadline of a miss, the effective time of a ping.
    pub occurred_ms: i64,
    /// The shard's clock when it was concluded.
    pub known_ms: i64,
    /// The offset of the record that closed it.
    pub offset: u64,
    /// Version of the monitor's configuration that was in force.
    pub version: u32,
    pub expected_ms: Option<i64>,
    pub deadline_ms: Option<i64>,
    pub last_ping: Option<PingSummary>,
    pub incident: Option<IncidentRef>,
    /// IANA name; times are shown in it.
    pub zone: String,
    /// The schedule in words, e.g. `every 5 min` or `cron 0 2 * * *`.
    pub schedule: String,
    pub grace_secs: u32,
    /// One more fact in words: the assertion that failed, the runs that overlap.
    pub detail: String,
    /// When the run it speaks of began.
    pub run_started_ms: Option<i64>,
    /// The seconds in which nobody could hear.
    pub blind: Option<(i64, i64)>,
    /// The `missed` it takes back.
    pub retracts: Option<TransitionId>,
    /// Who is told; empty for silent transitions.
    pub channels: Vec<ChannelId>,
}
