//! Bodies of the owner's own making, with the placeholders that users of Healthchecks know.
//!
//! One pass from left to right: what a value contains is never looked at again, so a monitor called `$JSON`
//! stays that. In a template that begins like JSON, values are escaped as the inside of a JSON string; there,
//! `$JSON` outside of quotes stands for the object itself. Nothing but these words is special.

use crate::notice::{Message, Notice};
use crate::render::{json, words};

/// The values, in the order in which names are tried: no name may come before a longer one it begins.
pub(super) struct Values([(&'static str, String); 10]);

/// Where the text stands that a value goes into.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Plain,
    JsonString,
    JsonValue,
}

impl Values {
    /// The values of a message. A digest has the number of its alerts as name and the first one's place.
    pub(super) fn of(message: &Message<'_>) -> Self {
        let words = words(message);
        let first = match message.notice {
            Notice::Alert(items) => items.first().map(|item| &item.transition),
            Notice::Test { .. } => None,
        };
        let text = |read: fn(&domain::transition::Transition) -> String, other: &str| {
            first.map(read).unwrap_or_else(|| other.to_owned())
        };
        let exit = first.and_then(|t| t.last_ping.as_ref()?.kind.exit_code());
        Self([
            ("$EXITSTATUS", exit.map_or_else(|| "-1".to_owned(), |code| code.to_string())),
            ("$STATUS", text(|t| t.to.word().to_owned(), "test")),
            ("$REASON", text(|t| t.reason.word().to_owned(), "test")),
            ("$CODE", text(|t| t.monitor.to_string(), "")),
            ("$NAME", text(|t| t.identity.name.clone(), "test")),
            ("$SLUG", text(|t| t.identity.slug.clone(), "test")),
            ("$TAGS", text(|t| t.identity.tags.join(" "), "")),
            ("$TEXT", words.paragraph()),
            ("$JSON", json::body(message)),
            ("$NOW", message.now.to_string()),
        ])
    }

    fn at(&self, rest: &str) -> Option<&(&'static str, String)> {
        self.0.iter().find(|(name, _)| rest.starts_with(name))
    }
}

/// Whether values are escaped for JSON.
pub(super) fn is_json(template: &str) -> bool {
    template.trim_start().starts_with(['{', '['])
}

/// The template with its placeholders filled in.
pub(super) fn fill(template: &str, values: &Values) -> String {
    let mut filled = String::with_capacity(template.len() * 2);
    let mut place = if is_json(template) { Place::JsonValue } else { Place::Plain };
    let (mut rest, mut escaped) = (template, false);
    while let Some(c) = rest.chars().next() {
        if c == '$'
            && let Some((name, value)) = values.at(rest)
        {
            filled.push_str(&shown(name, value, place));
            (rest, escaped) = (rest.get(name.len()..).unwrap_or(""), false);
            continue;
        }
        place = after(c, place, escaped);
        escaped = c == '\\' && !escaped;
        filled.push(c);
        rest = rest.get(c.len_utf8()..).unwrap_or("");
    }
    filled
}

/// A quote opens or closes a string unless a backslash stands before it.
fn after(c: char, place: Place, escaped: bool) -> Place {
    match (c, place) {
        ('"', Place::JsonValue) => Place::JsonString,
        ('"', Place::JsonString) if !escaped => Place::JsonValue,
        _ => place,
    }
}

fn shown(name: &str, value: &str, place: Place) -> String {
    if place == Place::Plain || (place == Place::JsonValue && name == "$JSON") {
        return value.to_owned();
    }
    let quoted = serde_json::Value::from(value).to_string();
    quoted.get(1..quoted.len().saturating_sub(1)).unwrap_or("").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        let hostile = "a\"},{\"x\":\"$TAGS\r\n{{7*7}}${7*7}%s";
        let names = ["$EXITSTATUS", "$STATUS", "$REASON", "$CODE", "$NAME", "$SLUG", "$TAGS", "$TEXT", "$JSON", "$NOW"];
        Values(names.map(|name| {
            let value = match name {
                "$NAME" => hostile,
                "$JSON" => "{\"version\":1}",
                "$EXITSTATUS" => "3",
                _ => "v",
            };
            (name, value.to_owned())
        }))
    }

    #[test]
    fn json_templates_stay_json() {
        let filled = fill(
            " {\"name\":\"$NAME\",\"exit\":$EXITSTATUS,\"all\":$JSON,\"text\":\"$JSON\",\"q\":\"\\\"$SLUG\"}",
            &values(),
        );
        let read: serde_json::Value = serde_json::from_str(&filled).unwrap();
        assert_eq!(read["name"], "a\"},{\"x\":\"$TAGS\r\n{{7*7}}${7*7}%s");
        assert_eq!(read["exit"], 3);
        assert_eq!(read["all"]["version"], 1);
        assert_eq!(read["text"], "{\"version\":1}");
        assert_eq!(read["q"], "\"v");
    }

    #[test]
    fn plain_templates_take_values_as_they_are_and_once() {
        assert_eq!(fill("$NAME|$TAGS", &values()), "a\"},{\"x\":\"$TAGS\r\n{{7*7}}${7*7}%s|v");
    }

    #[test]
    fn everything_else_is_literal() {
        for text in ["{{7*7}} ${HOME} %s $ $$ $FOO $name \\$ ü", "", "$"] {
            assert_eq!(fill(text, &values()), text);
        }
        assert_eq!(fill("$$SLUG $SLUGS $NOWHERE", &values()), "$v vS vHERE");
    }
}
