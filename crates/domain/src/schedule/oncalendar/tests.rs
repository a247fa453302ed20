//! The grammar, and what several lines and zones make of it. Clock changes are in `clock_tests`.

use super::*;
use crate::schedule::Schedule;
use crate::schedule::testing::{at, calendar, days};

/// Runs in UTC from Monday 2026-02-02 00:00 on.
fn utc(text: &str, count: usize) -> Vec<String> {
    calendar(text, "UTC", "2026-02-02T00:00:00Z", count)
}

/// Days of the next runs in 2026, UTC.
fn on(text: &str, count: usize) -> Vec<String> {
    days(Schedule::oncalendar(text, "UTC").unwrap(), count)
}

fn message(text: &str) -> String {
    OnCalendar::parse(text).expect_err(text).to_string()
}

#[test]
fn every_spelling_of_every_word() {
    let cases = [
        ("minutely", "2026-02-02 00:01"),
        ("hourly", "2026-02-02 01:00"),
        ("daily", "2026-02-03 00:00"),
        ("weekly", "2026-02-09 00:00"),
        ("monthly", "2026-03-01 00:00"),
        ("quarterly", "2026-04-01 00:00"),
        ("yearly annually anually ANNUALLY", "2027-01-01 00:00"),
        ("semiannually semi-annually biannually bi-annually Bi-Annually", "2026-07-01 00:00"),
    ];
    for (words, next) in cases {
        for word in words.split(' ') {
            assert_eq!(utc(word, 1), [format!("{next} +00:00")], "{word}");
        }
    }
}

#[test]
fn weekdays_are_lists_and_ranges() {
    assert_eq!(on("Mon", 2), ["01-05", "01-12"]);
    assert_eq!(on("monday,THU", 2), ["01-01", "01-05"]);
    assert_eq!(on("Fri..Sun", 4), ["01-02", "01-03", "01-04", "01-09"]);
    assert_eq!(on("Sat-Sunday,", 2), ["01-03", "01-04"]);
    assert_eq!(on("Mon..Tue,Sat", 3), ["01-03", "01-05", "01-06"]);
    assert_eq!(on("Mon..Sun", 2), ["01-01", "01-02"]);
}

#[test]
fn dates_may_be_short() {
    assert_eq!(on("2026-03-01", 9), ["03-01"]);
    assert_eq!(on("26-3-1", 9), ["03-01"]);
    assert_eq!(on("03-01", 1), ["03-01"]);
    assert_eq!(on("*-*-1,15", 3), ["01-01", "01-15", "02-01"]);
    assert_eq!(on("*-2..4/2-10..12/2", 4), ["02-10", "02-12", "04-10", "04-12"]);
    assert_eq!(on("Fri *-*-13", 3), ["02-13", "03-13", "11-13"]);
    assert_eq!(on("*-*-31", 3), ["01-31", "03-31", "05-31"]);
    assert_eq!(on("*-*-*", 2), ["01-01", "01-02"]);
}

#[test]
fn days_from_the_end_of_the_month() {
    assert_eq!(on("*-*~1", 3), ["01-31", "02-28", "03-31"]);
    assert_eq!(on("*~3", 2), ["01-29", "02-26"]);
    assert_eq!(on("*-2~1..3", 3), ["02-26", "02-27", "02-28"]);
    assert_eq!(on("*-*~7/3", 4), ["01-25", "01-28", "01-31", "02-22"]);
    assert_eq!(on("Mon *-05~07/1", 1), ["05-25"]);
    assert_eq!(on("*-2~28", 1), ["02-01"]);
    // systemd refuses lists of three by mistake; the rule does not.
    assert_eq!(on("*-2~1,15,28", 3), ["02-01", "02-14", "02-28"]);
    assert_eq!(on("*-*~*", 1), ["01-01"]);
}

#[test]
fn times_may_be_short() {
    assert_eq!(utc("02:30", 1), ["2026-02-02 02:30 +00:00"]);
    assert_eq!(utc("*:0/15", 2), ["2026-02-02 00:15 +00:00", "2026-02-02 00:30 +00:00"]);
    assert_eq!(utc("9..17/8:0", 3), ["2026-02-02 09:00 +00:00", "2026-02-02 17:00 +00:00", "2026-02-03 09:00 +00:00"]);
    assert_eq!(utc("*:*:*", 1), ["2026-02-02 00:00:01 +00:00"]);
    assert_eq!(utc("1:2:3,5", 2), ["2026-02-02 01:02:03 +00:00", "2026-02-02 01:02:05 +00:00"]);
    assert_eq!(utc("5..5:00", 2), ["2026-02-02 05:00 +00:00", "2026-02-03 05:00 +00:00"]);
}

#[test]
fn years_are_1970_to_2199() {
    assert_eq!(utc("2020/3-1-1", 2), ["2029-01-01 00:00 +00:00", "2032-01-01 00:00 +00:00"]);
    assert_eq!(utc("2199-12-31", 2), ["2199-12-31 00:00 +00:00"]);
    assert!(utc("70-1-1", 1).is_empty());
    for text in ["2200-1-1", "1969-1-1", "2199/1-1-1", "2..100-1-1"] {
        assert!(message(text).contains("years 1970-2199"), "{text}");
    }
    let early = calendar("yearly", "UTC", "1066-01-01T00:00:00Z", 1);
    assert_eq!(early, ["1970-01-01 00:00 +00:00"]);
}

#[test]
fn a_zone_at_the_end_wins_over_the_monitors() {
    let next = |text, zone| calendar(text, zone, "2026-02-02T00:00:00Z", 1);
    assert_eq!(next("04:00 Europe/Riga", "UTC"), ["2026-02-02 02:00 +00:00"]);
    assert_eq!(next("04:00 UTC", "Europe/Riga"), ["2026-02-02 06:00 +02:00"]);
    assert_eq!(next("weekly Asia/Tokyo", "UTC"), ["2026-02-08 15:00 +00:00"]);
    assert_eq!(next("04:00", "Europe/Riga"), ["2026-02-02 04:00 +02:00"]);
    assert!(message("04:00 Europe/Rigaa").starts_with("tz: found \"Europe/Rigaa\""));
    assert!(message("04:00 utc").starts_with("tz: found \"utc\""));
}

#[test]
fn lines_are_merged_and_equal_instants_come_once() {
    let runs = utc("02:00 UTC\n\n  04:00 Europe/Riga \r\n03:00\n", 3);
    assert_eq!(runs, ["2026-02-02 02:00 +00:00", "2026-02-02 03:00 +00:00", "2026-02-03 02:00 +00:00"]);
}

#[test]
fn what_never_comes_parses_and_is_refused_at_the_door() {
    let now = at("2026-11-24T12:00:00Z");
    for text in ["2026-02-29", "Mon 2026-11-24", "2026-11-24", "2020..2025-*-*", "*-2-30"] {
        let schedule = Schedule::oncalendar(text, "UTC").unwrap();
        assert_eq!(schedule.next(now), None, "{text}");
        let error = schedule.must_run_after(now).unwrap_err().to_string();
        assert!(error.contains(text) && error.contains("50 years"), "{error}");
    }
    assert!(Schedule::oncalendar("2026-02-29\n2026-12-24", "UTC").unwrap().must_run_after(now).is_ok());
    assert!(Schedule::oncalendar("2150-01-01", "UTC").unwrap().must_run_after(now).is_err());
}

#[test]
fn refusals_name_what_they_refuse() {
    let cases = [
        ("", "a calendar expression"),
        (" \n\t", "a calendar expression"),
        ("@1700000000", "a single moment"),
        ("10:00:00.5", "whole seconds"),
        ("10:00:00.0", "whole seconds"),
        ("24:00", "a time"),
        ("*:60", "a time"),
        ("*:*/5", "a time"),
        ("*:0/0", "a time"),
        ("*:50/20", "a time"),
        ("10", "a time"),
        ("10:00:", "a time"),
        ("Mon..", "weekdays"),
        ("Fri..Mon", "weekdays"),
        ("Mon..Tue..Wed", "weekdays"),
        ("Mon,,Tue", "weekdays"),
        ("Mond", "a date"),
        ("2026-11", "months 1-12"),
        ("2026-13-01", "months 1-12"),
        ("2026-1-32", "days 1-31"),
        ("*-*~29", "days 1-31"),
        ("*-*~1/1", "days 1-31"),
        ("2026~3-1", "a date"),
        ("2026-03-01T10:00", "a date"),
        ("half-yearly", "a date"),
        ("99999999999999999999:00", "a date"),
        ("\u{17f}un", "ASCII"),
    ];
    for (text, words) in cases {
        let message = message(text);
        assert!(message.starts_with("oncalendar: found ") && message.contains(words), "{text}: {message}");
    }
}

#[test]
fn long_input_is_refused_at_once() {
    for text in ["*".repeat(10_000), "daily\n".repeat(10_000), ",".repeat(100_000)] {
        assert!(message(&text).contains("at most 1000 characters"));
    }
    assert!(OnCalendar::parse(&"daily\n".repeat(166)).is_ok());
}
