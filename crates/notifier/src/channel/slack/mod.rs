//! Slack's incoming webhooks, and the servers that speak like them (Mattermost, Rocket.Chat). The URL is the
//! secret.

pub(crate) mod message;
mod reply;

use super::Sent;
use crate::egress::{EgressClient, Outgoing};
use crate::notice::Message;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use wire::v1::SlackSettings;

/// Makes one attempt.
pub(crate) async fn send(http: &EgressClient, settings: &SlackSettings, message: &Message<'_>) -> Sent {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let body = message::body(message).into_bytes();
    match http.send(Outgoing { method: Method::POST, url: &settings.url, headers, body }).await {
        Ok(reply) => reply::read(&reply, message.now),
        Err(error) => error.into(),
    }
}
