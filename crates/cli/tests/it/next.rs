//! `qp next`: computed here for expressions, asked for slugs.

use crate::fake::Fake;
use crate::{code, json, qp, qp_with, stderr, stdout};
use serde_json::json;

fn next(args: &[&str]) -> serde_json::Value {
    let mut all = vec!["next", "--json"];
    all.extend(args);
    json(&qp_with(&all))
}

#[test]
fn cron_follows_debian_across_clock_changes() {
    let spring = next(&["30 2 * * *", "--tz", "Europe/Berlin", "--from", "2026-03-28T00:00:00Z", "-n", "3"]);
    assert_eq!(spring, json!(["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]));
    let autumn = next(&["30 2 * * *", "--tz", "Europe/Berlin", "--from", "2026-10-24T12:00:00Z", "-n", "2"]);
    assert_eq!(autumn, json!(["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]));
}

#[test]
fn the_start_is_excluded_and_may_have_a_fraction_and_an_offset() {
    assert_eq!(next(&["0 * * * *", "--from", "2026-01-01T00:00:00Z", "-n", "1"]), json!(["2026-01-01T01:00:00Z"]));
    let fraction = "2025-12-31T23:59:59.9999999Z";
    assert_eq!(next(&["0 * * * *", "--from", fraction, "-n", "1"]), json!(["2026-01-01T00:00:00Z"]));
    let offset = "2026-01-01T00:59:00+01:00";
    assert_eq!(next(&["@hourly", "--from", offset, "-n", "1"]), json!(["2026-01-01T00:00:00Z"]));
}

#[test]
fn calendar_expressions_skip_a_gap() {
    let args = ["*-*-* 02:30:00", "--oncalendar", "--tz", "Europe/Berlin", "--from", "2026-03-28T12:00:00Z", "-n", "1"];
    assert_eq!(next(&args), json!(["2026-03-30T00:30:00Z"]));
    assert_eq!(
        next(&["hourly", "--oncalendar", "--from", "2026-01-01T00:30:00Z", "-n", "1"]),
        json!(["2026-01-01T01:00:00Z"])
    );
}

#[test]
fn what_never_runs_is_an_empty_list() {
    assert_eq!(next(&["0 0 30 2 *", "--tz", "UTC"]), json!([]));
    assert_eq!(next(&["2020-01-01", "--oncalendar"]), json!([]));
    assert_eq!(next(&["2026-02-29", "--oncalendar"]), json!([]));
}

#[test]
fn ten_are_printed_when_nothing_else_is_said() {
    assert_eq!(next(&["* * * * *"]).as_array().unwrap().len(), 10);
}

#[test]
fn people_see_the_local_time_beside() {
    let output = qp_with(&["next", "30 2 * * *", "--tz", "Europe/Berlin", "--from", "2026-01-01T00:00:00Z", "-n", "1"]);
    assert_eq!(stdout(&output), "2026-01-01T01:30:00Z  Thu 2026-01-01 02:30:00 +01:00  Europe/Berlin\n");
}

#[test]
fn a_bad_expression_is_usage_and_says_what_is_wrong() {
    let zone = qp_with(&["next", "0 2 * * *", "--tz", "europe/berlin"]);
    assert_eq!(code(&zone), 2);
    assert!(stderr(&zone).contains("tz") && stderr(&zone).contains("Europe/Berlin"), "{}", stderr(&zone));
    let cron = qp_with(&["next", "61 2 * * *"]);
    assert_eq!(code(&cron), 2);
    assert!(stderr(&cron).contains("cron"), "{}", stderr(&cron));
    let forgotten = qp_with(&["next", "Mon..Fri 07:30"]);
    assert!(stderr(&forgotten).contains("--oncalendar"), "{}", stderr(&forgotten));
    assert_eq!(code(&qp_with(&["next", "0 2 * * *", "--from", "yesterday"])), 2);
}

#[test]
fn a_slug_asks_the_server() {
    let fake = Fake::start();
    let dir = tempfile::tempdir().unwrap();
    let args = ["next", "backup", "--from", "2026-01-01T00:00:00Z", "-n", "2", "--json", "--url", &fake.address];
    let output = qp(dir.path()).args(args).output().unwrap();
    assert_eq!(json(&output), json!(["2026-01-01T01:00:00Z", "2026-01-02T01:00:00Z"]));
    let output = qp(dir.path()).args(["next", "absent", "--url", &fake.address]).output().unwrap();
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("--oncalendar"), "{}", stderr(&output));
}
