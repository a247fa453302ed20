//! The three kinds of schedule at their edges: the door check, and instants at the ends of time.

use super::testing::at;
use super::*;

const EXTREMES: [i64; 9] = [
    i64::MIN,
    i64::MIN + 1,
    -377_705_116_800_000,
    -377_705_023_201_000,
    -62_135_596_800_000,
    253_402_207_199_999,
    253_402_207_200_000,
    i64::MAX - 1,
    i64::MAX,
];

fn samples() -> Vec<Schedule> {
    let crons = ["* * * * *", "*/5 * * * * *", "0 3 * * *", "0 0 29 2 *", "0 0 31 2 *", "@hourly", "0 0 31W * 5L"];
    let calendars = ["minutely", "*:*:*", "2026-02-29", "Mon *-2~1", "yearly"];
    let zones = ["UTC", "Europe/Berlin", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca"];
    let with = |zone: &str| {
        let crons = crons.iter().map(|expr| Schedule::cron(expr, zone).unwrap());
        let calendars = calendars.iter().map(|text| Schedule::oncalendar(text, zone).unwrap());
        crons.chain(calendars).collect::<Vec<_>>()
    };
    zones.iter().flat_map(|zone| with(zone)).chain([Schedule::period(60).unwrap()]).collect()
}

#[test]
fn extreme_instants_never_panic() {
    for schedule in samples() {
        for ms in EXTREMES {
            let next = schedule.next(UnixMs(ms));
            assert!(next.is_none_or(|next| next.0 > ms), "{schedule:?} {ms}");
            let _ = schedule.must_run_after(UnixMs(ms));
        }
        assert_eq!(schedule.next(UnixMs(i64::MIN)), None);
        assert_eq!(schedule.next(UnixMs(i64::MAX)), None);
    }
}

#[test]
fn next_is_strictly_after_fractions_included() {
    let daily = Schedule::cron("0 3 * * *", "UTC").unwrap();
    assert_eq!(daily.next(at("2026-01-01T02:59:59.999Z")), Some(at("2026-01-01T03:00:00Z")));
    assert_eq!(daily.next(at("2026-01-01T03:00:00Z")), Some(at("2026-01-02T03:00:00Z")));
    assert_eq!(daily.next(at("2026-01-01T03:00:00.001Z")), Some(at("2026-01-02T03:00:00Z")));
    assert_eq!(daily.next(at("1969-12-31T02:59:59.999Z")), Some(at("1969-12-31T03:00:00Z")));
}

#[test]
fn years_outside_the_table_follow_the_same_rules() {
    let zone = "Europe/Berlin";
    let summer = Schedule::cron("0 12 1 7 *", zone).unwrap();
    assert_eq!(summer.next(at("2300-01-01T00:00:00Z")), Some(at("2300-07-01T10:00:00Z")));
    let gap = Schedule::cron("30 2 * 3 7L", zone).unwrap();
    assert_eq!(gap.next(at("2301-01-01T00:00:00Z")), Some(at("2301-03-31T01:00:00Z")));
    assert_eq!(summer.next(at("1850-01-01T00:00:00Z")), Some(at("1850-07-01T11:06:32Z")));
}

#[test]
fn a_period_counts_from_the_last_run() {
    assert_eq!(Schedule::period(60).unwrap().next(UnixMs(1_500)), Some(UnixMs(61_500)));
    assert!(Schedule::period(31_622_400).is_ok());
    for seconds in [0, 31_622_401, u64::MAX] {
        let error = Schedule::period(seconds).unwrap_err();
        assert_eq!((error.field, error.found), ("period", seconds.to_string()));
    }
    assert_eq!(Schedule::period(60).unwrap().zone(), None);
}

#[test]
fn what_never_runs_is_refused_at_the_door() {
    let now = at("2026-11-24T12:00:00Z");
    for expr in ["0 0 30 2 *", "0 0 31 4,6,9,11 *", "0 0 30W 2 *", "0 0 31 2 */2"] {
        let never = Schedule::cron(expr, "Europe/Berlin").unwrap();
        assert_eq!(never.next(now), None, "{expr}");
        assert!(never.must_run_after(now).unwrap_err().to_string().contains("50 years"));
    }
    let leap = Schedule::cron("0 0 29 2 *", "UTC").unwrap();
    assert!(leap.must_run_after(now).is_ok());
    // Eight years at most: 2100 has no leap day.
    assert_eq!(leap.next(at("2096-02-29T00:00:00Z")), Some(at("2104-02-29T00:00:00Z")));
    let rare = Schedule::cron("0 0 29 2 */7", "UTC").unwrap();
    assert_eq!(rare.next(now), Some(at("2032-02-29T00:00:00Z")));
}

#[test]
fn the_parts_are_refused_in_their_own_names() {
    assert_eq!(Schedule::cron("61 * * * *", "UTC").unwrap_err().field, "cron");
    assert_eq!(Schedule::cron("0 3 * * *", "Mars").unwrap_err().field, "tz");
    assert_eq!(Schedule::oncalendar("25:00", "UTC").unwrap_err().field, "oncalendar");
}

#[test]
fn equality_and_order_are_by_text_and_zone() {
    let cron = |expr, zone| Schedule::cron(expr, zone).unwrap();
    assert_eq!(cron("0 3 * * *", "UTC"), cron("0 3 * * *", "UTC"));
    assert_ne!(cron("0 3 * * *", "UTC"), cron("0 3 * * *", "Europe/Berlin"));
    assert!(cron("0 3 * * *", "Europe/Berlin") < cron("0 3 * * *", "UTC"));
    assert!(Schedule::period(60).unwrap() < cron("* * * * *", "UTC"));
}
