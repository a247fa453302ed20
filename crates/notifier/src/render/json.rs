//! The webhook's JSON. Fields may be added, never renamed or moved to another meaning.

use super::{Words, item_words, tail, words};
use crate::notice::{Item, Message, Notice};
use domain::ping::PingSummary;
use domain::time::UnixMs;
use domain::token::token_hint;
use domain::transition::Transition;
use serde::Serialize;
use std::collections::BTreeMap;

const VERSION: u32 = 1;
/// The most entries of a digest; `items_total` tells how many there are.
const MAX_ITEMS: usize = 100;

#[derive(Serialize)]
struct Payload {
    version: u32,
    #[serde(rename = "type")]
    kind: &'static str,
    id: String,
    occurred_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<String>,
    #[serde(flatten)]
    alert: Option<Alert>,
    text: String,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    items_total: Option<usize>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    items: Vec<Payload>,
}

#[derive(Serialize)]
struct Alert {
    monitor: Monitor,
    from: &'static str,
    to: &'static str,
    reason: &'static str,
    expected_at: Option<String>,
    deadline_at: Option<String>,
    last_ping: Option<LastPing>,
    incident: Option<Incident>,
    detail: String,
    run_started_at: Option<String>,
    blind_from: Option<String>,
    blind_to: Option<String>,
    retracts: Option<String>,
    config_version: u32,
}

#[derive(Serialize)]
struct Monitor {
    id: String,
    slug: String,
    name: String,
    tags: Vec<String>,
    ping_url_hint: String,
}

#[derive(Serialize)]
struct LastPing {
    kind: &'static str,
    at: String,
    exit_code: Option<u8>,
    duration_ms: Option<u64>,
    metrics: BTreeMap<String, f64>,
    body_tail: String,
}

#[derive(Serialize)]
struct Incident {
    id: String,
    opened_at: String,
}

/// The body of a webhook.
pub(crate) fn body(message: &Message<'_>) -> String {
    // A struct of strings and finite numbers always serializes; an empty body is what a receiver would see.
    serde_json::to_string(&payload(message)).unwrap_or_default()
}

fn payload(message: &Message<'_>) -> Payload {
    match message.notice {
        Notice::Test { channel } => {
            Payload { channel: Some(channel.clone()), ..bare(message, message.now, words(message)) }
        }
        Notice::Alert(items) => match items.as_slice() {
            [item] => single(item, message),
            _ => digest(items, message),
        },
    }
}

fn bare(message: &Message<'_>, occurred: UnixMs, words: Words) -> Payload {
    Payload {
        version: VERSION,
        kind: message.notice.word(),
        id: message.delivery.to_string(),
        occurred_at: occurred.to_string(),
        channel: None,
        alert: None,
        text: words.paragraph(),
        url: words.link,
        items_total: None,
        items: Vec::new(),
    }
}

fn single(item: &Item, message: &Message<'_>) -> Payload {
    let t = &item.transition;
    Payload {
        kind: t.kind.word(),
        id: t.id.to_string(),
        alert: Some(alert(item)),
        ..bare(message, UnixMs(t.occurred_ms), item_words(item, message))
    }
}

fn digest(items: &[Item], message: &Message<'_>) -> Payload {
    let latest = items.iter().map(|item| item.transition.occurred_ms).max().unwrap_or(message.now.0);
    Payload {
        items_total: Some(items.len()),
        items: items.iter().take(MAX_ITEMS).map(|item| single(item, message)).collect(),
        ..bare(message, UnixMs(latest), words(message))
    }
}

fn alert(item: &Item) -> Alert {
    let t = &item.transition;
    Alert {
        monitor: monitor(t),
        from: t.from.word(),
        to: t.to.word(),
        reason: t.reason.word(),
        expected_at: instant(t.expected_ms),
        deadline_at: instant(t.deadline_ms),
        last_ping: t.last_ping.as_ref().map(|ping| last_ping(ping, &item.body_tail)),
        incident: t.incident.map(|i| Incident { id: i.id.to_string(), opened_at: UnixMs(i.opened_ms).to_string() }),
        detail: t.detail.clone(),
        run_started_at: instant(t.run_started_ms),
        blind_from: instant(t.blind.map(|b| b.0)),
        blind_to: instant(t.blind.map(|b| b.1)),
        retracts: t.retracts.map(|id| id.to_string()),
        config_version: t.version,
    }
}

fn monitor(t: &Transition) -> Monitor {
    Monitor {
        id: t.monitor.to_string(),
        slug: t.identity.slug.clone(),
        name: t.identity.name.clone(),
        tags: t.identity.tags.clone(),
        ping_url_hint: token_hint(t.monitor),
    }
}

fn last_ping(ping: &PingSummary, body: &[u8]) -> LastPing {
    LastPing {
        kind: ping.kind.word(),
        at: UnixMs(ping.at_ms).to_string(),
        exit_code: ping.kind.exit_code(),
        duration_ms: ping.duration_ms,
        metrics: ping.metrics.iter().map(|m| (m.name.clone(), m.value)).collect(),
        body_tail: tail(body),
    }
}

fn instant(ms: Option<i64>) -> Option<String> {
    ms.map(|ms| UnixMs(ms).to_string())
}
