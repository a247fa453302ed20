//! Keeps a flood of equal pings from flooding the history: beyond a rate, equal plain successes of one
//! monitor share a row that counts them. A ping with anything of its own always has its own row.

use domain::engine::effects::HistoryRow;
use domain::ids::MonitorId;
use domain::ping::PingKind;
use std::collections::HashMap;

/// Rows of one monitor within a second of T that are always written.
const ROWS_PER_SECOND: u32 = 20;

/// Counts rows per monitor within the current second.
#[derive(Default)]
pub struct Coalescer {
    second: i64,
    rows: HashMap<MonitorId, u32>,
}

impl Coalescer {
    /// Adds `row` to `batch`, or counts it in the row of its kind that is there.
    pub fn add(&mut self, row: HistoryRow, now_ms: i64, batch: &mut Vec<HistoryRow>) {
        let second = now_ms.div_euclid(1000);
        if second != self.second {
            self.second = second;
            self.rows.clear();
        }
        let written = self.rows.entry(row.monitor).or_default();
        *written += 1;
        if *written > ROWS_PER_SECOND && is_plain(&row) {
            let twin = batch.iter_mut().rev().take(4_096).find(|other| other.monitor == row.monitor && is_plain(other));
            if let Some(twin) = twin {
                twin.coalesced += 1;
                twin.ping = row.ping;
                return;
            }
        }
        batch.push(row);
    }
}

fn is_plain(row: &HistoryRow) -> bool {
    let (ping, details) = (&row.ping, &row.details);
    ping.kind == PingKind::Success
        && ping.run.is_none()
        && ping.metrics.is_empty()
        && ping.duration_ms.is_none()
        && row.ignored.is_empty()
        && details.body.is_empty()
        && details.message.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ping::{PingDetails, PingSummary};

    fn row(number: u32, message: &str) -> HistoryRow {
        let ping =
            PingSummary { kind: PingKind::Success, at_ms: 0, number, duration_ms: None, metrics: vec![], run: None };
        let details = PingDetails { message: message.into(), ..PingDetails::default() };
        HistoryRow { monitor: MonitorId(1), offset: number.into(), ping, ignored: String::new(), coalesced: 0, details }
    }

    #[test]
    fn a_flood_of_equal_successes_shares_rows_and_is_counted() {
        let (mut coalescer, mut batch) = (Coalescer::default(), Vec::new());
        (1..=100).for_each(|n| coalescer.add(row(n, ""), 500, &mut batch));
        assert_eq!(batch.len(), ROWS_PER_SECOND as usize);
        assert_eq!(batch.iter().map(|r| r.coalesced + 1).sum::<u32>(), 100);
    }

    #[test]
    fn a_ping_with_something_of_its_own_keeps_its_row() {
        let (mut coalescer, mut batch) = (Coalescer::default(), Vec::new());
        (1..=100).for_each(|n| coalescer.add(row(n, "mine"), 500, &mut batch));
        assert_eq!(batch.len(), 100);
    }

    #[test]
    fn a_new_second_begins_anew() {
        let (mut coalescer, mut batch) = (Coalescer::default(), Vec::new());
        (1..=40).for_each(|n| coalescer.add(row(n, ""), i64::from(n) * 50, &mut batch));
        assert_eq!(batch.len(), 40);
    }
}
