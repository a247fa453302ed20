//! What a channel's name and settings may be. Pure checks of text, asked when a channel is saved; where a URL
//! may lead is [`crate::egress`], and is asked again at every request.

use crate::egress::check_header;
use crate::field_error::{FieldError, quoted};
use crate::monitor::check_text;
use std::collections::BTreeSet;

/// Longest name of a channel, in characters.
pub const MAX_NAME_CHARS: usize = 100;
/// The built-in channel's name, which no other may have.
pub const BUILT_IN_LOG: &str = "log";
/// The most headers of a webhook.
pub const MAX_HEADERS: usize = 20;
/// Longest URL, in bytes.
pub const MAX_URL_BYTES: usize = 2_048;
/// Longest body template, in bytes.
pub const MAX_TEMPLATE_BYTES: usize = 10_000;
/// How long a webhook's secret may be, in bytes after decoding (Standard Webhooks, "Secrets").
pub const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// 1 to 100 characters, none of control, no blank at either end, and not the built-in channel's name.
pub fn check_name(name: &str) -> Result<(), FieldError> {
    check_text("name", name, 1, MAX_NAME_CHARS, false)?;
    if name.trim() != name {
        return Err(FieldError::new("name", "must not begin or end with a blank"));
    }
    if name == BUILT_IN_LOG {
        return Err(FieldError::new("name", "`log` is the built-in channel, choose another name"));
    }
    Ok(())
}

/// Bounds the text of a URL. What a parser would silently drop or turn (blanks, control characters,
/// backslashes) is refused, so that people, this check and the request see the same host.
pub fn check_url_text(field: &str, url: &str) -> Result<(), FieldError> {
    if url.is_empty() || url.len() > MAX_URL_BYTES {
        return Err(FieldError::new(field, format!("must have 1 to {MAX_URL_BYTES} bytes")));
    }
    match url.chars().find(|c| c.is_control() || c.is_whitespace() || matches!(c, '\\' | '…')) {
        Some(bad) => Err(FieldError::new(field, format!("must not contain U+{:04X}", bad as u32))),
        None => Ok(()),
    }
}

/// `POST`, `PUT` or `GET`; empty means `POST`.
pub fn check_method(field: &str, method: &str) -> Result<(), FieldError> {
    match method {
        "" | "POST" | "PUT" | "GET" => Ok(()),
        other => Err(FieldError::new(field, format!("found {}, allowed: POST, PUT or GET", quoted(other)))),
    }
}

/// Headers a tenant adds to a webhook: few, each allowed by [`check_header`], none twice in another case.
pub fn check_headers<'a>(field: &str, headers: impl Iterator<Item = (&'a str, &'a str)>) -> Result<(), FieldError> {
    let mut seen = BTreeSet::new();
    for (name, value) in headers {
        check_header(name, value).map_err(|refusal| FieldError::new(field, refusal.message))?;
        if !seen.insert(name.to_ascii_lowercase()) {
            return Err(FieldError::new(field, format!("{} is there twice", quoted(name))));
        }
    }
    if seen.len() > MAX_HEADERS {
        return Err(FieldError::new(field, format!("found {}, allowed: at most {MAX_HEADERS}", seen.len())));
    }
    Ok(())
}

/// A body template: bounded, without NUL.
pub fn check_template(field: &str, template: &str) -> Result<(), FieldError> {
    if template.len() > MAX_TEMPLATE_BYTES {
        return Err(FieldError::new(field, format!("longer than {MAX_TEMPLATE_BYTES} bytes")));
    }
    if template.contains('\0') {
        return Err(FieldError::new(field, "must not contain U+0000"));
    }
    Ok(())
}

/// `whsec_` and the base64 (RFC 4648 section 4, padded) of 24 to 64 bytes. The secret is not repeated.
pub fn check_secret(field: &str, secret: &str) -> Result<(), FieldError> {
    match secret.strip_prefix("whsec_").and_then(base64_length) {
        Some(length) if SECRET_BYTES.contains(&length) => Ok(()),
        Some(length) => Err(FieldError::new(field, format!("found {length} bytes, allowed: 24 to 64"))),
        None => Err(FieldError::new(field, "allowed: `whsec_` and base64 of 24 to 64 bytes")),
    }
}

/// One address of mail, as RFC 5321 section 4.1.2 writes it without quoting: a dot-atom, `@`, and a host name
/// in ASCII. A list, a comment, a display name or a second recipient has no place in it.
pub fn check_email(field: &str, address: &str) -> Result<(), FieldError> {
    let refusal = |why: &str| Err(FieldError::new(field, format!("found {}, {why}", quoted(address))));
    if address.len() > 254 {
        return refusal("allowed: at most 254 characters");
    }
    if !address.is_ascii() {
        return refusal("allowed: ASCII, a domain of other letters in its `xn--` form");
    }
    match address.split_once('@') {
        Some((local, domain)) if is_dot_atom(local) && is_host_name(domain) => Ok(()),
        _ => refusal("allowed: one address such as `ops@example.org`"),
    }
}

/// A bot's token as BotFather gives it: digits, a colon, and letters, digits, `-`, `_`. It is not repeated.
pub fn check_bot_token(field: &str, token: &str) -> Result<(), FieldError> {
    let word = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    match token.split_once(':') {
        Some((bot, secret)) if is_number(bot) && (1..=100).contains(&secret.len()) && word(secret) => Ok(()),
        _ => Err(FieldError::new(field, "allowed: a bot's token such as `123456:ABC-def`")),
    }
}

/// A chat: its number (groups are negative) or the `@name` of a public one.
pub fn check_chat_id(field: &str, chat: &str) -> Result<(), FieldError> {
    let named =
        |name: &str| (4..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let fits = match chat.strip_prefix('@') {
        Some(name) => named(name),
        None => is_number(chat.strip_prefix('-').unwrap_or(chat)),
    };
    if fits {
        return Ok(());
    }
    let allowed = "allowed: a number such as `-1001234567890`, or `@` and the name of a public chat";
    Err(FieldError::new(field, format!("found {}, {allowed}", quoted(chat))))
}

fn is_number(text: &str) -> bool {
    (1..=19).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_dot_atom(local: &str) -> bool {
    let atom = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b);
    local.len() <= 64 && local.split('.').all(|part| !part.is_empty() && part.bytes().all(atom))
}

fn is_host_name(domain: &str) -> bool {
    let inner = |label: &str| label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && inner(label) && !label.starts_with('-') && !label.ends_with('-')
    };
    domain.split('.').all(label)
}

/// How many bytes a canonical, padded base64 text stands for.
fn base64_length(text: &str) -> Option<usize> {
    let symbols = text.trim_end_matches('=');
    let padding = text.len() - symbols.len();
    let values: Option<Vec<u8>> = symbols.bytes().map(base64_value).collect();
    let spare_bits = match padding {
        0 => 0,
        1 => 0b11,
        2 => 0b1111,
        _ => return None,
    };
    // Bits beyond the last byte must be zero: else two texts would be the same secret.
    let canonical = values?.last().is_none_or(|last| last & spare_bits == 0);
    (text.len().is_multiple_of(4) && canonical && !symbols.is_empty()).then(|| symbols.len() * 3 / 4)
}

fn base64_value(symbol: u8) -> Option<u8> {
    Some(match symbol {
        b'A'..=b'Z' => symbol - b'A',
        b'a'..=b'z' => symbol - b'a' + 26,
        b'0'..=b'9' => symbol - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refuses(check: impl Fn(&str, &str) -> Result<(), FieldError>, texts: &[&str]) {
        for text in texts {
            assert_eq!(check("field", text).expect_err(text).field, "field");
        }
    }

    #[test]
    fn names_are_bounded_plain_text() {
        for name in ["ops", "On call ☎", &"x".repeat(100)] {
            check_name(name).unwrap();
        }
        for name in ["", " ", " ops", "ops ", "a\nb", "a\u{202e}b", "a\0b", "log", &"x".repeat(101)] {
            assert_eq!(check_name(name).expect_err(name).field, "name");
        }
    }

    #[test]
    fn what_a_url_parser_would_drop_is_refused() {
        check_url_text("url", "https://hooks.example.org/a?b=c#d").unwrap();
        let tricks =
            ["", "http://a\t.example", "http://a.example\\@127.0.0.1", "http://a.example/\0", " http://a.example"];
        refuses(check_url_text, &tricks);
        refuses(check_url_text, &["https://hooks.slack.com/…", &format!("http://a.example/{}", "x".repeat(2_048))]);
    }

    #[test]
    fn reserved_and_broken_headers_are_refused() {
        let check = |name: &str, value: &str| check_headers("headers", [(name, value)].into_iter());
        check("X-Team", "night shift").unwrap();
        check("Authorization", "Bearer abc").unwrap();
        for name in ["Host", "content-length", "Transfer-Encoding", "webhook-signature", "Webhook-Id", "a b", "", "é"]
        {
            assert_eq!(check(name, "x").expect_err(name).field, "headers");
        }
        assert!(check("X-Team", "a\r\nHost: b").is_err());
        assert!(check_headers("headers", [("X-A", "1"), ("x-a", "2")].into_iter()).is_err());
        let many: Vec<String> = (0..21).map(|n| format!("X-{n}")).collect();
        assert!(check_headers("headers", many.iter().map(|name| (name.as_str(), ""))).is_err());
    }

    #[test]
    fn a_secret_has_24_to_64_bytes_of_canonical_base64() {
        for bytes in [24, 27, 32, 64] {
            let text = "A".repeat((bytes * 4_usize).div_ceil(3));
            let padded = format!("whsec_{text}{}", "=".repeat((4 - text.len() % 4) % 4));
            check_secret("secret", &padded).unwrap();
        }
        let short = format!("whsec_{}=", "A".repeat(31));
        let long = format!("whsec_{}=", "A".repeat(87));
        let bent = format!("whsec_{}B=", "A".repeat(42));
        let bare = "A".repeat(32);
        refuses(
            check_secret,
            &["", "whsec_", &short, &long, &bent, &bare, "whsec_====", &format!("whsec_{}", "é".repeat(16))],
        );
    }

    #[test]
    fn a_refused_secret_is_not_repeated() {
        let error = check_secret("secret", "whsec_c2hvcnQ=").unwrap_err();
        assert!(!error.message.contains("c2hvcnQ"), "{error}");
        let error = check_bot_token("bot_token", "123:q q").unwrap_err();
        assert!(!error.message.contains("q q"), "{error}");
    }

    #[test]
    fn one_address_and_nothing_else() {
        for address in ["ops@example.org", "a.b+c@xn--bcher-kva.example", "root@mailhost"] {
            check_email("to", address).unwrap();
        }
        let long = format!("{}@example.org", "x".repeat(65));
        let longer = format!("a@{}", "x.".repeat(160));
        refuses(
            check_email,
            &[
                "",
                "ops",
                "@example.org",
                "ops@",
                "a@b@example.org",
                "\"a b\"@example.org",
                "a..b@example.org",
                ".a@example.org",
                "a@example.org,b@example.org",
                "a@example.org b@example.org",
                "Ops <ops@example.org>",
                "ops@exämple.org",
                "ops@example.org\r\nBcc: x@y",
                "ops@-a.example",
                "ops@[127.0.0.1]",
                "ops@example..org",
                &long,
                &longer,
            ],
        );
    }

    #[test]
    fn telegram_tokens_and_chats_have_their_shape() {
        check_bot_token("bot_token", "123456789:AAF-abc_DEF0123456789abcdefghijklmno").unwrap();
        refuses(check_bot_token, &["", "123", ":abc", "123:", "abc:def", "123:a/../b", "123:a b", "123:a\n"]);
        for chat in ["42", "-1001234567890", "@our_ops"] {
            check_chat_id("chat_id", chat).unwrap();
        }
        refuses(check_chat_id, &["", "-", "4 2", "@a", "@a-b-c", "ops", "--1", "99999999999999999999"]);
    }

    #[test]
    fn methods_and_templates_are_bounded() {
        assert!(["", "POST", "PUT", "GET"].iter().all(|method| check_method("method", method).is_ok()));
        refuses(check_method, &["post", "DELETE", "POST "]);
        check_template("body_template", "{{7*7}} ${x} %s").unwrap();
        refuses(check_template, &["a\0b", &"x".repeat(10_001)]);
    }
}
