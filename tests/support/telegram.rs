//! Telegram's Bot API, as far as sending goes, and as strict: it refuses markup that is none (N4).

use super::peer::{Mode, Peer, Received};
use super::wait::until;
use serde_json::{Value, json};
use std::time::Duration;

/// A bot's token, in the form that Telegram gives out.
pub const TOKEN: &str = "123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc";

/// Tags of HTML mode (core.telegram.org/bots/api#html-style).
const TAGS: [&str; 14] =
    ["b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "code", "pre", "a", "blockquote", "tg-spoiler"];

/// The stand-in.
#[derive(Clone)]
pub struct Telegram(Peer);

impl Telegram {
    pub async fn listen() -> Self {
        Self(Peer::listen(answer).await)
    }

    pub fn base_url(&self) -> String {
        format!("http://{}", self.0.address)
    }

    /// The answers to the next calls, in order.
    pub fn then(&self, modes: impl IntoIterator<Item = Mode>) {
        self.0.then(modes);
    }

    pub fn received(&self) -> Vec<Received> {
        self.0.received()
    }

    /// Waits for a message whose text, as a person sees it, matches.
    pub async fn message(&self, what: &str, patience: Duration, matches: impl Fn(&str) -> bool) -> Value {
        let seen = |call: &Received| Some(call.json()).filter(|call| visible(call).is_ok_and(|text| matches(&text)));
        until(what, patience, async || self.received().iter().find_map(seen)).await
    }
}

/// "Slow down" for so many seconds.
pub fn flooded(seconds: u64) -> Mode {
    let body = json!({"ok": false, "error_code": 429, "description": format!("Too Many Requests: retry after {seconds}"),
        "parameters": {"retry_after": seconds}});
    Mode::Answer(429, "content-type: application/json\r\n".into(), body.to_string())
}

fn answer(call: &Received) -> Mode {
    if call.path != format!("/bot{TOKEN}/sendMessage") {
        return refusal(404, "Not Found");
    }
    match visible(&call.json()) {
        Ok(text) if text.trim().is_empty() => refusal(400, "Bad Request: message text is empty"),
        Ok(text) if text.chars().count() > 4_096 => refusal(400, "Bad Request: message is too long"),
        Err(problem) => refusal(400, &format!("Bad Request: can't parse entities: {problem}")),
        Ok(_) => {
            let body = json!({"ok": true, "result": {"message_id": 1}});
            Mode::Answer(200, "content-type: application/json\r\n".into(), body.to_string())
        }
    }
}

fn refusal(status: u16, description: &str) -> Mode {
    let body = json!({"ok": false, "error_code": status, "description": description});
    Mode::Answer(status, "content-type: application/json\r\n".into(), body.to_string())
}

/// The text as a person sees it, or what Telegram would not parse.
pub fn visible(call: &Value) -> Result<String, String> {
    let text = call["text"].as_str().unwrap_or_default();
    if call["parse_mode"] == "HTML" { plain(text) } else { Ok(text.to_owned()) }
}

fn plain(html: &str) -> Result<String, String> {
    let (mut text, mut open, mut rest) = (String::new(), Vec::new(), html);
    while let Some(at) = rest.find(['<', '&']) {
        text.push_str(&rest[..at]);
        let closing = if rest[at..].starts_with('<') { '>' } else { ';' };
        let end = at + rest[at..].find(closing).ok_or("unclosed tag or entity")?;
        let inner = &rest[at + 1..end];
        match closing {
            '>' => tag(inner, &mut open)?,
            _ => text.push(entity(inner).ok_or_else(|| format!("entity &{inner};"))?),
        }
        rest = &rest[end + 1..];
    }
    text.push_str(rest);
    if open.is_empty() { Ok(text) } else { Err(format!("unclosed: {open:?}")) }
}

fn tag(inner: &str, open: &mut Vec<String>) -> Result<(), String> {
    let name = |text: &str| text.split_whitespace().next().unwrap_or_default().to_owned();
    match inner.strip_prefix('/') {
        Some(closed) if open.last() == Some(&name(closed)) => drop(open.pop()),
        Some(closed) => return Err(format!("unexpected end tag </{closed}>")),
        None if TAGS.contains(&name(inner).as_str()) => open.push(name(inner)),
        None => return Err(format!("unsupported start tag <{inner}>")),
    }
    Ok(())
}

fn entity(name: &str) -> Option<char> {
    match name {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "quot" => Some('"'),
        _ => {
            let digits = name.strip_prefix('#')?;
            let hex = digits.strip_prefix('x').map(|hex| u32::from_str_radix(hex, 16));
            char::from_u32(hex.unwrap_or_else(|| digits.parse()).ok()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_read_as_strictly_as_telegram_does() {
        assert_eq!(plain("<b>DOWN</b> &lt;b&gt;&amp;amp;&lt;/pre&gt;"), Ok("DOWN <b>&amp;</pre>".into()));
        for bad in ["<b>open", "<b></i>", "<h1>no</h1>", "&nbsp;x", "a & b", "x</pre>"] {
            assert!(plain(bad).is_err(), "{bad}");
        }
    }
}
