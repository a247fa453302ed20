//! Next runs against other engines, from the files that `fixtures/generate.py` writes. Cases in which an
//! oracle is known to differ from our rule are left out there, with the reason.
//!
//! New time zone data may move runs that lie in the future; then the files are generated again.

use domain::schedule::Schedule;
use domain::time::UnixMs;

const CRON: &str = include_str!("fixtures/cron_cases.txt");
const CALENDAR: &str = include_str!("fixtures/oncalendar_cases.txt");

/// Parses a schedule from an expression and a zone.
type Parse = fn(&str, &str) -> Result<Schedule, domain::schedule::ScheduleError>;

#[test]
fn schedule_cron_agrees_with_its_oracles() {
    check(CRON, Schedule::cron);
}

#[test]
fn schedule_oncalendar_agrees_with_its_oracles() {
    check(CALENDAR, |text, zone| Schedule::oncalendar(&text.replace('|', "\n"), zone));
}

fn check(cases: &str, parse: Parse) {
    let lines = cases.lines().filter(|line| !line.starts_with('#'));
    let wrong: Vec<String> = lines.filter_map(|line| difference(line, parse)).collect();
    assert!(wrong.is_empty(), "{} cases differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// What we say where an oracle says something else.
fn difference(line: &str, parse: Parse) -> Option<String> {
    let fields: Vec<&str> = line.split('\t').collect();
    let [_, expression, zone, start, expected] = fields[..] else {
        return Some(format!("not a case: {line}"));
    };
    let count = expected.split(' ').count();
    let found = match parse(expression, zone) {
        Ok(schedule) => runs(&schedule, start.parse().unwrap(), count),
        Err(_) => "refused".to_owned(),
    };
    (found != expected).then(|| format!("{line}\n    found {found}"))
}

fn runs(schedule: &Schedule, start: i64, count: usize) -> String {
    let first = schedule.next(UnixMs::from_secs(start));
    let runs = std::iter::successors(first, |run| schedule.next(*run)).take(count);
    let seconds: Vec<String> = runs.map(|run| run.secs_floor().to_string()).collect();
    if seconds.is_empty() { "never".to_owned() } else { seconds.join(" ") }
}
