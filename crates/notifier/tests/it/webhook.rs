//! Webhooks: what arrives, and what its answers mean.

use crate::rig::facts::{id_of, missed, named, offer};
use crate::rig::receiver::Receiver;
use crate::rig::{NOW, Rig, failed, gone, retried};
use domain::command::AttemptResult;
use domain::ids::TransitionId;
use domain::transition::{Reason, Transition, TransitionKind};
use std::collections::HashMap;
use wire::v1::WebhookSettings;
use wire::v1::channel::Settings;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn plain(url: String) -> WebhookSettings {
    WebhookSettings { url, secret: SECRET.to_owned(), ..WebhookSettings::default() }
}

/// An independent check of the signature: HMAC by its definition, over a hash of our own choosing.
fn signature(body: &[u8], id: &str, seconds: i64) -> String {
    use base64::Engine;
    use sha2::{Digest, Sha256};
    let key = base64::engine::general_purpose::STANDARD.decode(&SECRET[6..]).unwrap();
    let pad = |byte: u8| -> Vec<u8> { (0..64).map(|at| key.get(at).copied().unwrap_or(0) ^ byte).collect() };
    let text = [format!("{id}.{seconds}.").as_bytes(), body].concat();
    let inner = Sha256::digest([pad(0x36), text].concat());
    let outer = Sha256::digest([pad(0x5c), inner.to_vec()].concat());
    format!("v1,{}", base64::engine::general_purpose::STANDARD.encode(outer))
}

#[tokio::test]
async fn the_json_is_the_one_we_promise_and_signed() {
    let (rig, receiver) = (Rig::start().await, Receiver::status(200).await);
    let channel = rig.channel(Settings::Webhook(plain(receiver.url()))).await;
    let offer = offer(channel.id, vec![missed()]);
    let id = id_of(&offer).to_string();
    assert_eq!(rig.deliver(offer).await, AttemptResult::Delivered);
    let arrived = receiver.only();
    assert_eq!(arrived.method, "POST");
    assert_eq!(arrived.header("content-type"), "application/json");
    assert_eq!(arrived.header("user-agent"), concat!("QuietPulse/", env!("CARGO_PKG_VERSION")));
    assert_eq!(arrived.header("webhook-id"), id);
    assert_eq!(arrived.header("webhook-timestamp"), (NOW / 1000).to_string());
    assert_eq!(arrived.header("webhook-signature"), signature(&arrived.body, &id, NOW / 1000));
    let expected = serde_json::json!({
        "version": 1,
        "type": "monitor.down",
        "id": TransitionId([0xab; 16]).to_string(),
        "occurred_at": "2026-11-24T01:05:00Z",
        "monitor": {
            "id": "0123456789abcdef", "slug": "backup", "name": "Backup", "tags": ["prod", "db"],
            "ping_url_hint": "01234567-…",
        },
        "from": "up", "to": "down", "reason": "missed",
        "expected_at": "2026-11-24T01:00:00Z", "deadline_at": "2026-11-24T01:05:00Z",
        "last_ping": {
            "kind": "exit", "at": "2026-11-23T01:00:03.25Z", "exit_code": 0, "duration_ms": 12300,
            "metrics": {"count": 3.5}, "body_tail": "line one\nline \u{fffd} two\\u{1b}[0m",
        },
        "incident": {"id": TransitionId([0xab; 16]).to_string(), "opened_at": "2026-11-24T01:05:00Z"},
        "detail": "", "run_started_at": null, "blind_from": null, "blind_to": null, "retracts": null,
        "config_version": 2,
        "text": "Backup did not report. Expected 02:00 (Europe/Berlin), with 5 min of grace until 02:05. \
                 Last ping: exit code 0 at 2026-11-23 02:00:03 (Europe/Berlin), after 12 s. Silent for 1 d 4 min. \
                 Metrics: count=3.5. Schedule: cron 0 2 * * * (Europe/Berlin), grace 5 min.",
        "url": "https://pulse.example/m/backup",
    });
    assert_eq!(arrived.json(), expected);
    let text = std::str::from_utf8(&arrived.body).unwrap();
    assert!(text.starts_with("{\"version\":1,\"type\":\"monitor.down\",\"id\":\"tr_"), "{text}");
}

#[tokio::test]
async fn several_verdicts_come_as_one_digest() {
    let (rig, receiver) = (Rig::start().await, Receiver::status(204).await);
    let channel = rig.channel(Settings::Webhook(plain(receiver.url()))).await;
    let up = Transition { kind: TransitionKind::Up, reason: Reason::Recovered, ..named("Other") };
    assert_eq!(rig.deliver(offer(channel.id, vec![missed(), up])).await, AttemptResult::Delivered);
    let json = receiver.only().json();
    assert_eq!(json["type"], "digest");
    assert_eq!(json["items_total"], 2);
    assert_eq!(json["items"][0]["type"], "monitor.down");
    assert_eq!(json["items"][1]["type"], "monitor.up");
    assert_eq!(json["items"][1]["monitor"]["name"], "Other");
    assert!(json["text"].as_str().unwrap().contains("DOWN Backup (backup): no ping since"));
    assert_eq!(json["url"], "https://pulse.example/");
}

#[tokio::test]
async fn answers_mean_what_the_manual_says() {
    let rig = Rig::start().await;
    let answer = |status: u16, retry_after: &'static str| async move {
        let headers = if retry_after.is_empty() { Vec::new() } else { vec![("retry-after", retry_after.to_owned())] };
        Receiver::start(move |_, _| (status, headers.clone(), "secret-canary".to_owned())).await
    };
    for (status, retry_after, after_ms) in [
        (429, "7", Some(7_000)),
        (503, "Tue, 24 Nov 2026 01:05:34 GMT", Some(30_000)),
        (502, "soon", None),
        (500, "", None),
        (400, "", None),
        (401, "", None),
        (404, "", None),
        (408, "", None),
        (425, "", None),
    ] {
        let receiver = answer(status, retry_after).await;
        let channel = rig.channel(Settings::Webhook(plain(receiver.url()))).await;
        let (after, error) = retried(rig.deliver(offer(channel.id, vec![missed()])).await);
        assert_eq!(after, after_ms, "{status}");
        assert!(error.starts_with(&format!("HTTP {status}")) && !error.contains("canary"), "{error}");
        assert_eq!(receiver.arrived().len(), 1);
    }
    let receiver = answer(410, "").await;
    let channel = rig.channel(Settings::Webhook(plain(receiver.url()))).await;
    assert_eq!(gone(rig.deliver(offer(channel.id, vec![missed()])).await), "HTTP 410 Gone");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (rig, elsewhere) = (Rig::start().await, Receiver::status(200).await);
    for status in [301, 302, 303, 307, 308] {
        let target = elsewhere.url();
        let receiver = Receiver::start(move |_, _| (status, vec![("location", target.clone())], String::new())).await;
        let channel = rig.channel(Settings::Webhook(plain(receiver.url()))).await;
        let (_, error) = retried(rig.deliver(offer(channel.id, vec![missed()])).await);
        assert!(error.contains("redirects are not followed"), "{error}");
    }
    assert!(elsewhere.arrived().is_empty());
}

#[tokio::test]
async fn headers_methods_and_bodies_of_the_owners_making() {
    let (rig, receiver) = (Rig::start().await, Receiver::status(200).await);
    let settings = WebhookSettings {
        method: "PUT".to_owned(),
        headers: HashMap::from([("X-Api-Key".to_owned(), "$NAME k".to_owned())]),
        body_template: "{\"n\":\"$NAME\",\"s\":\"$STATUS/$REASON\",\"e\":$EXITSTATUS,\"t\":\"$TAGS\",\"j\":$JSON,\"x\":\"{{7*7}}${7*7}%s\"}".to_owned(),
        ..plain(receiver.url())
    };
    let channel = rig.channel(Settings::Webhook(settings)).await;
    let hostile = "$TAGS\"},{\"a\":\"\\";
    assert_eq!(rig.deliver(offer(channel.id, vec![named(hostile)])).await, AttemptResult::Delivered);
    let arrived = receiver.only();
    assert_eq!(arrived.method, "PUT");
    assert_eq!(arrived.header("x-api-key"), "$NAME k", "headers are not templates");
    let json = arrived.json();
    assert_eq!((&json["n"], &json["s"], &json["e"]), (&hostile.into(), &"down/missed".into(), &0.into()));
    assert_eq!((&json["t"], &json["x"]), (&"prod db".into(), &"{{7*7}}${7*7}%s".into()));
    assert_eq!(json["j"]["monitor"]["name"], hostile);
    assert_eq!(arrived.header("webhook-signature"), signature(&arrived.body, arrived.header("webhook-id"), NOW / 1000));

    let (quiet, text) = (Receiver::status(200).await, Receiver::status(200).await);
    let get = rig.channel(Settings::Webhook(WebhookSettings { method: "GET".to_owned(), ..plain(quiet.url()) })).await;
    assert_eq!(rig.deliver(offer(get.id, vec![missed()])).await, AttemptResult::Delivered);
    assert_eq!((quiet.only().method.as_str(), quiet.only().body.len()), ("GET", 0));
    let template = WebhookSettings { body_template: "$NAME is $STATUS at $NOW".to_owned(), ..plain(text.url()) };
    let channel = rig.channel(Settings::Webhook(template)).await;
    assert_eq!(rig.deliver(offer(channel.id, vec![missed()])).await, AttemptResult::Delivered);
    assert_eq!(text.only().body, "Backup is down at 2026-11-24T01:05:04Z");
    assert_eq!(text.only().header("content-type"), "text/plain; charset=utf-8");
}

#[tokio::test]
async fn settings_that_the_door_should_have_refused_send_nothing() {
    let (rig, receiver) = (Rig::start().await, Receiver::status(200).await);
    let header = |name: &str, value: &str| WebhookSettings {
        headers: HashMap::from([(name.to_owned(), value.to_owned())]),
        ..plain(receiver.url())
    };
    let bad = [
        header("Host", "evil.example"),
        header("content-length", "0"),
        header("Transfer-Encoding", "chunked"),
        header("Webhook-Signature", "v1,x"),
        header("X-A", "a\r\nX-B: b"),
        WebhookSettings { method: "TRACE".to_owned(), ..plain(receiver.url()) },
        WebhookSettings { secret: "whsec_c2hvcnQ=".to_owned(), ..plain(receiver.url()) },
        WebhookSettings { url: "not a url".to_owned(), ..plain(receiver.url()) },
    ];
    for settings in bad {
        let channel = rig.channel(Settings::Webhook(settings.clone())).await;
        let error = failed(rig.deliver(offer(channel.id, vec![missed()])).await);
        assert!(!error.contains("whsec_c2"), "{error}");
    }
    assert!(receiver.arrived().is_empty());
}

#[tokio::test]
async fn a_test_message_goes_the_same_way() {
    let (rig, receiver) = (Rig::start().await, Receiver::status(200).await);
    let row = rig.row(Settings::Webhook(plain(receiver.url())));
    assert_eq!(rig.notifier.test_channel(&row).await, Ok(()));
    let arrived = receiver.only();
    assert_eq!(arrived.json()["type"], "channel.test");
    assert_eq!(arrived.json()["channel"], row.name);
    assert_eq!(arrived.header("webhook-signature"), signature(&arrived.body, arrived.header("webhook-id"), NOW / 1000));
    let broken = Receiver::status(500).await;
    let row = rig.row(Settings::Webhook(plain(broken.url())));
    assert_eq!(rig.notifier.test_channel(&row).await, Err("HTTP 500 Internal Server Error".to_owned()));
    let closed = rig.row(Settings::Webhook(plain("http://127.0.0.1:9/secret-path?token=secret".to_owned())));
    assert_eq!(rig.notifier.test_channel(&closed).await, Err("the connection was refused".to_owned()));
}
