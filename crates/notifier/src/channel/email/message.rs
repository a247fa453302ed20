//! One mail: text and HTML side by side.

use crate::notice::Message;
use crate::render::escape::short_line;
use crate::render::{html, words};
use lettre::Address;
use lettre::message::header::{Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use std::time::{Duration, SystemTime};

const MAX_SUBJECT_CHARS: usize = 200;
/// 9998-12-31T23:59:59Z: dates of mails have four digits for the year, and whoever prints them has had enough there.
const LAST_DATE_MS: u64 = 253_370_764_799_000;

/// A mail that could not be put together.
#[derive(Debug, thiserror::Error)]
#[error("the mail cannot be built: {0}")]
pub(crate) struct MailError(String);

/// `Auto-Submitted: auto-generated` (RFC 3834): no vacation replies, please.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// The mail of one attempt. Its Message-ID is the delivery's, the same on each attempt: whoever gets two copies
/// can tell. Headers are built by lettre from typed values, on top of a subject that holds no line end.
pub(crate) fn mail(from: &Mailbox, to: Address, message: &Message<'_>) -> Result<lettre::Message, MailError> {
    let words = words(message);
    let page = html::mail(&words).map_err(|e| MailError(e.to_string()))?;
    lettre::Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(short_line(&words.headline, MAX_SUBJECT_CHARS))
        .date(sent_at(message))
        .message_id(Some(format!("<{}@{}>", message.delivery, from.email.domain())))
        .header(AutoSubmitted)
        .multipart(MultiPart::alternative_plain_html(words.plain(), page))
        .map_err(|e| MailError(e.to_string()))
}

/// A clock that is wrong by millennia gives a wrong date, and a mail all the same.
fn sent_at(message: &Message<'_>) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(message.now.0).unwrap_or(0).min(LAST_DATE_MS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notice::Notice;
    use domain::ids::DeliveryId;
    use domain::time::UnixMs;

    #[test]
    fn no_clock_stops_a_mail() {
        let notice = Notice::Test { channel: "ops".into() };
        let (from, to): (Mailbox, Address) = ("a@b.example".parse().unwrap(), "c@d.example".parse().unwrap());
        for (ms, year) in [(i64::MIN, "1970"), (1_800_000_000_000, "2027"), (i64::MAX, "9998")] {
            let message =
                Message { delivery: DeliveryId([3; 16]), notice: &notice, now: UnixMs(ms), public_url: "https://a" };
            let text = String::from_utf8(mail(&from, to.clone(), &message).unwrap().formatted()).unwrap();
            let date = text.lines().find(|line| line.starts_with("Date: ")).unwrap();
            assert!(date.contains(&format!(" {year} ")), "{date}");
        }
    }
}
