//! What the engine wants done. Plain data: the evaluator performs it, a simulator checks it.

use crate::command::{Answer, Live};
use crate::delivery::Delivery;
use crate::ids::{ChannelId, CommandId, DeliveryId, MonitorId, TenantId};
use crate::monitor::MonitorConfig;
use crate::ping::{PingDetails, PingSummary};
use crate::transition::Transition;

/// One thing to do. Order matters: effects of one record are performed front to back.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Store a monitor's configuration (made, edited, deleted).
    Monitor(Box<MonitorRow>),
    /// Store a monitor's status (after a command or a transition; not after every ping).
    Status(Box<StatusRow>),
    /// Store that the record's ping was heard, and what became of it.
    Heard(Heard),
    /// Store a transition; those with channels go to the outbox too.
    Transition(Box<Transition>),
    /// Store where a delivery stands.
    Delivery(Box<Delivery>),
    /// Offer an attempt of a delivery to the notifiers. `attempt` counts from 1.
    Offer { delivery: DeliveryId, attempt: u32 },
    /// Offer it no more: it reached a terminal state.
    Withdraw { delivery: DeliveryId },
    /// Tell whoever waits for this record.
    Answer { command: Option<CommandId>, answer: Answer },
    /// Tokens of this monitor below `least_generation` are dead; 63 kills all.
    Revoke { tenant: TenantId, monitor: MonitorId, least_generation: u8 },
    /// The endpoint is gone: switch the channel off and tell its owner.
    DisableChannel { tenant: TenantId, channel: ChannelId, reason: String },
    /// Something odd that is counted and logged.
    Note(Note),
}

/// A monitor's configuration as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct MonitorRow {
    pub monitor: MonitorId,
    pub config: MonitorConfig,
    pub version: u32,
    pub generation: u8,
    pub created_ms: i64,
    pub changed_ms: i64,
    pub deleted: bool,
}

/// A monitor's status as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct StatusRow {
    pub monitor: MonitorId,
    pub tenant: TenantId,
    pub slug: String,
    pub live: Live,
    /// The shard's clock when it was true.
    pub known_ms: i64,
}

/// A ping that was applied. The record holds the rest (body and details).
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    pub monitor: MonitorId,
    pub ping: PingSummary,
    /// Why it changed nothing; empty when it counted.
    pub ignored: &'static str,
}

/// A ping as stored and listed.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRow {
    pub monitor: MonitorId,
    pub offset: u64,
    pub ping: PingSummary,
    pub ignored: String,
    /// Equal pings this row also stands for.
    pub coalesced: u32,
    pub details: PingDetails,
}

/// Counted oddities, each a label of one metric.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A ping for a monitor that does not exist, or by a dead token.
    UnknownMonitor { monitor: MonitorId },
    /// A record this shard had already applied (same producer and sequence).
    Repeated,
    /// Records of a producer that never arrived.
    Gap { missing: u64 },
    /// The oldest of too many open runs was dropped.
    RunDropped { monitor: MonitorId },
    /// Nobody could hear in these seconds.
    Blind { from_ms: i64, to_ms: i64 },
    /// The log's clock had run ahead and was set back.
    ClockSetBack { from_ms: i64, to_ms: i64 },
    /// A schedule found in the log that never runs, or no longer parses: the monitor is not judged by it.
    NeverRuns { monitor: MonitorId },
    /// Effective time was before the append time by more than W allows, and was cut.
    LatenessCut,
}

impl Note {
    /// A short stable label.
    pub fn label(&self) -> &'static str {
        match self {
            Self::UnknownMonitor { .. } => "unknown_monitor",
            Self::Repeated => "repeated",
            Self::Gap { .. } => "gap",
            Self::RunDropped { .. } => "run_dropped",
            Self::Blind { .. } => "blind",
            Self::ClockSetBack { .. } => "clock_set_back",
            Self::NeverRuns { .. } => "never_runs",
            Self::LatenessCut => "lateness_cut",
        }
    }
}
