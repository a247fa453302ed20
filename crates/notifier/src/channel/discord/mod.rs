//! Discord's incoming webhooks. The URL is the secret.

pub(crate) mod message;
mod reply;

use super::Sent;
use crate::egress::{EgressClient, Outgoing};
use crate::notice::Message;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use wire::v1::DiscordSettings;

/// Makes one attempt.
pub(crate) async fn send(http: &EgressClient, settings: &DiscordSettings, message: &Message<'_>) -> Sent {
    let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let body = message::body(message).into_bytes();
    match http.send(Outgoing { method: Method::POST, url: &settings.url, headers, body }).await {
        Ok(reply) => reply::read(&reply, message.now),
        Err(error) => error.into(),
    }
}
