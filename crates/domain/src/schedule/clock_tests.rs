//! Clock changes, kind by kind, for cron and for calendar expressions.

use super::testing::{calendar, cron};

/// The night before Berlin's clocks go forward, 02:00 to 03:00 at 01:00 UTC, and back, 03:00 to 02:00.
const BERLIN_SPRING: &str = "2026-03-28T12:00:00Z";
const BERLIN_AUTUMN: &str = "2026-10-24T12:00:00Z";

#[test]
fn a_fixed_job_in_a_gap_runs_at_the_first_instant_after_it() {
    let runs = cron("30 2 * * *", "Europe/Berlin", BERLIN_SPRING, 2);
    assert_eq!(runs, ["2026-03-29 03:00 +02:00", "2026-03-30 02:30 +02:00"]);
    let runs = cron("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", 2);
    assert_eq!(runs, ["2026-03-08 03:00 -04:00", "2026-03-09 02:30 -04:00"]);
    let runs = cron("15 30 3 * * *", "Europe/Riga", BERLIN_SPRING, 2);
    assert_eq!(runs, ["2026-03-29 04:00 +03:00", "2026-03-30 03:30:15 +03:00"]);
}

#[test]
fn a_gap_makes_up_for_one_run_however_many_slots_it_swallowed() {
    let runs = cron("0,10,50 0-3 * * *", "Europe/Berlin", "2026-03-29T00:50:00Z", 3);
    assert_eq!(runs, ["2026-03-29 03:00 +02:00", "2026-03-29 03:10 +02:00", "2026-03-29 03:50 +02:00"]);
    let runs = cron("0 3,4 * * *", "Europe/Riga", BERLIN_SPRING, 2);
    assert_eq!(runs, ["2026-03-29 04:00 +03:00", "2026-03-30 03:00 +03:00"]);
    // `0-59` is every minute, but it does not begin with a star.
    let runs = cron("0-59 2 * * *", "Europe/Berlin", BERLIN_SPRING, 2);
    assert_eq!(runs, ["2026-03-29 03:00 +02:00", "2026-03-30 02:00 +02:00"]);
    let runs = cron("5,* 2 * * *", "Europe/Berlin", BERLIN_SPRING, 2);
    assert_eq!(runs, ["2026-03-29 03:00 +02:00", "2026-03-30 02:00 +02:00"]);
}

#[test]
fn a_fixed_job_runs_in_the_first_pass_only() {
    let runs = cron("30 2 * * *", "Europe/Berlin", BERLIN_AUTUMN, 2);
    assert_eq!(runs, ["2026-10-25 02:30 +02:00", "2026-10-26 02:30 +01:00"]);
    let runs = cron("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", 2);
    assert_eq!(runs, ["2026-11-01 01:30 -04:00", "2026-11-02 01:30 -05:00"]);
    let runs = cron("0 1-3 * * *", "Europe/Berlin", BERLIN_AUTUMN, 3);
    assert_eq!(runs, ["2026-10-25 01:00 +02:00", "2026-10-25 02:00 +02:00", "2026-10-25 03:00 +01:00"]);
}

#[test]
fn a_start_in_the_second_pass_gives_the_next_run_after_it() {
    // 01:10 UTC is 02:10 for the second time; 02:45 has been.
    let runs = cron("45 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", 1);
    assert_eq!(runs, ["2026-10-26 02:45 +01:00"]);
    let runs = cron("45 * * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", 1);
    assert_eq!(runs, ["2026-10-25 02:45 +01:00"]);
    let runs = calendar("*:45", "Europe/Berlin", "2026-10-25T01:10:00Z", 1);
    assert_eq!(runs, ["2026-10-25 03:45 +01:00"]);
}

#[test]
fn a_wildcard_job_follows_the_wall_clock_in_real_time() {
    let runs = cron("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 2);
    assert_eq!(runs, ["2026-03-29 01:30 +01:00", "2026-03-29 03:30 +02:00"]);
    let runs = cron("*/30 2 * * *", "Europe/Berlin", BERLIN_SPRING, 1);
    assert_eq!(runs, ["2026-03-30 02:00 +02:00"]);
    let runs = cron("@hourly", "Europe/Berlin", "2026-10-24T23:30:00Z", 3);
    assert_eq!(runs, ["2026-10-25 02:00 +02:00", "2026-10-25 02:00 +01:00", "2026-10-25 03:00 +01:00"]);
    // The star in the seconds field does not make it one.
    let runs = cron("* 30 2 * * *", "Europe/Berlin", BERLIN_SPRING, 2);
    assert_eq!(runs, ["2026-03-29 03:00 +02:00", "2026-03-30 02:30 +02:00"]);
}

#[test]
fn half_an_hour_at_lord_howe() {
    // Back from 02:00 to 01:30 on 5 April, forward from 02:00 to 02:30 on 4 October.
    let zone = "Australia/Lord_Howe";
    let runs = cron("30 1-2 * * *", zone, "2026-04-04T12:00:00Z", 3);
    assert_eq!(runs, ["2026-04-05 01:30 +11:00", "2026-04-05 02:30 +10:30", "2026-04-06 01:30 +10:30"]);
    let runs = cron("30 * * * *", zone, "2026-04-04T14:00:00Z", 3);
    assert_eq!(runs, ["2026-04-05 01:30 +11:00", "2026-04-05 01:30 +10:30", "2026-04-05 02:30 +10:30"]);
    let runs = cron("0 */3 * * *", zone, "2026-04-04T14:00:00Z", 1);
    assert_eq!(runs, ["2026-04-05 03:00 +10:30"]);
    let runs = cron("15 2 * * *", zone, "2026-10-03T12:00:00Z", 2);
    assert_eq!(runs, ["2026-10-04 02:30 +11:00", "2026-10-05 02:15 +11:00"]);
    let runs = calendar("hourly", zone, "2026-10-03T14:30:00Z", 2);
    assert_eq!(runs, ["2026-10-04 03:00 +11:00", "2026-10-04 04:00 +11:00"]);
}

#[test]
fn part_hours_at_chatham() {
    // Forward from 02:45 to 03:45, back from 03:45 to 02:45.
    let zone = "Pacific/Chatham";
    let runs = cron("50 2,3 * * *", zone, "2026-09-26T12:00:00Z", 2);
    assert_eq!(runs, ["2026-09-27 03:45 +13:45", "2026-09-27 03:50 +13:45"]);
    let runs = cron("30 3 * * *", zone, "2026-04-04T12:00:00Z", 2);
    assert_eq!(runs, ["2026-04-05 03:30 +13:45", "2026-04-06 03:30 +12:45"]);
    let runs = calendar("3:50", zone, "2026-09-26T12:00:00Z", 1);
    assert_eq!(runs, ["2026-09-27 03:50 +13:45"]);
}

#[test]
fn a_midnight_that_was_skipped() {
    let runs = cron("0 0 * * *", "America/Havana", "2024-03-09T12:00:00Z", 2);
    assert_eq!(runs, ["2024-03-10 01:00 -04:00", "2024-03-11 00:00 -04:00"]);
    let runs = cron("0 0 31 3 *", "Asia/Beirut", "2024-03-30T12:00:00Z", 1);
    assert_eq!(runs, ["2024-03-31 01:00 +03:00"]);
    let runs = cron("0 */6 * * *", "America/Havana", "2024-03-09T23:00:00Z", 1);
    assert_eq!(runs, ["2024-03-10 06:00 -04:00"]);
    let runs = calendar("daily", "Asia/Beirut", "2024-03-30T12:00:00Z", 1);
    assert_eq!(runs, ["2024-04-01 00:00 +03:00"]);
}

#[test]
fn a_day_that_did_not_exist_is_not_made_up() {
    let runs = cron("0 12 * * *", "Pacific/Apia", "2011-12-29T12:00:00Z", 2);
    assert_eq!(runs, ["2011-12-29 12:00 -10:00", "2011-12-31 12:00 +14:00"]);
    let runs = cron("0 */12 30,31 12 *", "Pacific/Apia", "2011-12-29T12:00:00Z", 1);
    assert_eq!(runs, ["2011-12-31 00:00 +14:00"]);
    let runs = calendar("2011-12-30 12:00", "Pacific/Apia", "2011-12-01T00:00:00Z", 1);
    assert!(runs.is_empty());
}

#[test]
fn two_hours_at_troll_and_a_minute_past_midnight_at_st_johns() {
    let runs = cron("0 1,2 * * *", "Antarctica/Troll", "2026-03-29T00:30:00Z", 2);
    assert_eq!(runs, ["2026-03-29 03:00 +02:00", "2026-03-30 01:00 +02:00"]);
    // 00:01 back to 23:01 of the day before.
    let runs = cron("30 */2 * * *", "America/St_Johns", "2010-11-07T01:00:00Z", 2);
    assert_eq!(runs, ["2010-11-07 00:30 -03:30", "2010-11-07 02:30 -03:30"]);
    let runs = cron("30 23 * * *", "America/St_Johns", "2010-11-06T12:00:00Z", 2);
    assert_eq!(runs, ["2010-11-06 23:30 -02:30", "2010-11-07 23:30 -03:30"]);
}

#[test]
fn a_run_at_the_end_of_a_gap_is_strictly_after() {
    let runs = cron("30 2 * * *", "Europe/Berlin", "2026-03-29T00:59:59.999Z", 1);
    assert_eq!(runs, ["2026-03-29 03:00 +02:00"]);
    let runs = cron("30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", 1);
    assert_eq!(runs, ["2026-03-30 02:30 +02:00"]);
}

#[test]
fn calendar_expressions_skip_gaps_and_take_first_passes() {
    let runs = calendar("2:30", "Europe/Berlin", BERLIN_SPRING, 1);
    assert_eq!(runs, ["2026-03-30 02:30 +02:00"]);
    let runs = calendar("2:30", "Europe/Berlin", BERLIN_AUTUMN, 2);
    assert_eq!(runs, ["2026-10-25 02:30 +02:00", "2026-10-26 02:30 +01:00"]);
    let runs = calendar("hourly", "Europe/Riga", "2026-03-29T00:30:00Z", 2);
    assert_eq!(runs, ["2026-03-29 04:00 +03:00", "2026-03-29 05:00 +03:00"]);
    let runs = calendar("hourly", "Europe/Berlin", "2026-10-24T23:30:00Z", 2);
    assert_eq!(runs, ["2026-10-25 02:00 +02:00", "2026-10-25 03:00 +01:00"]);
}
