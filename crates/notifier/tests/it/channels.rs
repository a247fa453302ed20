//! Slack, Discord, the log, and channels that are not there any more.

use crate::rig::facts::{missed, named, offer, offer_with};
use crate::rig::receiver::Receiver;
use crate::rig::{Rig, failed, gone, retried};
use domain::command::AttemptResult;
use domain::ids::{ChannelId, TenantId};
use store::row::ChannelRow;
use wire::v1::channel::Settings;
use wire::v1::{DiscordSettings, LogSettings, SlackSettings};

const HOSTILE: &str = "<!channel> & **@everyone** [x](http://evil)";

#[tokio::test]
async fn slack_shows_names_as_text() {
    let (rig, receiver) = (Rig::start().await, Receiver::start(|_, _| (200, Vec::new(), "ok".to_owned())).await);
    let channel = rig.channel(Settings::Slack(SlackSettings { url: receiver.url() })).await;
    assert_eq!(rig.deliver(offer_with(channel.id, vec![named(HOSTILE)], b"```<@U1>")).await, AttemptResult::Delivered);
    let json = receiver.only().json();
    let text = json["text"].as_str().unwrap();
    assert!(text.starts_with("*DOWN &lt;!channel&gt; &amp; **@everyone**"), "{text}");
    assert!(text.contains("\n```'''&lt;@U1&gt;```\n<https://pulse.example/m/backup>"), "{text}");
    assert!(json.get("link_names").is_none());
}

#[tokio::test]
async fn slack_says_what_is_gone() {
    let rig = Rig::start().await;
    for (status, body, expected) in
        [(404, "no_service", "HTTP 404 Not Found: no_service"), (410, "<html>", "HTTP 410 Gone")]
    {
        let receiver = Receiver::start(move |_, _| (status, Vec::new(), body.to_owned())).await;
        let channel = rig.channel(Settings::Slack(SlackSettings { url: receiver.url() })).await;
        assert_eq!(gone(rig.deliver(offer(channel.id, vec![missed()])).await), expected);
    }
    let busy = Receiver::start(|_, _| (429, vec![("retry-after", "3".to_owned())], String::new())).await;
    let channel = rig.channel(Settings::Slack(SlackSettings { url: busy.url() })).await;
    assert_eq!(retried(rig.deliver(offer(channel.id, vec![missed()])).await).0, Some(3_000));
}

#[tokio::test]
async fn discord_calls_nobody() {
    let (rig, receiver) = (Rig::start().await, Receiver::status(204).await);
    let channel = rig.channel(Settings::Discord(DiscordSettings { url: receiver.url() })).await;
    assert_eq!(
        rig.deliver(offer_with(channel.id, vec![named(HOSTILE)], b"```\n@here")).await,
        AttemptResult::Delivered
    );
    let json = receiver.only().json();
    assert_eq!(json["allowed_mentions"], serde_json::json!({"parse": []}));
    let content = json["content"].as_str().unwrap();
    assert!(
        content.starts_with("**DOWN \\<!channel\\> & \\*\\*\\@everyone\\*\\* \\[x\\]\\(http\\://evil\\)"),
        "{content}"
    );
    assert!(content.contains("```\n'''\n@here\n```"), "{content}");
    let dead = Receiver::status(404).await;
    let channel = rig.channel(Settings::Discord(DiscordSettings { url: dead.url() })).await;
    assert_eq!(gone(rig.deliver(offer(channel.id, vec![missed()])).await), "HTTP 404 Not Found");
}

#[tokio::test]
async fn the_built_in_log_writes_one_readable_line() {
    let rig = Rig::start().await;
    assert_eq!(rig.deliver(offer(ChannelId::LOG, vec![named("a\r\nb\u{1b}[2J")])).await, AttemptResult::Delivered);
    let other = rig.channel(Settings::Log(LogSettings {})).await;
    assert_eq!(rig.deliver(offer(other.id, vec![missed(), missed()])).await, AttemptResult::Delivered);
    let lines = rig.lines.lock().unwrap().clone();
    assert_eq!(
        lines[0],
        "2026-11-24T01:05:03Z DOWN a\\r\\nb\\u{1b}[2J (backup): no ping since 2026-11-23 02:00:03; \
         expected 02:00 (Europe/Berlin) + 5 min grace https://pulse.example/m/backup"
    );
    assert!(lines[1].starts_with("2026-11-24T01:05:03Z 2 alerts: 2 down | DOWN Backup (backup): "), "{}", lines[1]);
    assert!(lines.iter().all(|line| !line.contains(char::is_control)));
}

#[tokio::test]
async fn channels_that_take_nothing_say_why() {
    let (rig, receiver) = (Rig::start().await, Receiver::status(200).await);
    let slack = || Settings::Slack(SlackSettings { url: receiver.url() });
    let unknown = rig.deliver(offer(ChannelId(999_999), vec![missed()])).await;
    assert_eq!(failed(unknown), "channel deleted");
    for (change, expected) in [
        (ChannelRow { deleted: true, ..rig.row(slack()) }, "channel deleted"),
        (ChannelRow { disabled: "HTTP 410 Gone".into(), ..rig.row(slack()) }, "channel disabled: HTTP 410 Gone"),
        (ChannelRow { tenant: TenantId(2), ..rig.row(slack()) }, "channel deleted"),
    ] {
        let sealed = store::seal::seal_settings(&rig.sealer, change.tenant, change.id, &slack());
        let row = ChannelRow { settings: sealed, ..change };
        rig.store.add_channel(row.clone()).await.unwrap();
        assert_eq!(failed(rig.deliver(offer(row.id, vec![missed()])).await), expected);
    }
    let moved = ChannelRow { settings: rig.row(slack()).settings, ..rig.row(slack()) };
    rig.store.add_channel(moved.clone()).await.unwrap();
    let (_, error) = retried(rig.deliver(offer(moved.id, vec![missed()])).await);
    assert_eq!(error, "the channel's settings cannot be opened");
    assert!(receiver.arrived().is_empty());
}

#[tokio::test]
async fn an_edit_counts_within_seconds() {
    let (rig, old, new) = (Rig::start().await, Receiver::status(200).await, Receiver::status(200).await);
    let row = rig.channel(Settings::Slack(SlackSettings { url: old.url() })).await;
    assert_eq!(rig.deliver(offer(row.id, vec![missed()])).await, AttemptResult::Delivered);
    let settings = Settings::Slack(SlackSettings { url: new.url() });
    let sealed = store::seal::seal_settings(&rig.sealer, row.tenant, row.id, &settings);
    rig.store.update_channel(ChannelRow { settings: sealed, version: 2, ..row.clone() }).await.unwrap();
    let edited = std::time::Instant::now();
    while new.arrived().is_empty() {
        assert!(edited.elapsed().as_secs() < 8, "the edit never counted");
        assert_eq!(rig.deliver(offer(row.id, vec![missed()])).await, AttemptResult::Delivered);
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
}
