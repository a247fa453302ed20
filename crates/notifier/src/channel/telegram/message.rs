//! `sendMessage` of the Bot API, in HTML mode with every value escaped.

use crate::notice::Message;
use crate::render::escape::{cut, html_char};
use crate::render::{Words, words};
use serde_json::json;

/// Telegram's limit, in UTF-16 code units (Bot API, `sendMessage`).
const MAX_UNITS: usize = 4_096;
/// What the last lines of output may take of it at most.
const TAIL_UNITS: usize = 1_400;

/// The JSON of one message. Every part is cut before it is escaped, so no entity and no tag is ever split.
pub(crate) fn body(chat: &str, message: &Message<'_>) -> String {
    json!({
        "chat_id": chat,
        "text": text(&words(message)),
        "parse_mode": "HTML",
        "link_preview_options": { "is_disabled": true },
    })
    .to_string()
}

fn text(words: &Words) -> String {
    let mut text = format!("<b>{}</b>\n", fitted(&words.headline, 500));
    let link = format!("\n<a href=\"{0}\">{0}</a>", fitted(&words.link, 700));
    let tail = match words.tail.as_str() {
        "" => String::new(),
        tail => format!("\n<pre>{}</pre>", fitted(tail, TAIL_UNITS)),
    };
    let room = MAX_UNITS.saturating_sub(units(&text) + units(&tail) + units(&link));
    text.push_str(&fitted(&words.sentences.join("\n"), room));
    text + &tail + &link
}

/// As much of `text` as fits into `budget` units once it is escaped.
fn fitted(text: &str, budget: usize) -> String {
    crate::render::escape::html(cut(text, budget, |c| html_char(c).map_or(c.len_utf16(), str::len)))
}

fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_message_fits_and_is_well_formed() {
        for piece in ["&", "<b>", "𝄞", "a\n"] {
            let long = piece.repeat(5_000);
            let words =
                Words { headline: long.clone(), sentences: vec![long.clone(); 3], tail: long.clone(), link: long };
            let text = text(&words);
            assert!(units(&text) <= MAX_UNITS, "{piece}: {}", units(&text));
            for (open, close) in [("<b>", "</b>"), ("<pre>", "</pre>"), ("<a ", "</a>")] {
                assert_eq!((text.matches(open).count(), text.matches(close).count()), (1, 1), "{piece}");
            }
            let entities = text.matches("&amp;").count() + text.matches("&lt;").count() + text.matches("&gt;").count();
            assert_eq!(text.matches('&').count(), entities, "{piece}");
        }
    }
}
