//! How the tests of this module write instants: as the wall clock shows them, with its offset.

use super::Schedule;
use crate::time::UnixMs;

/// `2026-03-29T01:00:00Z` as an instant.
pub fn at(text: &str) -> UnixMs {
    UnixMs(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

/// The next `count` runs after `after`, as `2026-03-29 03:00 +02:00`, with seconds where there are any.
pub fn runs(schedule: &Schedule, after: &str, count: usize) -> Vec<String> {
    let first = schedule.next(at(after));
    let instants = std::iter::successors(first, |run| schedule.next(*run)).take(count);
    instants.map(|run| wall_clock(schedule, run)).collect()
}

fn wall_clock(schedule: &Schedule, run: UnixMs) -> String {
    let zone = schedule.zone().unwrap().tz().clone();
    let local = jiff::Timestamp::from_millisecond(run.0).unwrap().to_zoned_datetime(zone);
    let format = if local.second() == 0 { "%F %H:%M %:z" } else { "%F %T %:z" };
    local.strftime(format).to_string()
}

/// Runs of a cron expression.
pub fn cron(expr: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    runs(&Schedule::cron(expr, zone).unwrap(), after, count)
}

/// Runs of calendar expressions.
pub fn calendar(text: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    runs(&Schedule::oncalendar(text, zone).unwrap(), after, count)
}

/// The days of the next `count` runs in UTC after the start of 2026, as `01-05`.
pub fn days(schedule: Schedule, count: usize) -> Vec<String> {
    let all = runs(&schedule, "2025-12-31T23:59:59Z", count);
    all.iter().map(|run| run[5..10].to_owned()).collect()
}
