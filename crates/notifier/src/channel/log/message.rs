//! One line: when, what, and where to read more.

use crate::notice::{Message, Notice};
use crate::render::escape::one_line;
use crate::render::words;
use domain::time::UnixMs;

/// The line of a message, free of control characters.
pub(super) fn line(message: &Message<'_>) -> String {
    let words = words(message);
    let digest = matches!(message.notice, Notice::Alert(items) if items.len() > 1);
    let story = if digest { format!(" | {}", words.sentences.join(" | ")) } else { String::new() };
    one_line(&format!("{} {}{story} {}", occurred(message), words.headline, words.link))
}

/// When the (latest) verdict became known.
fn occurred(message: &Message<'_>) -> UnixMs {
    match message.notice {
        Notice::Alert(items) => items.iter().map(|item| UnixMs(item.transition.known_ms)).max().unwrap_or(message.now),
        Notice::Test { .. } => message.now,
    }
}
