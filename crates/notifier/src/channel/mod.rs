//! The channels. Each is a folder with the same files: `mod.rs` sends, `message.rs` says it in the provider's
//! form, `reply.rs` reads the provider's answer.

pub(crate) mod discord;
pub(crate) mod email;
pub(crate) mod log;
pub(crate) mod slack;
pub(crate) mod telegram;
pub(crate) mod webhook;

mod sent;

pub(crate) use sent::Sent;

use crate::egress::EgressClient;
use crate::notice::Message;
use crate::notifier::{NotifierError, Parts};
use crate::options::NotifierOptions;
use log::LogSink;
use std::sync::Arc;
use wire::v1::channel::Settings;

/// All channels, ready to send.
pub(crate) struct Channels {
    http: EgressClient,
    telegram: telegram::Telegram,
    mailer: Option<email::Mailer>,
    log: Arc<dyn LogSink>,
}

impl Channels {
    /// Fails when a setting of the operator is wrong.
    pub(crate) fn new(options: &NotifierOptions, parts: Parts) -> Result<Self, NotifierError> {
        let roots = |error: reqwest::Error| NotifierError::TlsRoots(error.without_url().to_string());
        let policy = Arc::new(options.egress.clone());
        let on_its_way = |client: EgressClient| match &parts.transport {
            Some(transport) => client.over(Arc::clone(transport)),
            None => client,
        };
        let guarded = EgressClient::guarded(policy, parts.lookup.clone()).map_err(roots)?;
        let trusted = EgressClient::trusted(parts.lookup.clone()).map_err(roots)?;
        Ok(Self {
            http: on_its_way(guarded),
            telegram: telegram::Telegram::new(&options.telegram_base_url, on_its_way(trusted))?,
            mailer: options.smtp.as_ref().map(email::Mailer::new).transpose()?,
            log: parts.log,
        })
    }

    /// Makes one attempt. Bounded in time by the client of each channel.
    pub(crate) async fn send(&self, settings: &Settings, message: &Message<'_>) -> Sent {
        match settings {
            Settings::Webhook(settings) => webhook::send(&self.http, settings, message).await,
            Settings::Telegram(settings) => self.telegram.send(settings, message).await,
            Settings::Email(settings) => match &self.mailer {
                Some(mailer) => mailer.send(settings, message).await,
                None => Sent::retry("no mail relay is configured on this server"),
            },
            Settings::Slack(settings) => slack::send(&self.http, settings, message).await,
            Settings::Discord(settings) => discord::send(&self.http, settings, message).await,
            Settings::Log(_) => log::send(&self.log, message).await,
        }
    }
}
