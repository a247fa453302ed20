//! `qp channel` against a fake service.

use crate::fake::Fake;
use crate::{code, json, qp_with, stderr, stdout};
use std::process::Output;
use wire::v1::channel::Settings;

fn asked(fake: &Fake, args: &[&str]) -> Output {
    qp_with(&[&["--url", &fake.address, "--api-key", "k"][..], args].concat())
}

#[test]
fn the_two_urls_do_not_meet() {
    let fake = Fake::start();
    let args = [
        "channel",
        "create",
        "ops",
        "webhook",
        "--url",
        "https://example.com/hook",
        "--header",
        "X-Team: db",
        "--json",
    ];
    let shown = json(&asked(&fake, &args));
    assert_eq!((&shown["name"], &shown["webhook"]["url"]), (&"ops".into(), &"https://example.com/hook".into()));
    match fake.channels().remove(0).channel.unwrap().settings.unwrap() {
        Settings::Webhook(webhook) => assert_eq!(webhook.headers["X-Team"], "db"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_kind_is_created() {
    let fake = Fake::start();
    let kinds: [&[&str]; 5] = [
        &["telegram", "--token", "1:a", "--chat", "-100123"],
        &["email", "--to", "ops@example.com"],
        &["slack", "--url", "https://hooks.slack.example/x"],
        &["discord", "--url", "https://discord.example/x"],
        &["log"],
    ];
    for kind in kinds {
        let output = asked(&fake, &[&["channel", "create", "c"][..], kind].concat());
        assert_eq!(code(&output), 0, "{kind:?}: {}", stderr(&output));
    }
    let settings: Vec<Settings> =
        fake.channels().into_iter().map(|asked| asked.channel.unwrap().settings.unwrap()).collect();
    assert!(
        matches!(&settings[0], Settings::Telegram(telegram) if telegram.chat_id == "-100123" && telegram.bot_token == "1:a")
    );
    assert!(matches!(&settings[1], Settings::Email(email) if email.to == "ops@example.com"));
    assert!(matches!(&settings[4], Settings::Log(_)));
}

#[test]
fn update_masks_what_was_given() {
    let fake = Fake::start();
    assert_eq!(code(&asked(&fake, &["channel", "update", "ops", "webhook", "--method", "PUT"])), 0);
    assert_eq!(code(&asked(&fake, &["channel", "update", "ops", "--enable"])), 0);
    let masks: Vec<Vec<String>> = fake.channels().into_iter().map(|asked| asked.update_mask.unwrap().paths).collect();
    assert_eq!(masks, [vec!["webhook.method".to_owned()], vec!["disabled_reason".to_owned()]]);
}

#[test]
fn the_rest_prints_what_the_server_says() {
    let fake = Fake::start();
    let server = ["--url", fake.address.as_str()];
    let behind = |args: &[&str]| qp_with(&[&["--api-key", "k"][..], args, &server].concat());
    assert_eq!(json(&behind(&["channel", "list", "--json"])).as_array().unwrap().len(), 2);
    assert_eq!(json(&behind(&["channel", "get", "ops", "--json"]))["kind"], "log");
    assert_eq!(stdout(&behind(&["channel", "delete", "ops"])), "ops deleted\n");
    assert_eq!(json(&behind(&["channel", "deliveries", "ops", "--json"]))[0]["state"], "delivered");
}

#[test]
fn a_test_that_does_not_arrive_is_1() {
    let fake = Fake::start();
    assert_eq!(stdout(&asked(&fake, &["channel", "test", "ops"])), "delivered\n");
    let broken = asked(&fake, &["channel", "test", "broken"]);
    assert_eq!((code(&broken), stderr(&broken).as_str()), (1, "qp: not delivered: 410 Gone\n"));
    let broken = asked(&fake, &["channel", "test", "broken", "--json"]);
    assert_eq!(code(&broken), 1);
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&broken.stdout).unwrap()["delivered"], false);
}
