//! One thing that happened.

use crate::model::Implied;
use domain::command::AttemptOutcome;
use domain::ids::{RunId, TransitionId};
use domain::monitor::MonitorConfig;
use domain::ping::{Ping, PingKind};
use domain::record::{Params, Record};

/// A record, or what follows from it, that concerns the monitor.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Of the record.
    pub offset: u64,
    /// When the log took it.
    pub append_ms: i64,
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Made(Box<MonitorConfig>),
    /// With the version that it makes.
    Edited(Box<MonitorConfig>, u32),
    Paused {
        until_ms: Option<i64>,
    },
    Resumed,
    Deleted,
    TokenRotated,
    Acknowledged {
        incident: TransitionId,
    },
    Ping {
        kind: PingKind,
        /// When an ingest received it, by that machine's clock.
        received_ms: i64,
        run: Option<RunId>,
        duration_ms: Option<u64>,
        /// It would make the monitor if it were not there.
        creates: bool,
    },
    /// An ingest started.
    Boot {
        node: u64,
        origin: u8,
    },
    /// An ingest says that it did not hear.
    Deaf {
        from_ms: i64,
        to_ms: i64,
    },
    /// Nobody could be heard, as the record shows.
    Blind {
        origin: u8,
        from_ms: i64,
        to_ms: i64,
    },
    Params(Params),
    /// When silence becomes a verdict from here on; `None`: it does not.
    Deadline {
        at_ms: Option<i64>,
    },
    /// What the log implies here, by the second opinion.
    Implied(Implied),
    /// An attempt at telling somebody ended.
    Attempt(AttemptOutcome),
    /// The shard's monitors are judged elsewhere from here on.
    Moved,
    /// The monitor came from elsewhere.
    Adopted,
}

impl What {
    pub(super) fn ping(record: &Record, ping: &Ping) -> Self {
        Self::Ping {
            kind: ping.kind,
            received_ms: record.envelope.received.0,
            run: ping.run,
            duration_ms: ping.duration_ms,
            creates: ping.create.is_some(),
        }
    }

    /// A short stable name.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Made(_) => "made",
            Self::Edited(..) => "edited",
            Self::Paused { .. } => "paused",
            Self::Resumed => "resumed",
            Self::Deleted => "deleted",
            Self::TokenRotated => "token_rotated",
            Self::Acknowledged { .. } => "acknowledged",
            Self::Ping { .. } => "ping",
            Self::Boot { .. } => "boot",
            Self::Deaf { .. } => "deaf",
            Self::Blind { .. } => "blind",
            Self::Params(_) => "params",
            Self::Deadline { .. } => "deadline",
            Self::Implied(_) => "implied",
            Self::Attempt(_) => "attempt",
            Self::Moved => "moved",
            Self::Adopted => "adopted",
        }
    }
}
