//! A second implementation, slow and by the words of the rule, against the first on random expressions.
//!
//! It knows no masks and no pieces: it looks at every minute in turn, asks the zone what the wall clock
//! shows, and compares each field's terms with it. Expressions are drawn as structures and written out, so
//! that the parser is under test as well.

mod clock;
mod job;

use domain::schedule::{Schedule, Zone};
use domain::time::UnixMs;
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;

use clock::{MINUTE_SECS, seen_before, wall_clock};
use job::{DayTerm, Job, Term, WeekdayTerm};

/// How far the model looks. Runs later than this only have to be later for us too.
const WINDOW_MINUTES: i64 = 60 * 60;

/// A zone and a day around which its clocks change: every kind of change the rule speaks of.
const CHANGES: [(&str, &str); 16] = [
    ("Europe/Berlin", "2026-03-29"),
    ("Europe/Berlin", "2026-10-25"),
    ("America/New_York", "2026-03-08"),
    ("America/New_York", "2026-11-01"),
    ("Australia/Lord_Howe", "2026-04-05"),
    ("Australia/Lord_Howe", "2026-10-04"),
    ("Pacific/Chatham", "2026-04-05"),
    ("Pacific/Chatham", "2026-09-27"),
    ("America/Havana", "2024-03-10"),
    ("America/Havana", "2024-11-03"),
    ("Asia/Beirut", "2024-03-31"),
    ("Pacific/Apia", "2011-12-30"),
    ("America/St_Johns", "2010-11-07"),
    ("Antarctica/Troll", "2026-10-25"),
    ("Africa/Casablanca", "2025-02-23"),
    ("UTC", "2026-06-01"),
];

/// The first of `runs_in` after `after` within the window.
fn slow_next(runs_in: impl Fn(i64) -> Vec<i64>, after: UnixMs) -> Option<i64> {
    let first = after.secs_floor().div_euclid(MINUTE_SECS) * MINUTE_SECS;
    let minutes = (0..WINDOW_MINUTES).map(|index| first + index * MINUTE_SECS);
    minutes.flat_map(runs_in).find(|run| *run * 1_000 > after.0)
}

/// Ours must be the model's; where the model found nothing, ours lies beyond its window.
fn agree(text: &str, zone: &str, after: UnixMs, ours: Option<UnixMs>, model: Option<i64>) -> Result<(), TestCaseError> {
    let end = after.0 + (WINDOW_MINUTES - 1) * MINUTE_SECS * 1_000;
    let ours = ours.filter(|run| model.is_some() || run.0 <= end).map(|run| run.0);
    prop_assert_eq!(ours, model.map(|run| run * 1_000), "{} {} {}", text, zone, after);
    Ok(())
}

fn term(min: u32, max: u32, likely: &'static [u32]) -> impl Strategy<Value = Term> {
    let pair = (min..=max, min..=max).prop_map(|(a, b)| (a.min(b), a.max(b)));
    prop_oneof![
        2 => Just(Term::All),
        2 => (1..=max).prop_map(Term::AllStep),
        4 => prop::sample::select(likely).prop_map(Term::One),
        1 => (min..=max).prop_map(Term::One),
        1 => (min..=max, 1..=max).prop_map(|(low, step)| Term::From(low, step)),
        1 => pair.clone().prop_map(|(low, high)| Term::Range(low, high)),
        1 => (pair, 1..=max).prop_map(|((low, high), step)| Term::RangeStep(low, high, step)),
    ]
}

fn day_term() -> impl Strategy<Value = DayTerm> {
    prop_oneof![
        4 => term(1, 31, &[1, 29, 30, 31]).prop_map(DayTerm::Plain),
        1 => Just(DayTerm::Last),
        1 => Just(DayTerm::LastWeekday),
        2 => (1_u32..=31).prop_map(DayTerm::Nearest),
    ]
}

fn weekday_term() -> impl Strategy<Value = WeekdayTerm> {
    prop_oneof![
        4 => term(0, 7, &[0, 6, 7]).prop_map(WeekdayTerm::Plain),
        1 => (0_u32..=7).prop_map(WeekdayTerm::Last),
        1 => (0_u32..=7, 1_i8..=5).prop_map(|(weekday, nth)| WeekdayTerm::Nth(weekday, nth)),
    ]
}

/// Jobs whose times are mostly near clock changes and whose days are mostly every day.
fn job() -> impl Strategy<Value = Job> {
    let few = 1..3_usize;
    let second = prop::option::weighted(0.2, 0_u32..60);
    let minute = prop::collection::vec(term(0, 59, &[0, 1, 15, 30, 45, 50, 59]), few.clone());
    let hour = prop::collection::vec(term(0, 23, &[0, 1, 2, 3, 23]), few);
    let day = prop_oneof![3 => Just(vec![DayTerm::Plain(Term::All)]), 1 => prop::collection::vec(day_term(), 1..3)];
    let weekday =
        prop_oneof![3 => Just(vec![WeekdayTerm::Plain(Term::All)]), 1 => prop::collection::vec(weekday_term(), 1..3)];
    (second, minute, hour, day, weekday).prop_map(|(second, minute, hour, day, weekday)| Job {
        second,
        minute,
        hour,
        day,
        month: vec![Term::All],
        weekday,
    })
}

/// Jobs at midnight on unusual days.
fn day_job() -> impl Strategy<Value = Job> {
    let month = prop::collection::vec(term(1, 12, &[1, 2, 4, 12]), 1..3);
    let days = prop::collection::vec(day_term(), 1..3);
    (days, month, prop::collection::vec(weekday_term(), 1..3)).prop_map(|(day, month, weekday)| Job {
        second: None,
        minute: vec![Term::One(0)],
        hour: vec![Term::One(0)],
        day,
        month,
        weekday,
    })
}

/// A zone, and an instant from 30 hours before the start of a changing day (UTC) to 30 hours after.
fn start() -> impl Strategy<Value = (&'static str, UnixMs)> {
    let reach = 30 * 3_600_000_i64;
    (prop::sample::select(&CHANGES[..]), -reach..reach).prop_map(|((zone, day), ms)| {
        let midnight: Timestamp = format!("{day}T00:00:00Z").parse().unwrap();
        (zone, UnixMs(midnight.as_millisecond() + ms))
    })
}

proptest! {
    #[test]
    fn schedule_cron_near_clock_changes(job in job(), (zone, after) in start()) {
        let text = job.text();
        let ours = Schedule::cron(&text, zone).unwrap().next(after);
        let zone = Zone::parse(zone).unwrap();
        agree(&text, zone.name(), after, ours, slow_next(|minute| job.runs_in(&zone, minute), after))?;
    }

    #[test]
    fn schedule_oncalendar_near_clock_changes(hour in 0_u32..4, step in 1_u32..40, second in 0_i64..60, (zone, after) in start()) {
        let text = format!("{hour}..23/2:{}/{step}:{second}", step % 20);
        let ours = Schedule::oncalendar(&text, zone).unwrap().next(after);
        let zone = Zone::parse(zone).unwrap();
        let runs = |minute: i64| {
            let local = wall_clock(&zone, minute);
            let hours = Term::RangeStep(hour, 23, 2).has(local.hour() as u32, 0);
            let minutes = Term::From(step % 20, step).has(local.minute() as u32, 0);
            if hours && minutes && !seen_before(&zone, minute) { vec![minute + second] } else { vec![] }
        };
        agree(&text, zone.name(), after, ours, slow_next(runs, after))?;
    }

    #[test]
    fn schedule_cron_days(job in day_job(), start in 0_i64..40_000) {
        let text = job.text();
        let (mut date, zone) = (Date::constant(1970, 1, 1).checked_add(start.days()).unwrap(), Zone::utc());
        let ours = Schedule::cron(&text, "UTC").unwrap().next(UnixMs::from_secs(start * 86_400));
        let model = (1..1_500).find(|_| {
            date = date.tomorrow().unwrap();
            job.has_day(date)
        });
        let ours = ours.map(|run| run.secs_floor() / 86_400 - start).filter(|days| *days < 1_500);
        prop_assert_eq!(ours, model, "{} {}", text, zone.name());
    }

    #[test]
    fn schedule_refuses_junk_without_panic(text in "[ -~\t\u{17f}L#W*/,@]{0,40}", zone in "[A-Za-z/_]{0,12}") {
        let _ = Schedule::cron(&text, "UTC").map_err(|error| error.to_string());
        let _ = Schedule::oncalendar(&text, &zone).map_err(|error| error.to_string());
        let _ = domain::duration::parse_duration_secs(&text);
        let _ = domain::duration::parse_duration_ms(&text);
    }

    #[test]
    fn schedule_junk_of_cron_signs_never_panics(text in "[0-9*/,LW#H -]{5,40}", ms in any::<i64>()) {
        if let Ok(schedule) = Schedule::cron(&text, "Africa/Casablanca") {
            let _ = schedule.next(UnixMs(ms));
        }
    }
}
