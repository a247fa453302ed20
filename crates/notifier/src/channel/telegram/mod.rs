//! Telegram, through the Bot API. The token stands in the URL, so that no error and no log line may carry one.

mod limit;
pub(crate) mod message;
mod reply;

use super::Sent;
use crate::egress::{EgressClient, Outgoing};
use crate::notice::Message;
use crate::notifier::NotifierError;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use limit::Limits;
use reply::Answer;
use tokio::time::Instant;
use url::Url;
use wire::v1::TelegramSettings;

/// Sends through one Bot API server.
pub(crate) struct Telegram {
    base: String,
    http: EgressClient,
    limits: Limits,
}

impl Telegram {
    /// `base` is the operator's, so `http` need not guard it. Fails when it is no http(s) URL.
    pub(crate) fn new(base: &str, http: EgressClient) -> Result<Self, NotifierError> {
        let sound = Url::parse(base).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if !sound {
            let problem = "must be an http or https URL".to_owned();
            return Err(NotifierError::Setting { setting: "telegram_base_url", problem });
        }
        Ok(Self { base: base.trim_end_matches('/').to_owned(), http, limits: Limits::default() })
    }

    /// Makes one attempt; when the chat has moved, a second one to its new id at once.
    pub(crate) async fn send(&self, settings: &TelegramSettings, message: &Message<'_>) -> Sent {
        if !is_token(&settings.bot_token) {
            return Sent::failed("the bot token is not one of Telegram's");
        }
        match self.attempt(settings, &settings.chat_id, message).await {
            Answer::Moved(chat) => {
                let second = self.attempt(settings, &chat, message).await;
                Sent { moved_to: Some(chat), ..second.settle() }
            }
            answer => answer.settle(),
        }
    }

    async fn attempt(&self, settings: &TelegramSettings, chat: &str, message: &Message<'_>) -> Answer {
        let token = settings.bot_token.as_str();
        match self.limits.reserve(token, chat, Instant::now()) {
            Ok(wait) => tokio::time::sleep(wait).await,
            Err(wait) => {
                return Answer::Done(Sent::later(Some(wait.as_millis() as u64), "Telegram's rate limit is reached"));
            }
        }
        let url = format!("{}/bot{token}/sendMessage", self.base);
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let body = message::body(chat, message).into_bytes();
        let answer = match self.http.send(Outgoing { method: Method::POST, url: &url, headers, body }).await {
            Ok(reply) => reply::read(&reply, token, message.now),
            Err(error) => Answer::Done(error.into()),
        };
        if let Answer::Pause(pause) = &answer {
            self.limits.pause(token, *pause, Instant::now());
        }
        answer
    }
}

/// `123456:ABC-def_…`: nothing that could change the path of the URL it is put into.
fn is_token(token: &str) -> bool {
    let plain = token.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b':' | b'_' | b'-'));
    plain && !token.is_empty() && token.len() <= 100
}
