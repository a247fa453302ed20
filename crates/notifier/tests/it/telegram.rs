//! Telegram, against a Bot API of ours.

use crate::rig::facts::{missed, named, offer, offer_with};
use crate::rig::receiver::{Answer, Receiver};
use crate::rig::{Plan, Rig, failed, gone, retried};
use domain::command::AttemptResult;
use serde_json::json;
use store::seal::open_settings;
use wire::v1::TelegramSettings;
use wire::v1::channel::Settings;

const TOKEN: &str = "123456:SECRET-canary_x";

fn says(status: u16, body: serde_json::Value) -> Answer {
    (status, vec![("content-type", "application/json".to_owned())], body.to_string())
}

fn to(chat: &str) -> Settings {
    Settings::Telegram(TelegramSettings { bot_token: TOKEN.to_owned(), chat_id: chat.to_owned() })
}

async fn rig_for(api: &Receiver) -> Rig {
    // The base URL is the operator's: no allow list is needed for it.
    let egress = domain::egress::EgressPolicy::default();
    Rig::with(Plan { telegram: format!("http://{}/", api.address), egress, ..Plan::default() }).await
}

async fn answered(answer: Answer) -> AttemptResult {
    let api = Receiver::start(move |_, _| answer.clone()).await;
    let rig = rig_for(&api).await;
    let channel = rig.channel(to("42")).await;
    rig.deliver(offer(channel.id, vec![missed()])).await
}

#[tokio::test]
async fn a_message_is_html_with_every_value_escaped() {
    let api = Receiver::start(|_, _| says(200, json!({"ok": true, "result": {}}))).await;
    let rig = rig_for(&api).await;
    let channel = rig.channel(to("-1001")).await;
    let hostile = "<b>&amp;</pre><a href=\"x\">*_[]()~`>#+-=|{}.!";
    let offer = offer_with(channel.id, vec![named(hostile)], b"</pre><script>\n\xff");
    assert_eq!(rig.deliver(offer).await, AttemptResult::Delivered);
    let arrived = api.only();
    assert_eq!(arrived.path, format!("/bot{TOKEN}/sendMessage"));
    let json = arrived.json();
    assert_eq!((&json["chat_id"], &json["parse_mode"]), (&"-1001".into(), &"HTML".into()));
    assert_eq!(json["link_preview_options"]["is_disabled"], true);
    let text = json["text"].as_str().unwrap();
    assert!(
        text.starts_with("<b>DOWN &lt;b&gt;&amp;amp;&lt;/pre&gt;&lt;a href=&quot;x&quot;&gt;*_[]()~`&gt;#"),
        "{text}"
    );
    assert!(text.contains("<pre>&lt;/pre&gt;&lt;script&gt;\n\u{fffd}</pre>"), "{text}");
    assert_eq!(text.matches("</pre>").count(), 1);
}

#[tokio::test]
async fn refusals_of_the_bot_api() {
    let error = |code: u16, words: &str| says(code, json!({"ok": false, "error_code": code, "description": words}));
    for code in [400, 401, 404] {
        let words = failed(answered(error(code, &format!("Bad: {TOKEN} chat not found"))).await);
        assert_eq!(words, format!("HTTP {code} from Telegram: Bad: … chat not found"));
    }
    let blocked = answered(error(403, "Forbidden: bot was blocked by the user")).await;
    assert_eq!(gone(blocked), "HTTP 403 from Telegram: Forbidden: bot was blocked by the user");
    for code in [500, 502] {
        assert_eq!(retried(answered(error(code, "x")).await).0, None);
    }
    let odd = answered((200, Vec::new(), "<html>".to_owned())).await;
    assert_eq!(retried(odd).1, "HTTP 200 from Telegram");
}

#[tokio::test]
async fn too_many_requests_silence_the_bot_and_nobody_else() {
    let api =
        Receiver::start(|_, _| says(429, json!({"ok": false, "error_code": 429, "parameters": {"retry_after": 30}})))
            .await;
    let rig = rig_for(&api).await;
    let (first, second) = (rig.channel(to("1")).await, rig.channel(to("2")).await);
    let (after, _) = retried(rig.deliver(offer(first.id, vec![missed()])).await);
    assert_eq!(after, Some(30_000));
    let (after, error) = retried(rig.deliver(offer(second.id, vec![missed()])).await);
    assert_eq!(error, "Telegram's rate limit is reached");
    assert!((25_000..=30_000).contains(&after.unwrap()), "{after:?}");
    assert_eq!(api.arrived().len(), 1, "the second was not even tried");
    assert_eq!(rig.deliver(offer(domain::ids::ChannelId::LOG, vec![missed()])).await, AttemptResult::Delivered);
}

#[tokio::test]
async fn a_chat_that_moved_is_followed_and_remembered() {
    let api = Receiver::start(|_, arrived| match arrived.json()["chat_id"].as_str() {
        Some("-100") => says(
            400,
            json!({"ok": false, "error_code": 400, "parameters": {"migrate_to_chat_id": -1_009_000_000_001_i64}}),
        ),
        _ => says(200, json!({"ok": true})),
    })
    .await;
    let rig = rig_for(&api).await;
    let channel = rig.channel(to("-100")).await;
    assert_eq!(rig.deliver(offer(channel.id, vec![missed()])).await, AttemptResult::Delivered);
    let stored = rig.store.channel(channel.id).await.unwrap().unwrap();
    assert_eq!(stored.version, 2);
    assert_eq!(open_settings(&rig.sealer, &stored), Ok(to("-1009000000001")));
    assert_eq!(rig.deliver(offer(channel.id, vec![missed()])).await, AttemptResult::Delivered);
    let chats: Vec<String> = api.arrived().iter().map(|a| a.json()["chat_id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(chats, ["-100", "-1009000000001", "-1009000000001"]);
}

#[tokio::test]
async fn a_reply_is_not_inflated() {
    let headers = vec![("content-encoding", "gzip".to_owned())];
    assert_eq!(answered((200, headers, json!({"ok": true}).to_string())).await, AttemptResult::Delivered);
}

#[tokio::test]
async fn no_error_tells_the_token() {
    let rig = Rig::start().await; // nothing listens at its Bot API
    let row = rig.row(to("1"));
    assert_eq!(rig.notifier.test_channel(&row).await, Err("the connection was refused".to_owned()));
    let odd = TelegramSettings { bot_token: "1:a/../../x?y#z".to_owned(), chat_id: "1".to_owned() };
    let error = rig.notifier.test_channel(&rig.row(Settings::Telegram(odd))).await.unwrap_err();
    assert_eq!(error, "the bot token is not one of Telegram's");
}
