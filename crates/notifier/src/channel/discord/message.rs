//! One message in Discord's markdown.

use crate::notice::Message;
use crate::render::escape::{cut, discord, fenced};
use crate::render::{Words, words};
use serde_json::json;

/// Discord's limit is 2,000 characters of `content`.
const MAX_CHARS: usize = 2_000;
const HEADLINE_CHARS: usize = 250;
const TAIL_CHARS: usize = 700;
/// SUPPRESS_EMBEDS: no preview of the link.
const NO_PREVIEW: u32 = 4;

/// The JSON of an incoming webhook. `allowed_mentions` without any: nothing in a name can call anybody.
pub(crate) fn body(message: &Message<'_>) -> String {
    json!({ "content": text(&words(message)), "allowed_mentions": { "parse": [] }, "flags": NO_PREVIEW }).to_string()
}

fn text(words: &Words) -> String {
    let mut text = format!("**{}**\n", fitted(&words.headline, HEADLINE_CHARS));
    let link = format!("\n<{}>", cut(&words.link.replace(['<', '>', ' '], ""), 300, |_| 1));
    let tail = match words.tail.as_str() {
        "" => String::new(),
        tail => format!("\n```\n{}\n```", cut(&fenced(tail), TAIL_CHARS, |_| 1)),
    };
    let used = text.chars().count() + link.chars().count() + tail.chars().count();
    text.push_str(&fitted(&words.sentences.join("\n"), MAX_CHARS.saturating_sub(used)));
    text + &tail + &link
}

/// As much of `text` as fits into `budget` characters even if each of them is escaped.
fn fitted(text: &str, budget: usize) -> String {
    discord(cut(text, budget, |c| if c.is_alphanumeric() || c == ' ' { 1 } else { 2 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_message_fits() {
        for piece in ["*", "`", "a", "\u{1d11e}"] {
            let long = piece.repeat(5_000);
            let words =
                Words { headline: long.clone(), sentences: vec![long.clone(); 3], tail: long.clone(), link: long };
            assert!(text(&words).chars().count() <= MAX_CHARS, "{piece}");
        }
    }
}
