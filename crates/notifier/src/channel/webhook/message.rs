//! The request of a webhook.

use super::sign::{SecretError, signature};
use super::template::{Values, fill, is_json};
use crate::egress::Outgoing;
use crate::notice::Message;
use crate::render::json;
use domain::egress::check_header;
use domain::field_error::FieldError;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use wire::v1::WebhookSettings;

/// Settings that give no request; the door of the API should have refused them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    #[error("method: POST, PUT or GET")]
    Method,
    #[error(transparent)]
    Header(#[from] FieldError),
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// The request of one attempt. Signed afresh: the id stays, the time does not.
pub(crate) fn request<'a>(settings: &'a WebhookSettings, message: &Message<'_>) -> Result<Outgoing<'a>, Unusable> {
    let method = method(&settings.method)?;
    let body = if method == Method::GET { String::new() } else { body(settings, message) };
    let mut headers = content_type(settings, &method);
    for (name, value) in &settings.headers {
        check_header(name, value)?;
        headers.insert(name_of(name)?, value_of(name, value)?);
    }
    sign(&mut headers, settings, message, body.as_bytes())?;
    Ok(Outgoing { method, url: &settings.url, headers, body: body.into_bytes() })
}

fn method(word: &str) -> Result<Method, Unusable> {
    match word {
        "" | "POST" => Ok(Method::POST),
        "PUT" => Ok(Method::PUT),
        "GET" => Ok(Method::GET),
        _ => Err(Unusable::Method),
    }
}

fn body(settings: &WebhookSettings, message: &Message<'_>) -> String {
    match settings.body_template.as_str() {
        "" => json::body(message),
        template => fill(template, &Values::of(message)),
    }
}

fn content_type(settings: &WebhookSettings, method: &Method) -> HeaderMap {
    let json = settings.body_template.is_empty() || is_json(&settings.body_template);
    let kind = if json { "application/json" } else { "text/plain; charset=utf-8" };
    match *method {
        Method::GET => HeaderMap::new(),
        _ => HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]),
    }
}

fn sign(
    headers: &mut HeaderMap,
    settings: &WebhookSettings,
    message: &Message<'_>,
    body: &[u8],
) -> Result<(), Unusable> {
    let (id, seconds) = (message.delivery.to_string(), message.now.secs_floor());
    if !settings.secret.is_empty() {
        let signed = signature(&settings.secret, &id, seconds, body)?;
        headers.insert("webhook-signature", value_of("webhook-signature", &signed)?);
    }
    headers.insert("webhook-timestamp", HeaderValue::from(seconds));
    headers.insert("webhook-id", value_of("webhook-id", &id)?);
    Ok(())
}

fn name_of(name: &str) -> Result<HeaderName, FieldError> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| FieldError::new("headers", "not a header name"))
}

fn value_of(name: &str, value: &str) -> Result<HeaderValue, FieldError> {
    let refusal = || FieldError::new("headers", format!("the value of {name} cannot stand in a header"));
    HeaderValue::from_bytes(value.as_bytes()).map_err(|_| refusal())
}
