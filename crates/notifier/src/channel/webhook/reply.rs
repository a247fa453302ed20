//! What a receiver's status means. Only 410 is final: receivers are misconfigured for minutes at a time, and an
//! alert that comes late is better than one that was given up.

use crate::channel::Sent;
use crate::channel::sent::status_words;
use crate::egress::Reply;
use domain::planted;
use domain::time::UnixMs;
use http::StatusCode;

/// Reads the answer to an attempt.
pub(super) fn read(reply: &Reply, now: UnixMs) -> Sent {
    match reply.status {
        status if planted!("any-status-is-a-yes", status.is_success(), true) => Sent::delivered(),
        StatusCode::GONE => Sent::gone(status_words(reply)),
        _ => Sent::retry_status(reply, now),
    }
}
