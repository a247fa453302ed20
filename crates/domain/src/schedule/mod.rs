//! Schedules: when a monitored job is expected to run.
//!
//! `next` of a schedule is the first instant strictly after another, fractions of a second included. Across
//! clock changes cron expressions do what Debian's cron does, calendar expressions what systemd does; `walk`
//! is the only place that knows about it. Text becomes bit masks once, and every search is bounded: no
//! expression, zone or instant can make it panic or run for long.

mod civil;
mod cron;
mod error;
mod oncalendar;
mod pieces;
mod slots;
mod walk;
pub mod zone;

pub use cron::Cron;
pub use error::ScheduleError;
pub(crate) use error::cut;
pub use oncalendar::OnCalendar;
pub use zone::Zone;

use crate::time::UnixMs;

/// Longest period: 366 days, in seconds.
pub const PERIOD_MAX_SECS: u32 = 31_622_400;

/// How far ahead a run must lie for a schedule to count as one that runs: 50 years of 365.2425 days.
const HORIZON_SECS: i64 = 50 * 31_556_952;

/// A monitor's schedule. Clone is cheap; equality and order are by source text and zone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Schedule {
    /// One run every so many seconds, 1 to 31,622,400, counted from the last.
    Period { seconds: u32 },
    /// Runs at the times of a cron expression on the zone's wall clock.
    Cron { cron: Cron, zone: Zone },
    /// Runs at the times of systemd calendar expressions; `zone` is for those that name none themselves.
    OnCalendar { calendar: OnCalendar, zone: Zone },
}

impl Schedule {
    /// A period in seconds. Fails outside 1 to 31,622,400.
    pub fn period(seconds: u64) -> Result<Self, ScheduleError> {
        match u32::try_from(seconds) {
            Ok(seconds @ 1..=PERIOD_MAX_SECS) => Ok(Self::Period { seconds }),
            _ => Err(ScheduleError::new("period", &seconds.to_string(), "1 to 31622400 seconds (366 days)")),
        }
    }

    /// A cron expression in a zone. Parses only; `must_run_after` asks whether it ever runs.
    pub fn cron(expr: &str, zone: &str) -> Result<Self, ScheduleError> {
        Ok(Self::Cron { cron: Cron::parse(expr)?, zone: Zone::parse(zone)? })
    }

    /// Calendar expressions, one a line, in a zone. Parses only, like `cron`.
    pub fn oncalendar(text: &str, zone: &str) -> Result<Self, ScheduleError> {
        Ok(Self::OnCalendar { calendar: OnCalendar::parse(text)?, zone: Zone::parse(zone)? })
    }

    /// The door check: refuses what has no run within 50 years after `after`, as `0 0 30 2 *` or a date
    /// that is past. Records that are already in the log are not asked again.
    pub fn must_run_after(&self, after: UnixMs) -> Result<(), ScheduleError> {
        let horizon = after.plus_ms(HORIZON_SECS * 1000);
        match self.next(after) {
            Some(next) if next <= horizon => Ok(()),
            _ => Err(self.never_runs()),
        }
    }

    /// The first instant strictly after `after`; for a period, `after` plus it. None means never, which is
    /// harmless: the monitor then waits for nothing.
    pub fn next(&self, after: UnixMs) -> Option<UnixMs> {
        match self {
            Self::Period { seconds } => within_range(after.0.checked_add(i64::from(*seconds) * 1000)?),
            Self::Cron { cron, zone } => cron.next(zone, after),
            Self::OnCalendar { calendar, zone } => calendar.next(zone, after),
        }
    }

    /// The monitor's zone; None for a period, which has no use for one.
    pub fn zone(&self) -> Option<&Zone> {
        match self {
            Self::Period { .. } => None,
            Self::Cron { zone, .. } | Self::OnCalendar { zone, .. } => Some(zone),
        }
    }

    fn never_runs(&self) -> ScheduleError {
        let allowed = "a schedule that runs within 50 years";
        match self {
            Self::Period { seconds } => ScheduleError::new("period", &seconds.to_string(), allowed),
            Self::Cron { cron, .. } => ScheduleError::new("cron", cron.source(), allowed),
            Self::OnCalendar { calendar, .. } => ScheduleError::new("oncalendar", calendar.source(), allowed),
        }
    }
}

/// `ms` as an instant, if it lies in the years -9999 to 9999.
fn within_range(ms: i64) -> Option<UnixMs> {
    jiff::Timestamp::from_millisecond(ms).ok().map(|_| UnixMs(ms))
}

#[cfg(test)]
mod clock_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
