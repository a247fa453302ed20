//! One message in Slack's mrkdwn.

use crate::notice::Message;
use crate::render::escape::{cut, fenced, slack};
use crate::render::{Words, words};
use serde_json::json;

/// Slack shows about 4,000 characters well; the output's last lines come on top.
const MAX_STORY_CHARS: usize = 2_500;

/// The JSON of an incoming webhook. Without `link_names`, a name that reads `@channel` calls nobody.
pub(crate) fn body(message: &Message<'_>) -> String {
    let words = words(message);
    json!({ "text": text(&words), "unfurl_links": false, "unfurl_media": false }).to_string()
}

fn text(words: &Words) -> String {
    let story = words.sentences.join("\n");
    let mut text =
        format!("*{}*\n{}", slack(cut(&words.headline, 500, |_| 1)), slack(cut(&story, MAX_STORY_CHARS, |_| 1)));
    if !words.tail.is_empty() {
        text.push_str(&format!("\n```{}```", slack(&fenced(&words.tail))));
    }
    // Inside `<…|…>` a bar or an angle bracket would end the link, so the bare URL is shown instead.
    text + &format!("\n<{}>", slack(&words.link).replace('|', "%7C"))
}
