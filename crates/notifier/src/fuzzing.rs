//! What fuzz targets render with: every channel's message of the same facts, without anybody to send it to. No promise
//! is made of anything in here.

use crate::channel::{discord, email, log, slack, telegram, webhook};
use crate::notice::{Item, Message, Notice};
use crate::{LogForm, render};
use domain::ids::DeliveryId;
use domain::time::UnixMs;
use domain::transition::Transition;
use lettre::message::Mailbox;
use lettre::{Address, address::AddressError};
use wire::v1::WebhookSettings;

/// What is told, and how.
pub struct Facts<'a> {
    /// Verdicts with the last bytes of their jobs' output; none: a test of the channel `channel`.
    pub alerts: Vec<(Transition, Vec<u8>)>,
    pub channel: &'a str,
    /// The webhook's body template; empty: its JSON.
    pub template: &'a str,
    pub headers: Vec<(String, String)>,
    pub now: UnixMs,
    pub public_url: &'a str,
}

/// The messages of all channels.
#[derive(Clone, Debug)]
pub struct Messages {
    /// One line, as in a subject.
    pub headline: String,
    /// Everything, in lines.
    pub plain: String,
    /// The webhook's own JSON.
    pub json: String,
    /// Header names and values, and the body; or why there is no request.
    pub webhook: Result<Request, String>,
    pub slack: String,
    pub discord: String,
    pub telegram: String,
    /// A whole mail, as it goes to the relay.
    pub mail: Result<Vec<u8>, String>,
    pub lines: [String; 2],
}

/// A webhook's request.
#[derive(Clone, Debug)]
pub struct Request {
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}

/// Renders `facts` for every channel.
pub fn render(facts: Facts<'_>) -> Messages {
    let settings = WebhookSettings {
        url: "https://hooks.example.com/".into(),
        body_template: facts.template.into(),
        headers: facts.headers.into_iter().collect(),
        ..WebhookSettings::default()
    };
    let items = facts.alerts.into_iter().map(|(transition, body_tail)| Item { transition, body_tail });
    let notice = match items.len() {
        0 => Notice::Test { channel: facts.channel.into() },
        _ => Notice::Alert(items.collect()),
    };
    let (now, public_url) = (facts.now, facts.public_url);
    let message = Message { delivery: DeliveryId([7; 16]), notice: &notice, now, public_url };
    let words = render::words(&message);
    Messages {
        headline: words.headline.clone(),
        plain: words.plain(),
        json: render::json::body(&message),
        webhook: request(&settings, &message),
        slack: slack::message::body(&message),
        discord: discord::message::body(&message),
        telegram: telegram::message::body("-1", &message),
        mail: mail(&message),
        lines: [LogForm::Human, LogForm::Json].map(|form| log::message::line(&message, form)),
    }
}

fn request(settings: &WebhookSettings, message: &Message<'_>) -> Result<Request, String> {
    let request = webhook::message::request(settings, message).map_err(|unusable| unusable.to_string())?;
    let headers = request.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    Ok(Request { headers: headers.collect(), body: request.body })
}

fn mail(message: &Message<'_>) -> Result<Vec<u8>, String> {
    let from: Result<Mailbox, AddressError> = "QuietPulse <pulse@example.org>".parse();
    let to: Result<Address, AddressError> = "ops@example.org".parse();
    let (from, to) = (from.map_err(|e| e.to_string())?, to.map_err(|e| e.to_string())?);
    email::message::mail(&from, to, message).map(|mail| mail.formatted()).map_err(|error| error.to_string())
}
