//! One line: when, what, and where to read more.

use super::LogForm;
use crate::notice::{Message, Notice};
use crate::render::escape::one_line;
use crate::render::{Words, words};
use domain::time::UnixMs;
use serde::Serialize;

/// A line for programs. What has no single monitor has none here.
#[derive(Serialize)]
struct Json<'a> {
    alert: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    monitor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<&'a str>,
    text: String,
    at: String,
    url: &'a str,
}

/// The line of a message, free of control characters.
pub(crate) fn line(message: &Message<'_>, form: LogForm) -> String {
    let words = words(message);
    let text = text(message, &words);
    match form {
        LogForm::Human => one_line(&format!("{} {text} {}", occurred(message), words.link)),
        LogForm::Json => json(message, one_line(&text), &words.link),
    }
}

fn json(message: &Message<'_>, text: String, url: &str) -> String {
    let (monitor, channel) = subject(message.notice);
    let line = Json { alert: message.notice.word(), monitor, channel, text, at: occurred(message).to_string(), url };
    // Texts alone: nothing in it can fail to be written as JSON.
    serde_json::to_string(&line).unwrap_or_default()
}

/// The headline, and in a digest what it sums up.
fn text(message: &Message<'_>, words: &Words) -> String {
    let digest = matches!(message.notice, Notice::Alert(items) if items.len() > 1);
    let story = if digest { format!(" | {}", words.sentences.join(" | ")) } else { String::new() };
    format!("{}{story}", words.headline)
}

/// The one monitor, or the channel under test.
fn subject(notice: &Notice) -> (Option<&str>, Option<&str>) {
    match notice {
        Notice::Test { channel } => (None, Some(channel)),
        Notice::Alert(items) => match items.as_slice() {
            [item] => (Some(&item.transition.identity.slug), None),
            _ => (None, None),
        },
    }
}

/// When the (latest) verdict became known.
fn occurred(message: &Message<'_>) -> UnixMs {
    match message.notice {
        Notice::Alert(items) => items.iter().map(|item| UnixMs(item.transition.known_ms)).max().unwrap_or(message.now),
        Notice::Test { .. } => message.now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::ids::DeliveryId;

    fn told(channel: &str, form: LogForm) -> String {
        let notice = Notice::Test { channel: channel.to_owned() };
        let (delivery, public_url) = (DeliveryId([3; 16]), "https://pulse.example");
        line(&Message { delivery, notice: &notice, now: UnixMs(0), public_url }, form)
    }

    #[test]
    fn a_test_names_its_channel_in_both_forms() {
        assert_eq!(told("ops", LogForm::Human), "1970-01-01T00:00:00Z TEST of channel ops https://pulse.example/");
        assert_eq!(
            told("ops", LogForm::Json),
            r#"{"alert":"channel.test","channel":"ops","text":"TEST of channel ops","at":"1970-01-01T00:00:00Z","url":"https://pulse.example/"}"#
        );
    }

    #[test]
    fn no_name_breaks_out_of_its_line() {
        let line = told("a\"\r\n{\u{1b}[2J", LogForm::Json);
        assert!(!line.contains(char::is_control), "{line}");
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["channel"], "a\"\r\n{\u{1b}[2J");
        assert_eq!(read["text"], "TEST of channel a\"\\r\\n{\\u{1b}[2J");
    }
}
