//! How an attempt ended, and what it says about the endpoint.

use crate::egress::{EgressError, Reply, retry_after_ms};
use domain::command::AttemptResult;
use domain::time::UnixMs;

/// The end of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub result: AttemptResult,
    /// Whether the endpoint itself works. A mail relay that refuses one recipient does; one that hangs does not.
    pub endpoint_works: bool,
    /// The chat has a new id, to be stored.
    pub moved_to: Option<String>,
}

impl Sent {
    pub(crate) fn delivered() -> Self {
        Self::of(AttemptResult::Delivered, true)
    }

    /// The endpoint did not do it; worth another attempt.
    pub(crate) fn retry(error: impl Into<String>) -> Self {
        Self::of(AttemptResult::Retry { after_ms: None, error: error.into() }, false)
    }

    /// The endpoint works but asks for patience.
    pub(crate) fn later(after_ms: Option<u64>, error: impl Into<String>) -> Self {
        Self::of(AttemptResult::Retry { after_ms, error: error.into() }, true)
    }

    /// No attempt will ever succeed.
    pub(crate) fn failed(error: impl Into<String>) -> Self {
        Self::of(AttemptResult::Failed { error: error.into() }, true)
    }

    /// The endpoint is gone for good.
    pub(crate) fn gone(error: impl Into<String>) -> Self {
        Self::of(AttemptResult::Gone { error: error.into() }, true)
    }

    /// A status that asks for another attempt, with the time the provider asks for.
    pub(crate) fn retry_status(reply: &Reply, now: UnixMs) -> Self {
        let after_ms = retry_after_ms(&reply.headers, now);
        Self::of(AttemptResult::Retry { after_ms, error: status_words(reply) }, false)
    }

    fn of(result: AttemptResult, endpoint_works: bool) -> Self {
        Self { result, endpoint_works, moved_to: None }
    }
}

impl From<EgressError> for Sent {
    /// A refused destination is retried: who may reach what is the operator's setting, and DNS changes.
    fn from(error: EgressError) -> Self {
        match error {
            EgressError::BadUrl => Self::failed(error.to_string()),
            _ => Self::retry(error.to_string()),
        }
    }
}

/// `HTTP 503 Service Unavailable`. Nothing of the body: it may repeat the secrets that were sent to it.
pub(crate) fn status_words(reply: &Reply) -> String {
    let words = reply.status.canonical_reason().unwrap_or("");
    let redirect = if reply.status.is_redirection() { " (redirects are not followed)" } else { "" };
    format!("HTTP {} {words}{redirect}", reply.status.as_u16()).replace("  ", " ").trim_end().to_owned()
}
