//! What the Bot API answers.

use crate::channel::Sent;
use crate::egress::{Reply, retry_after_ms};
use crate::render::escape::short_line;
use domain::time::UnixMs;
use serde::Deserialize;
use std::time::Duration;

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Done(Sent),
    /// The group became a supergroup with this id.
    Moved(String),
    /// The whole bot has to be quiet.
    Pause(Duration),
}

impl Answer {
    /// The end of the attempt: a chat that moved twice is tried again later.
    pub(super) fn settle(self) -> Sent {
        match self {
            Self::Done(sent) => sent,
            Self::Moved(_) => Sent::later(None, "Telegram moved the chat"),
            Self::Pause(pause) => Sent::later(Some(pause.as_millis() as u64), "HTTP 429: Telegram asks for a pause"),
        }
    }
}

#[derive(Default, Deserialize)]
struct Body {
    #[serde(default)]
    ok: bool,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    migrate_to_chat_id: Option<i64>,
    retry_after: Option<u64>,
}

/// Reads the answer to one request. `token` is removed from whatever is repeated.
pub(super) fn read(reply: &Reply, token: &str, now: UnixMs) -> Answer {
    let body: Body = serde_json::from_slice(&reply.body).unwrap_or_default();
    let status = reply.status.as_u16();
    let words = words(status, &body.description.replace(token, "…"));
    match (status, body.parameters.migrate_to_chat_id) {
        (200..=299, _) if body.ok => Answer::Done(Sent::delivered()),
        (400, Some(chat)) => Answer::Moved(chat.to_string()),
        (400 | 401 | 404, _) => Answer::Done(Sent::failed(words)),
        // The bot was blocked, or is no longer in the group.
        (403, _) => Answer::Done(Sent::gone(words)),
        (429, _) => Answer::Pause(pause(&body, reply, now)),
        _ => Answer::Done(Sent::retry(words)),
    }
}

fn words(status: u16, description: &str) -> String {
    match short_line(description, 200) {
        description if description.is_empty() => format!("HTTP {status} from Telegram"),
        description => format!("HTTP {status} from Telegram: {description}"),
    }
}

fn pause(body: &Body, reply: &Reply, now: UnixMs) -> Duration {
    let named = body.parameters.retry_after.map(|seconds| seconds.saturating_mul(1000));
    Duration::from_millis(named.or_else(|| retry_after_ms(&reply.headers, now)).unwrap_or(5_000))
}
