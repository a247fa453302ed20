//! From facts to words. Channels choose the form (JSON, HTML, plain lines); what is said is decided here, once.

pub(crate) mod escape;
pub(crate) mod html;
pub(crate) mod json;
mod sentences;
mod tail;
mod when;

pub(crate) use tail::tail;

use crate::notice::{Item, Message, Notice};
use sentences::Teller;

/// The most monitors a digest names one by one.
const MAX_DIGEST_LINES: usize = 50;

/// A message in words, still free of any markup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Words {
    /// One line, e.g. for a subject: `DOWN backup: no ping since …`.
    pub headline: String,
    /// The whole story, one sentence or digest entry each.
    pub sentences: Vec<String>,
    /// The last lines of the job's output; empty when there are none.
    pub tail: String,
    /// Where to read more.
    pub link: String,
}

impl Words {
    /// The story as one paragraph.
    pub(crate) fn paragraph(&self) -> String {
        self.sentences.join(" ")
    }

    /// Everything, for a plain text message.
    pub(crate) fn plain(&self) -> String {
        let mut text = self.sentences.join("\n");
        if !self.tail.is_empty() {
            text.push_str("\n\nLast output:\n");
            text.push_str(&self.tail);
        }
        text.push_str("\n\n");
        text.push_str(&self.link);
        text
    }
}

/// Puts a message into words.
pub(crate) fn words(message: &Message<'_>) -> Words {
    match message.notice {
        Notice::Test { channel } => test_words(channel, message),
        Notice::Alert(items) => match items.as_slice() {
            [item] => item_words(item, message),
            _ => digest_words(items, message),
        },
    }
}

/// One verdict in words.
pub(crate) fn item_words(item: &Item, message: &Message<'_>) -> Words {
    let teller = Teller::new(&item.transition, message.now);
    let slug = &item.transition.identity.slug;
    Words {
        headline: teller.headline(),
        sentences: teller.sentences(),
        tail: tail(&item.body_tail),
        link: format!("{}/m/{slug}", message.public_url),
    }
}

fn test_words(channel: &str, message: &Message<'_>) -> Words {
    let channel = escape::one_line(channel);
    Words {
        headline: format!("TEST of channel {channel}"),
        sentences: vec![
            format!("This is a test of the channel {channel}, asked for at {}.", message.now),
            "If you can read this, alerts will arrive here.".to_owned(),
        ],
        tail: String::new(),
        link: format!("{}/", message.public_url),
    }
}

fn digest_words(items: &[Item], message: &Message<'_>) -> Words {
    let headline = |item: &Item| Teller::new(&item.transition, message.now).headline();
    let mut sentences: Vec<String> = items.iter().take(MAX_DIGEST_LINES).map(headline).collect();
    let more = items.len().saturating_sub(MAX_DIGEST_LINES);
    if more > 0 {
        sentences.push(format!("... and {more} more."));
    }
    Words {
        headline: format!("{} alerts: {}", items.len(), tally(items)),
        sentences,
        tail: String::new(),
        link: format!("{}/", message.public_url),
    }
}

/// `3 down, 1 up`, in the order in which the kinds first appear.
fn tally(items: &[Item]) -> String {
    let mut counts: Vec<(&'static str, usize)> = Vec::new();
    for item in items {
        let word = sentences::kind_word(item.transition.kind);
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    let parts: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {}", word.to_lowercase())).collect();
    parts.join(", ")
}

#[cfg(test)]
mod tests;
