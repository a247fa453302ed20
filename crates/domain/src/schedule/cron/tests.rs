//! The grammar: what each field names, and what is refused with which words.

use super::*;
use crate::schedule::Schedule;
use crate::schedule::testing::{cron, days};

/// Days of the next runs in 2026, at midnight UTC.
fn on(day: &str, month: &str, weekday: &str, count: usize) -> Vec<String> {
    days(Schedule::cron(&format!("0 0 {day} {month} {weekday}"), "UTC").unwrap(), count)
}

/// The minutes past midnight at which an expression runs on one day, in UTC.
fn minutes(minute: &str) -> Vec<u32> {
    let expr = format!("{minute} 0 1 1 *");
    let all = cron(&expr, "UTC", "2026-12-31T23:59:59Z", 60);
    all.iter().filter(|run| run.starts_with("2027")).map(|run| run[14..16].parse().unwrap()).collect()
}

#[test]
fn values_ranges_steps_and_lists() {
    assert_eq!(minutes("5"), [5]);
    assert_eq!(minutes("05,7,5"), [5, 7]);
    assert_eq!(minutes("10-12"), [10, 11, 12]);
    assert_eq!(minutes("10-20/5"), [10, 15, 20]);
    assert_eq!(minutes("*/20"), [0, 20, 40]);
    assert_eq!(minutes("5/20"), [5, 25, 45]);
    assert_eq!(minutes("53-53/3"), [53]);
    assert_eq!(minutes("7/100"), [7]);
    assert_eq!(minutes("*/65535"), [0]);
    assert_eq!(minutes("1-2,58/1"), [1, 2, 58, 59]);
}

#[test]
fn names_are_case_insensitive() {
    assert_eq!(on("1", "jan,FEB,Mar", "*", 3), ["01-01", "02-01", "03-01"]);
    assert_eq!(on("*", "*", "Fri-sun", 4), ["01-02", "01-03", "01-04", "01-09"]);
    assert_eq!(cron("@DAILY", "UTC", "2026-01-01T00:00:00Z", 1), ["2026-01-02 00:00 +00:00"]);
    assert_eq!(on("l", "*", "*", 2), ["01-31", "02-28"]);
    assert_eq!(on("lw", "*", "*", 2), ["01-30", "02-27"]);
    assert_eq!(on("*", "*", "fril", 2), ["01-30", "02-27"]);
}

#[test]
fn sunday_is_seven_and_zero() {
    let sundays = ["01-04", "01-11"];
    for weekday in ["0", "7", "SUN", "7-7", "SUN-SUN", "*/7", "0/7"] {
        assert_eq!(on("*", "*", weekday, 2), sundays, "{weekday}");
    }
    // To the end of the field, which is 7: Monday, Wednesday, Friday and Sunday.
    assert_eq!(on("*", "*", "1/2", 4), ["01-02", "01-04", "01-05", "01-07"]);
    assert_eq!(on("*", "*", "SUN-TUE", 4), ["01-04", "01-05", "01-06", "01-11"]);
    assert_eq!(on("*", "*", "5-7", 3), ["01-02", "01-03", "01-04"]);
    assert_eq!(on("*", "*", "0L,7#1", 3), ["01-04", "01-25", "02-01"]);
}

#[test]
fn last_days_and_weekdays() {
    assert_eq!(on("L", "*", "*", 3), ["01-31", "02-28", "03-31"]);
    // The last day of January and of February 2026 is a Saturday.
    assert_eq!(on("LW", "*", "*", 3), ["01-30", "02-27", "03-31"]);
    assert_eq!(on("*", "*", "5L", 3), ["01-30", "02-27", "03-27"]);
    assert_eq!(on("L,15", "2", "*", 2), ["02-15", "02-28"]);
}

#[test]
fn nearest_weekday_stays_in_its_month() {
    // 15th: Thursday, Sunday, Sunday.
    assert_eq!(on("15W", "*", "*", 3), ["01-15", "02-16", "03-16"]);
    // The first of February and March are Sundays, of August a Saturday.
    assert_eq!(on("1W", "2,3,8", "*", 3), ["02-02", "03-02", "08-03"]);
    // The 31st of January and October is a Saturday, of May a Sunday; other months have none.
    assert_eq!(on("31W", "*", "*", 6), ["01-30", "03-31", "05-29", "07-31", "08-31", "10-30"]);
    assert_eq!(on("29W", "2", "*", 1), ["02-29"]);
}

#[test]
fn numbered_weekdays() {
    assert_eq!(on("*", "*", "MON#1", 3), ["01-05", "02-02", "03-02"]);
    assert_eq!(on("*", "*", "5#5", 3), ["01-30", "05-29", "07-31"]);
    assert_eq!(on("*", "1", "MON#1,WED#3,2", 5), ["01-05", "01-06", "01-13", "01-20", "01-21"]);
}

#[test]
fn day_fields_are_anded_when_one_begins_with_a_star() {
    assert_eq!(on("13", "*", "FRI", 4), ["01-02", "01-09", "01-13", "01-16"]);
    // Mondays with an odd date.
    assert_eq!(on("*/2", "*", "1", 3), ["01-05", "01-19", "02-09"]);
    assert_eq!(on("13", "*", "*/5", 3), ["02-13", "03-13", "09-13"]);
    assert_eq!(on("1-31/2", "1", "1", 3), ["01-01", "01-03", "01-05"]);
    // `*,5` begins with a star too.
    assert_eq!(on("*,5", "*", "1", 2), ["01-05", "01-12"]);
}

#[test]
fn six_fields_have_seconds_first() {
    let runs = cron("*/30 59 23 31 12 *", "UTC", "2026-01-01T00:00:00Z", 2);
    assert_eq!(runs, ["2026-12-31 23:59 +00:00", "2026-12-31 23:59:30 +00:00"]);
}

#[test]
fn blanks_are_spaces_and_tabs() {
    let spaced = Cron::parse(" \t0\t 3 * *  * \t").unwrap();
    assert_eq!(spaced.source(), "0\t 3 * *  *");
    assert!(Cron::parse("0\n3 * * *").is_err());
    assert!(Cron::parse("0 3 * * *\u{a0}").is_err());
}

#[test]
fn nicknames() {
    let cases = [
        ("@yearly", "2027-01-01 00:00"),
        ("@annually", "2027-01-01 00:00"),
        ("@monthly", "2026-02-01 00:00"),
        ("@weekly", "2026-01-18 00:00"),
        ("@daily", "2026-01-16 00:00"),
        ("@midnight", "2026-01-16 00:00"),
        ("@hourly", "2026-01-15 13:00"),
    ];
    for (name, next) in cases {
        assert_eq!(cron(name, "UTC", "2026-01-15T12:00:00Z", 1), [format!("{next} +00:00")], "{name}");
    }
}

#[test]
fn refusals_name_what_they_refuse() {
    let cases = [
        ("", "five fields"),
        ("* * * *", "five fields"),
        ("* * * * * * *", "a seventh, the year"),
        ("? * * * *", "`?` is not supported"),
        ("H * * * *", "`H`, a value chosen by hash"),
        ("h/15 * * * *", "`H`, a value chosen by hash"),
        ("H(0-29) * * * *", "`H`, a value chosen by hash"),
        ("R * * * *", "`R`, a value chosen at random"),
        ("0 0 L-3 * *", "an offset `L-3` or a step `L/2` is not supported"),
        ("0 0 L/2 * *", "an offset `L-3` or a step `L/2` is not supported"),
        ("0 0 * * L", "a weekday before `L`"),
        ("0 0 * * MON-FRI#1", "one day before `W`, `L` or `#`"),
        ("0 0 * * 1-5L", "one day before `W`, `L` or `#`"),
        ("0 0 1-5W * *", "one day before `W`, `L` or `#`"),
        ("0 0 W * *", "a day before `W`"),
        ("0 0 32W * *", "1-31"),
        ("0 0 * * 1#6", "1-5 after `#`"),
        ("0 0 * * 1#0", "1-5 after `#`"),
        ("0 0 * * #7", "0-7"),
        ("@reboot", "@reboot is not a time"),
        ("@every 5m", "@hourly"),
        ("*/0 * * * *", "a step of 1-65535"),
        ("5/0 * * * *", "a step of 1-65535"),
        ("*/65536 * * * *", "a step of 1-65535"),
        ("60 * * * *", "in minute, 0-59"),
        ("* 24 * * *", "in hour, 0-23"),
        ("* * 0 * *", "in day of month, 1-31"),
        ("* * * 13 *", "in month, 1-12"),
        ("* * * * 8", "in day of week, 0-7"),
        ("10-5 * * * *", "from low to high"),
        ("* * * * SAT-MON", "from low to high"),
        ("1,,2 * * * *", "in minute, 0-59"),
        ("1, * * * *", "in minute, 0-59"),
        ("-1 * * * *", "in minute, 0-59"),
        ("+1 * * * *", "in minute, 0-59"),
        ("001 * * * *", "in minute, 0-59"),
        ("*-5 * * * *", "in minute, 0-59"),
        ("1/2/3 * * * *", "a step of 1-65535"),
        ("* * * * MONDAY", "in day of week, 0-7"),
        ("* * * MON *", "in month, 1-12"),
        ("0 0 * * \u{17f}un", "ASCII"),
        ("\u{665} * * * *", "ASCII"),
        ("0 0 * * *\0", "ASCII"),
    ];
    for (text, words) in cases {
        let message = Cron::parse(text).expect_err(text).to_string();
        assert!(message.starts_with("cron: found ") && message.contains(words), "{text}: {message}");
    }
}

#[test]
fn long_input_is_refused_at_once() {
    for text in
        ["*".repeat(10_000), ",".repeat(10_000), format!("{} * * * *", "1,".repeat(126)), "\u{1f600}".repeat(300)]
    {
        assert!(Cron::parse(&text).unwrap_err().to_string().len() < 1_000);
    }
    let longest = format!("0{} * * * *", ",0".repeat(123));
    assert_eq!(longest.len(), 255);
    assert!(Cron::parse(&longest).is_ok());
}

#[test]
fn equality_is_by_text() {
    let parse = |text| Cron::parse(text).unwrap();
    assert_eq!(parse("0 3 * * *"), parse(" 0 3 * * * "));
    assert_ne!(parse("0 3 * * *"), parse("00 3 * * *"));
    assert_eq!(format!("{:?}", parse("@daily")), "Cron(\"@daily\")");
}
