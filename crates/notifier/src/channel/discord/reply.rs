//! What Discord answers.

use crate::channel::Sent;
use crate::channel::sent::status_words;
use crate::egress::Reply;
use domain::time::UnixMs;
use http::StatusCode;

/// Reads the answer to an attempt. An unknown webhook was deleted and never comes back.
pub(super) fn read(reply: &Reply, now: UnixMs) -> Sent {
    match reply.status {
        status if status.is_success() => Sent::delivered(),
        StatusCode::NOT_FOUND | StatusCode::GONE => Sent::gone(status_words(reply)),
        _ => Sent::retry_status(reply, now),
    }
}
