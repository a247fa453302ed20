//! What Slack answers: a status and, when it refuses, one word such as `no_service`.

use crate::channel::Sent;
use crate::channel::sent::status_words;
use crate::egress::Reply;
use domain::time::UnixMs;
use http::StatusCode;

/// Reads the answer to an attempt. A webhook that was revoked or whose channel is gone never comes back.
pub(super) fn read(reply: &Reply, now: UnixMs) -> Sent {
    match reply.status {
        status if status.is_success() => Sent::delivered(),
        StatusCode::NOT_FOUND | StatusCode::GONE => Sent::gone(with_word(reply)),
        StatusCode::BAD_REQUEST | StatusCode::FORBIDDEN => Sent::later(None, with_word(reply)),
        _ => Sent::retry_status(reply, now),
    }
}

/// Only a word of Slack's own kind is repeated.
fn with_word(reply: &Reply) -> String {
    let word = std::str::from_utf8(&reply.body).unwrap_or("").trim();
    let plain = !word.is_empty() && word.len() <= 40 && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if plain { format!("{}: {word}", status_words(reply)) } else { status_words(reply) }
}
