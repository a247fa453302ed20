//! Schedules. The input is `expression|zone|seconds`, the last two of which may be left out: in what zone besides the
//! usual ones, and from what second of Unix time on the next runs are asked for.

use super::input::assert_one_line;
use domain::schedule::{Schedule, ScheduleError};
use domain::time::UnixMs;

/// Zones with clock changes of every kind: none, an hour, half an hour, a lost day, one suspended each Ramadan.
const ZONES: [&str; 6] =
    ["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca"];
/// 2026-03-28T12:00:00Z, a day before clocks go forward in Europe.
const FROM_SECS: i64 = 1_774_699_200;
/// Next runs that are asked for in each zone, and in years for which offsets are worked out anew each time.
const RUNS: usize = 50;
const RUNS_FAR_OFF: usize = 5;
/// 1902 to 2199.
const NEAR_SECS: std::ops::Range<i64> = -2_145_916_800..7_258_118_400;

/// A cron expression.
pub fn cron(data: &[u8]) {
    schedule(data, "cron", Schedule::cron);
}

/// Calendar expressions.
pub fn oncalendar(data: &[u8]) {
    schedule(data, "oncalendar", Schedule::oncalendar);
}

fn schedule(data: &[u8], field: &str, read: fn(&str, &str) -> Result<Schedule, ScheduleError>) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.splitn(3, '|');
    let expression = parts.next().unwrap_or_default();
    let zone = parts.next().filter(|zone| !zone.is_empty());
    let from = parts.next().and_then(|secs| secs.parse().ok()).unwrap_or(FROM_SECS);
    for zone in ZONES.into_iter().chain(zone) {
        match read(expression, zone) {
            Ok(schedule) => follow(&schedule, &again(&schedule, zone, read), UnixMs::from_secs(from)),
            Err(refused) => {
                assert!([field, "tz"].contains(&refused.field), "{refused}");
                assert_one_line(&refused.to_string());
            }
        }
    }
}

/// The schedule that the source of `schedule` reads as.
fn again(schedule: &Schedule, zone: &str, read: fn(&str, &str) -> Result<Schedule, ScheduleError>) -> Schedule {
    let source = match schedule {
        Schedule::Cron { cron, .. } => cron.source(),
        Schedule::OnCalendar { calendar, .. } => calendar.source(),
        Schedule::Period { .. } => unreachable!("no period was read"),
    };
    let again = read(source, zone).expect("a source parses");
    assert_eq!(again, *schedule);
    again
}

/// Runs come strictly one after another, at whole seconds, and none lies between two of them.
fn follow(schedule: &Schedule, again: &Schedule, from: UnixMs) {
    if let Err(refused) = schedule.must_run_after(from) {
        assert_one_line(&refused.to_string());
    }
    let mut after = from;
    for _ in 0..if NEAR_SECS.contains(&from.secs_floor()) { RUNS } else { RUNS_FAR_OFF } {
        let Some(next) = schedule.next(after) else { return };
        assert!(next > after, "{schedule:?}: {next} comes after {after}");
        assert_eq!(next.0 % 1_000, 0, "{schedule:?}: {next}");
        assert_eq!(again.next(after), Some(next), "{schedule:?} after {after}");
        let between = UnixMs(after.0.midpoint(next.0));
        for moment in [between, next.plus_ms(-1)] {
            assert_eq!(schedule.next(moment), Some(next), "{schedule:?} from {moment}, {after} was asked before");
        }
        after = next;
    }
}
