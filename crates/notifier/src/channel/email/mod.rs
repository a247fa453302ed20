//! E-mail, through the operator's relay.

pub(crate) mod message;
mod recipient;
mod relay;
mod reply;

use super::Sent;
use crate::notice::Message;
use crate::notifier::NotifierError;
use crate::options::SmtpOptions;
use lettre::message::Mailbox;
use lettre::transport::smtp::AsyncSmtpTransportBuilder;
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use std::sync::OnceLock;
use std::time::Duration;
use wire::v1::EmailSettings;

/// A whole dialogue with the relay, from connecting to the last reply.
const TOTAL: Duration = Duration::from_secs(30);

/// Sends mails from one address through one relay.
pub(crate) struct Mailer {
    builder: AsyncSmtpTransportBuilder,
    /// Built with the first mail: its pool needs a running runtime.
    relay: OnceLock<AsyncSmtpTransport<Tokio1Executor>>,
    from: Mailbox,
}

impl Mailer {
    /// Fails when the sender's address or the certificate file cannot be used.
    pub(crate) fn new(options: &SmtpOptions) -> Result<Self, NotifierError> {
        let refusal =
            |_| NotifierError::Setting { setting: "smtp.from", problem: "must be one mail address".to_owned() };
        Ok(Self {
            builder: relay::builder(options)?,
            relay: OnceLock::new(),
            from: options.from.parse().map_err(refusal)?,
        })
    }

    /// Makes one attempt.
    pub(crate) async fn send(&self, settings: &EmailSettings, message: &Message<'_>) -> Sent {
        let to = match recipient::parse(&settings.to) {
            Ok(to) => to,
            Err(refused) => return Sent::failed(refused.to_string()),
        };
        let mail = match message::mail(&self.from, to, message) {
            Ok(mail) => mail,
            Err(error) => return Sent::failed(error.to_string()),
        };
        let relay = self.relay.get_or_init(|| self.builder.clone().build());
        match tokio::time::timeout(TOTAL, relay.send(mail)).await {
            Ok(answer) => reply::read(answer),
            Err(_) => Sent::retry("the mail relay did not answer in time"),
        }
    }
}
