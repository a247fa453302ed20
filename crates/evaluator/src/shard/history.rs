//! Holds history rows back for a moment while many arrive: a store writes a hundred rows of one monitor at
//! once for little more than one. While few arrive they are written with their step, so that whoever looks
//! sees a ping at once. Nothing is at risk: the log still has every ping that is held back, since a snapshot
//! writes them first and the log is released after it.

use domain::engine::effects::HistoryRow;
use std::time::Duration;
use tokio::time::Instant;

/// Rows within a second that count as many.
const MANY_PER_SECOND: usize = 500;
/// The longest a row is held back.
const HOLD: Duration = Duration::from_millis(1_500);
/// What may be held back: rows, and bytes of bodies.
const MAX_ROWS: usize = 20_000;
const MAX_BYTES: usize = 8 << 20;

/// Rows that wait.
pub struct HistoryBuffer {
    rows: Vec<HistoryRow>,
    bytes: usize,
    oldest: Instant,
    second: Instant,
    in_second: usize,
    is_busy: bool,
}

impl HistoryBuffer {
    /// An empty buffer.
    pub fn new(now: Instant) -> Self {
        Self { rows: Vec::new(), bytes: 0, oldest: now, second: now, in_second: 0, is_busy: false }
    }

    /// Takes rows in and gives back those that are to be written now. `at_once`: all of them.
    pub fn exchange(&mut self, rows: Vec<HistoryRow>, at_once: bool, now: Instant) -> Vec<HistoryRow> {
        self.measure(rows.len(), now);
        if self.rows.is_empty() {
            self.oldest = now;
        }
        self.bytes += rows.iter().map(|row| row.details.body.len()).sum::<usize>();
        self.rows.extend(rows);
        let full = self.rows.len() >= MAX_ROWS || self.bytes >= MAX_BYTES;
        let held = self.is_busy && now - self.oldest < HOLD;
        if at_once || full || !held { self.drain() } else { Vec::new() }
    }

    /// Everything that waits.
    pub fn drain(&mut self) -> Vec<HistoryRow> {
        self.bytes = 0;
        std::mem::take(&mut self.rows)
    }

    fn measure(&mut self, rows: usize, now: Instant) {
        if now - self.second >= Duration::from_secs(1) {
            self.is_busy = self.in_second > MANY_PER_SECOND;
            self.second = now;
            self.in_second = 0;
        }
        self.in_second += rows;
        self.is_busy |= self.in_second > MANY_PER_SECOND;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::MonitorId;
    use domain::ping::{PingDetails, PingKind, PingSummary};

    fn rows(count: usize) -> Vec<HistoryRow> {
        let ping =
            PingSummary { kind: PingKind::Success, at_ms: 0, number: 1, duration_ms: None, metrics: vec![], run: None };
        let details = PingDetails::default();
        let row = HistoryRow { monitor: MonitorId(1), offset: 1, ping, ignored: String::new(), coalesced: 0, details };
        vec![row; count]
    }

    #[test]
    fn a_few_rows_are_written_at_once() {
        let begin = Instant::now();
        let mut buffer = HistoryBuffer::new(begin);
        assert_eq!(buffer.exchange(rows(500), false, begin).len(), 500);
    }

    #[test]
    fn many_are_held_back_for_a_moment() {
        let begin = Instant::now();
        let mut buffer = HistoryBuffer::new(begin);
        assert_eq!(buffer.exchange(rows(501), false, begin).len(), 0);
        assert_eq!(buffer.exchange(rows(1), false, begin + Duration::from_millis(1_400)).len(), 0);
        assert_eq!(buffer.exchange(rows(600), false, begin + HOLD).len(), 1_102);
    }

    #[test]
    fn they_are_written_when_somebody_is_to_be_told_when_there_are_too_many_and_when_it_is_calm_again() {
        let begin = Instant::now();
        let mut buffer = HistoryBuffer::new(begin);
        buffer.exchange(rows(600), false, begin);
        assert_eq!(buffer.exchange(rows(1), true, begin).len(), 601);
        assert_eq!(buffer.exchange(rows(MAX_ROWS), false, begin).len(), MAX_ROWS);
        buffer.exchange(rows(600), false, begin);
        let later = begin + Duration::from_secs(1);
        assert_eq!(buffer.exchange(vec![], false, later).len(), 0);
        // The second that has just ended was calm.
        assert_eq!(buffer.exchange(rows(1), false, later + Duration::from_secs(1)).len(), 601);
    }
}
