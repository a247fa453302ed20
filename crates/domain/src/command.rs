//! Edits as records: an edit and a ping of one monitor have one order, that of the log.

use crate::field_error::FieldError;
use crate::ids::{CommandId, DeliveryId, MonitorId, TenantId, TransitionId};
use crate::monitor::MonitorConfig;

/// A change somebody asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    pub id: CommandId,
    pub tenant: TenantId,
    pub monitor: MonitorId,
    /// Who asked: the name of the API key, for the audit trail.
    pub actor: String,
    pub action: Action,
}

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Refused with `AlreadyExists` when the slug is taken.
    Create(Box<MonitorConfig>),
    /// Replaces the configuration. `version` is the one the caller read; another one is refused.
    Update {
        config: Box<MonitorConfig>,
        version: u32,
    },
    /// No verdict of silence until resumed, or until `until_ms` when given.
    Pause {
        until_ms: Option<i64>,
    },
    Resume,
    Delete,
    /// The next token generation; the old URL is dead within 30 s.
    RotateToken,
    /// Stops the reminders of one incident (the id of the transition that opened it).
    Acknowledge {
        incident: TransitionId,
    },
}

/// What the engine answered to one record: the log's read-your-writes.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// A `create=1` ping made the monitor.
    Created,
    /// A `create=1` ping found the monitor.
    Found,
    /// The command took effect; the monitor as it is now (`None` after a deletion).
    Done(Option<Box<MonitorView>>),
    Refused(Refusal),
}

/// Why a command or a `create=1` ping changed nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub code: RefusalCode,
    pub error: FieldError,
}

/// The class of a refusal, in the words of google.rpc.Code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalCode {
    NotFound,
    AlreadyExists,
    InvalidArgument,
    /// The version is stale.
    Aborted,
    /// E.g. resume of a monitor that is not paused.
    FailedPrecondition,
    ResourceExhausted,
}

impl RefusalCode {
    /// All codes, in the order of their numbers on disk.
    pub const ALL: [Self; 6] = [
        Self::NotFound,
        Self::AlreadyExists,
        Self::InvalidArgument,
        Self::Aborted,
        Self::FailedPrecondition,
        Self::ResourceExhausted,
    ];
}

/// Status words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// Made, never pinged.
    #[default]
    New,
    Up,
    /// Due, in grace. Never stored: computed from the clock when somebody looks.
    Late,
    Down,
    Paused,
    /// Its deadline fell into a blind window.
    Unknown,
}

crate::monitor::words!(Status: New = "new", Up = "up", Late = "late", Down = "down", Paused = "paused", Unknown = "unknown");

/// A monitor as the engine sees it now.
#[derive(Clone, Debug, PartialEq)]
pub struct MonitorView {
    pub monitor: MonitorId,
    pub config: MonitorConfig,
    pub version: u32,
    pub generation: u8,
    pub live: Live,
}

/// The part of a monitor that changes with every ping.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live {
    pub status: Status,
    /// Open runs.
    pub runs: u32,
    pub pings: u32,
    pub created_ms: i64,
    pub last_ping: Option<crate::ping::PingSummary>,
    pub next_expected_ms: Option<i64>,
    pub deadline_ms: Option<i64>,
    pub paused_until_ms: Option<i64>,
    pub incident: Option<IncidentView>,
}

/// An open incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentView {
    pub id: TransitionId,
    pub opened_ms: i64,
    pub acknowledged: bool,
}

/// What a notifier answers to an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptOutcome {
    pub delivery: DeliveryId,
    /// The attempt it answers, from 1: an answer to an older attempt changes nothing.
    pub attempt: u32,
    pub result: AttemptResult,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttemptResult {
    /// The provider took it.
    Delivered,
    /// Worth another attempt; `after_ms` is the provider's `Retry-After`.
    Retry { after_ms: Option<u64>, error: String },
    /// No attempt will ever succeed.
    Failed { error: String },
    /// The endpoint says it is gone for good: the channel is disabled, its owner told.
    Gone { error: String },
}
