//! Webhooks: JSON, signed by the rules of Standard Webhooks, or a body of the owner's own making.

pub(crate) mod message;
mod reply;
mod sign;
mod template;

use super::Sent;
use crate::egress::EgressClient;
use crate::notice::Message;
use wire::v1::WebhookSettings;

/// Makes one attempt.
pub(crate) async fn send(http: &EgressClient, settings: &WebhookSettings, message: &Message<'_>) -> Sent {
    let request = match message::request(settings, message) {
        Ok(request) => request,
        Err(unusable) => return Sent::failed(unusable.to_string()),
    };
    match http.send(request).await {
        Ok(reply) => reply::read(&reply, message.now),
        Err(error) => error.into(),
    }
}
