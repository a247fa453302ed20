//! What is known of a monitor's past.

use domain::engine::effects::HistoryRow;
use domain::ids::RunId;
use domain::ping::{Metric, PingKind};
use domain::transition::{Reason, Transition};

/// A ping that counted.
#[derive(Clone, Debug, PartialEq)]
pub struct PastPing {
    pub at_ms: i64,
    pub kind: PingKind,
    pub run: Option<RunId>,
    pub duration_ms: Option<u64>,
    pub metrics: Vec<Metric>,
    /// `GET`, `POST`, …
    pub method: String,
}

/// The past of one monitor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Story {
    /// In the order of their times.
    pub pings: Vec<PastPing>,
    /// When it was paused (true) and resumed (false) by somebody.
    pub pauses: Vec<(i64, bool)>,
    /// Stretches of which notices say that nobody could hear.
    pub blind: Vec<(i64, i64)>,
}

impl Story {
    /// From what a store holds, in any order. Pings that changed nothing are left out. A row that stands for several
    /// equal pings is one, at the time of the last.
    pub fn of(rows: &[HistoryRow], transitions: &[Transition]) -> Self {
        let counted = rows.iter().filter(|row| row.ignored.is_empty());
        let mut ordered: Vec<&HistoryRow> = counted.collect();
        ordered.sort_by_key(|row| (row.ping.at_ms, row.offset));
        let pause = |one: &Transition| match one.reason {
            Reason::Paused => Some((one.occurred_ms, true)),
            Reason::Resumed => Some((one.occurred_ms, false)),
            _ => None,
        };
        let mut pauses: Vec<(i64, bool)> = transitions.iter().filter_map(pause).collect();
        pauses.sort();
        let blind = transitions.iter().filter_map(|one| one.blind).collect();
        Self { pings: ordered.into_iter().map(PastPing::of).collect(), pauses, blind }
    }
}

impl PastPing {
    fn of(row: &HistoryRow) -> Self {
        Self {
            at_ms: row.ping.at_ms,
            kind: row.ping.kind,
            run: row.ping.run,
            duration_ms: row.ping.duration_ms,
            metrics: row.ping.metrics.clone(),
            method: row.details.method.clone(),
        }
    }
}
