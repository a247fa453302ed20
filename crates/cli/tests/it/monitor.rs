//! `qp monitor`, `qp incident` and `qp watch` against fake services: what is asked, and what is printed.

use crate::fake::{Fake, MONITORS};
use crate::{code, json, qp_with, stderr, stdout};
use serde_json::Value;
use std::process::Output;

fn asked(fake: &Fake, args: &[&str]) -> Output {
    qp_with(&[&["--url", &fake.address, "--api-key", "k"][..], args].concat())
}

#[test]
fn create_says_all_that_was_given() {
    let fake = Fake::start();
    let args = [
        "monitor",
        "create",
        "backup",
        "--json",
        "--name",
        "Nightly",
        "--cron",
        "0 2 * * *",
        "--tz",
        "Europe/Berlin",
        "--grace",
        "30m",
        "--max-runtime",
        "2h",
        "--min-runtime",
        "10s",
        "--overlap",
        "fail",
        "--assert",
        "count >= 1",
        "--assert",
        "duration < 5m",
        "--early",
        "1m",
        "--failures-before-alert",
        "2",
        "--successes-before-recovery",
        "3",
        "--remind-every",
        "1d",
        "--first-ping-within",
        "2d",
        "--on-blind",
        "hold",
        "--tag",
        "db",
        "--tag",
        "nightly",
        "--channel",
        "ops",
        "--post-only",
    ];
    let shown = json(&asked(&fake, &args));
    assert_eq!((&shown["slug"], &shown["status"], &shown["grace"]), (&"backup".into(), &"new".into(), &"1800s".into()));
    assert_eq!((&shown["running"], &shown["version"]), (&false.into(), &1.into()));
    let request = fake.created().remove(0);
    let monitor = request.monitor.unwrap();
    assert!(request.command_id.starts_with("cm_") && request.command_id.len() == 35, "{}", request.command_id);
    assert_eq!((monitor.cron.as_str(), monitor.tz.as_str(), monitor.period), ("0 2 * * *", "Europe/Berlin", None));
    assert_eq!(monitor.max_runtime.map(|length| length.seconds), Some(7_200));
    assert_eq!(monitor.remind_every.map(|length| length.seconds), Some(86_400));
    assert_eq!((monitor.overlap.as_str(), monitor.on_blind.as_str()), ("fail", "hold"));
    assert_eq!((monitor.failures_before_alert, monitor.successes_before_recovery), (2, 3));
    assert_eq!(monitor.assertions, ["count >= 1", "duration < 5m"]);
    assert_eq!((monitor.tags, monitor.channels), (vec!["db".to_owned(), "nightly".to_owned()], vec!["ops".to_owned()]));
    assert!(monitor.post_only && !monitor.manual_resume);
}

#[test]
fn a_command_of_unknown_outcome_is_repeated_under_its_id() {
    let fake = Fake::start();
    assert_eq!(code(&asked(&fake, &["monitor", "create", "shaky", "--period", "1m"])), 0);
    let created = fake.created();
    assert_eq!(created.len(), 2);
    assert_eq!(created[0].command_id, created[1].command_id);
}

#[test]
fn an_outcome_that_stays_unknown_says_how_to_go_on() {
    let fake = Fake::start();
    let output = asked(&fake, &["monitor", "create", "stuck"]);
    let created = fake.created();
    assert_eq!((code(&output), created.len()), (69, 2));
    let id = created[0].command_id.clone();
    assert_eq!(created[1].command_id, id);
    assert!(stderr(&output).ends_with(&format!("with --command-id {id} takes effect once\n")), "{}", stderr(&output));
    assert_eq!(code(&asked(&fake, &["monitor", "create", "new", "--command-id", &id])), 0);
    assert_eq!(fake.created()[2].command_id, id);
}

#[test]
fn every_verb_has_an_id_and_repeats_under_it() {
    let fake = Fake::start();
    assert_eq!(code(&asked(&fake, &["monitor", "pause", "shaky"])), 0);
    let ids: Vec<String> = fake.paused().into_iter().map(|pause| pause.command_id).collect();
    assert!(ids.len() == 2 && ids[0] == ids[1] && ids[0].starts_with("cm_"), "{ids:?}");
    let id = ids[0].as_str();
    for verb in ["pause", "resume", "delete", "rotate-token"] {
        assert_eq!(code(&asked(&fake, &["monitor", verb, "backup", "--command-id", id])), 0, "{verb}");
    }
    assert_eq!(fake.paused()[2].command_id, id);
    assert_eq!(code(&asked(&fake, &["incident", "ack", "sync", "--command-id", id])), 0);
    assert_eq!(fake.acknowledged()[0].command_id, id);
}

#[test]
fn a_refusal_names_the_field() {
    let fake = Fake::start();
    let output = asked(&fake, &["monitor", "create", "taken"]);
    assert_eq!((code(&output), stderr(&output).as_str()), (1, "qp: slug: there is such a monitor\n"));
    assert_eq!(code(&asked(&fake, &["monitor", "get", "absent"])), 1);
}

#[test]
fn update_masks_what_was_given_and_cleared() {
    let fake = Fake::start();
    let args = [
        "monitor",
        "update",
        "backup",
        "--period",
        "5m",
        "--tag",
        "a",
        "--tag",
        "b",
        "--assert",
        "count >= 1",
        "--post-only=false",
    ];
    assert_eq!(code(&asked(&fake, &args)), 0);
    let args = [
        "monitor",
        "update",
        "backup",
        "--grace",
        "0",
        "--clear",
        "max-runtime",
        "--clear",
        "tag",
        "--if-version",
        "7",
    ];
    assert_eq!(code(&asked(&fake, &args)), 0);
    let updated = fake.updated();
    let (first, second) = (updated[0].clone(), updated[1].clone());
    assert_eq!(first.update_mask.unwrap().paths, ["period", "assertions", "tags", "post_only"]);
    let monitor = first.monitor.unwrap();
    assert_eq!((monitor.slug.as_str(), monitor.version, monitor.tags.len()), ("backup", 0, 2));
    assert_eq!(second.update_mask.unwrap().paths, ["grace", "max_runtime", "tags"]);
    let monitor = second.monitor.unwrap();
    assert_eq!((monitor.version, monitor.grace.map(|grace| grace.seconds), monitor.max_runtime), (7, Some(0), None));
}

#[test]
fn get_shows_the_ping_url_and_local_times() {
    let fake = Fake::start();
    fake.set_ping_url("http://127.0.0.1:8080/ping/token");
    let page = stdout(&asked(&fake, &["monitor", "get", "backup"]));
    assert!(page.starts_with("backup: up\n"), "{page}");
    assert!(page.contains("http://127.0.0.1:8080/ping/token"), "{page}");
    assert!(
        page.contains("2026-01-01T01:00:06Z") && page.contains("2026-01-01 02:00:06 +01:00 Europe/Berlin"),
        "{page}"
    );
    let shown = json(&asked(&fake, &["monitor", "get", "backup", "--json"]));
    assert_eq!(
        (&shown["pingUrl"], &shown["lastPingAt"]),
        (&"http://127.0.0.1:8080/ping/token".into(), &"2026-01-01T01:00:06Z".into())
    );
    assert!(shown.get("deadlineAt").is_none());
}

#[test]
fn the_other_verbs_print_the_monitor() {
    let fake = Fake::start();
    assert_eq!(json(&asked(&fake, &["monitor", "pause", "backup", "--for", "2h", "--json"]))["status"], "paused");
    assert_eq!(fake.paused()[0].pause_for.map(|length| length.seconds), Some(7_200));
    assert_eq!(json(&asked(&fake, &["monitor", "resume", "backup", "--json"]))["status"], "up");
    assert_eq!(json(&asked(&fake, &["monitor", "rotate-token", "backup", "--json"]))["pingUrl"], "http://h/ping/new");
    assert_eq!(json(&asked(&fake, &["monitor", "delete", "backup", "--json"])), serde_json::json!({}));
    assert_eq!(stdout(&asked(&fake, &["monitor", "delete", "backup"])), "backup deleted\n");
}

#[test]
fn a_list_is_one_array_of_all_pages() {
    let fake = Fake::start();
    let all = json(&asked(&fake, &["monitor", "list", "--json", "--status", "up", "--tag", "a", "--tag", "b"]));
    let slugs: Vec<&Value> = all.as_array().unwrap().iter().map(|monitor| &monitor["slug"]).collect();
    assert_eq!(
        (slugs.len(), slugs[0], slugs[MONITORS - 1]),
        (MONITORS, &"m0".into(), &format!("m{}", MONITORS - 1).into())
    );
    let listed = fake.listed();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|page| page.status == "up" && page.tags == ["a", "b"]));
    let table = stdout(&asked(&fake, &["monitor", "list"]));
    assert_eq!(table.lines().count(), MONITORS + 1);
}

#[test]
fn history_is_bounded_for_people_and_whole_for_scripts() {
    let fake = Fake::start();
    let pings = json(&asked(&fake, &["monitor", "pings", "backup", "--json"]));
    assert_eq!(pings.as_array().unwrap().len(), 120);
    assert_eq!((&pings[0]["exitCode"], &pings[0]["metrics"]["count"]), (&1.into(), &1.0.into()));
    let table = stdout(&asked(&fake, &["monitor", "pings", "backup"]));
    assert_eq!(table.lines().count(), 51);
    assert!(!table.contains('\u{1b}') && table.contains("\\u{1b}"), "{table}");
    assert_eq!(stdout(&asked(&fake, &["monitor", "pings", "backup", "-n", "3"])).lines().count(), 4);
    let transitions = json(&asked(&fake, &["monitor", "transitions", "backup", "--json"]));
    assert_eq!((&transitions[0]["type"], &transitions[0]["to"]), (&"monitor.down".into(), &"down".into()));
}

#[test]
fn an_incident_is_acknowledged_by_id_or_slug() {
    let fake = Fake::start();
    assert_eq!(json(&asked(&fake, &["incident", "list", "--json"])).as_array().unwrap().len(), 2);
    assert_eq!(json(&asked(&fake, &["incident", "ack", "sync", "--json"]))["acknowledged"], true);
    assert_eq!(code(&asked(&fake, &["incident", "ack", "tr_1"])), 0);
    assert_eq!(code(&asked(&fake, &["incident", "ack", "tr_9"])), 1);
    let asked: Vec<(String, String)> = fake.acknowledged().into_iter().map(|ack| (ack.id, ack.slug)).collect();
    assert_eq!(asked, [("tr_2".into(), "sync".into()), ("tr_1".into(), "backup".into())]);
}

#[test]
fn watch_prints_one_object_a_line() {
    let fake = Fake::start();
    let output = asked(&fake, &["watch", "--json"]);
    assert_eq!(code(&output), 69);
    let lines: Vec<Value> = stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["id"], &lines[1]["id"]), (2, &"tr_1".into(), &"tr_2".into()));
    assert_eq!(lines[1]["cursor"], ":2");
    assert_eq!(stderr(&output), "qp: the server ended the stream; go on with --cursor ':2'\n");
    let rest = stdout(&asked(&fake, &["watch", "--json", "--cursor", ":2"]));
    assert!(rest.starts_with(r#"{"id":"tr_3""#), "{rest}");
    let people = stdout(&asked(&fake, &["watch"]));
    assert!(people.starts_with("2026-01-01T01:00:06Z  backup  monitor.down  up -> down  missed\n"), "{people}");
}
