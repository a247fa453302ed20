//! Which URL is a ping, and what it says. Both bases, `/ping/<…>` and `/<…>`, hold the same forms.
//!
//! Nothing is normalised: a percent-encoded unreserved character means itself (RFC 3986 section 2.3), any
//! other escape, an empty segment or a dot segment makes the URL one that names no ping.

use crate::signal::{Refused, Target, is_word, parse_action};
use domain::ping::PingKind;
use domain::token::parse_lower_uuid;
use std::borrow::Cow;

/// What a path stands for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    Ping(PingPath<'a>),
    /// Lies where pings lie, but is none: 404.
    Malformed,
    Batch,
    /// Somebody else's: the fallback answers.
    Other,
}

/// A ping's path, read but not yet checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PingPath<'a> {
    pub target: Target<'a>,
    /// Refused only after the target was found.
    pub kind: Result<PingKind, Refused>,
}

/// Reads a path that [`unescape`] has been over.
pub(crate) fn parse(path: &str) -> Route<'_> {
    if path == "/api/ping/batch" {
        return Route::Batch;
    }
    let Some(rest) = path.strip_prefix('/') else { return Route::Other };
    match rest.strip_prefix("ping/") {
        Some(ping) => parse_ping(ping).map_or(Route::Malformed, Route::Ping),
        None if looks_like_ping(rest) => parse_ping(rest).map_or(Route::Malformed, Route::Ping),
        None => Route::Other,
    }
}

fn parse_ping(rest: &str) -> Option<PingPath<'_>> {
    let mut segments = rest.split('/');
    let (first, second, third) = (segments.next()?, segments.next(), segments.next());
    if segments.next().is_some() {
        return None;
    }
    let by_token = parse_lower_uuid(first).is_some();
    match (second, third) {
        (None | Some(""), None) if by_token => Some(ping(Target::Token(first), Ok(PingKind::Success))),
        (Some(action), None) if by_token && parse_action(action).is_some() => with_action(Target::Token(first), action),
        (Some(slug), None) if is_word(first) && is_word(slug) => {
            Some(ping(Target::Slug { key: first, slug }, Ok(PingKind::Success)))
        }
        (Some(slug), Some(action)) if is_word(first) && is_word(slug) => {
            with_action(Target::Slug { key: first, slug }, action)
        }
        _ => None,
    }
}

fn with_action<'a>(target: Target<'a>, action: &str) -> Option<PingPath<'a>> {
    parse_action(action).map(|kind| ping(target, kind))
}

fn ping<'a>(target: Target<'a>, kind: Result<PingKind, Refused>) -> PingPath<'a> {
    PingPath { target, kind }
}

/// Whether a path at the root is meant as a ping: it begins with something shaped like a UUID or, before a
/// slash, like a ping key. Pages and APIs beside us have no such names.
fn looks_like_ping(rest: &str) -> bool {
    let first = rest.split('/').next().unwrap_or_default();
    match first.len() {
        36 => first.bytes().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        }),
        22 => rest.len() > 22 && is_word(first),
        _ => false,
    }
}

/// Decodes percent-encoded unreserved characters and leaves all other escapes as they are.
pub(crate) fn unescape(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut plain = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        plain.push_str(before);
        match after.get(..2).and_then(unreserved) {
            Some(character) => {
                plain.push(character);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                plain.push('%');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

fn unreserved(hex: &str) -> Option<char> {
    if !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let byte = u8::from_str_radix(hex, 16).ok()?;
    (byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')).then_some(char::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "01234567-89ab-8def-8123-456789abcdef";
    const KEY: &str = "abcdefghijklmnopqrstuv";

    fn token(path: &str) -> Option<Result<PingKind, Refused>> {
        match parse(&unescape(path)) {
            Route::Ping(PingPath { target: Target::Token(found), kind }) if found == UUID => Some(kind),
            _ => None,
        }
    }

    fn slug(path: &str) -> Option<(String, Result<PingKind, Refused>)> {
        match parse(&unescape(path)) {
            Route::Ping(PingPath { target: Target::Slug { slug, .. }, kind }) => Some((slug.to_owned(), kind)),
            _ => None,
        }
    }

    #[test]
    fn every_form_at_both_bases() {
        for base in ["", "/ping"] {
            let forms = [
                ("", PingKind::Success),
                ("/", PingKind::Success),
                ("/start", PingKind::Start),
                ("/fail", PingKind::Fail),
                ("/log", PingKind::Log),
                ("/0", PingKind::Exit(0)),
                ("/0255", PingKind::Exit(255)),
            ];
            for (suffix, kind) in forms {
                assert_eq!(token(&format!("{base}/{UUID}{suffix}")), Some(Ok(kind)), "{base} {suffix}");
            }
            assert_eq!(token(&format!("{base}/{UUID}/256")), Some(Err(Refused::InvalidUrl)));
            assert_eq!(slug(&format!("{base}/{KEY}/backup")), Some(("backup".into(), Ok(PingKind::Success))));
            assert_eq!(slug(&format!("{base}/{KEY}/backup/7")), Some(("backup".into(), Ok(PingKind::Exit(7)))));
            assert_eq!(slug(&format!("{base}/{KEY}/start")), Some(("start".into(), Ok(PingKind::Success))));
        }
    }

    #[test]
    fn what_is_no_word_of_a_token_url_falls_to_the_slug_form() {
        for suffix in ["foo", "START", "-1", "1e3"] {
            assert_eq!(slug(&format!("/ping/{UUID}/{suffix}")), Some((suffix.into(), Ok(PingKind::Success))));
        }
    }

    #[test]
    fn nothing_is_normalised() {
        let upper = UUID.to_uppercase();
        let bare = UUID.replace('-', "");
        for path in [
            format!("/ping/{UUID}//"),
            format!("/ping/{UUID}/start/"),
            format!("/ping//{UUID}"),
            format!("/ping/./{UUID}"),
            format!("/ping/{UUID}/%2e%2e/x"),
            format!("/ping/{UUID}%00"),
            format!("/ping/{UUID}%2Fstart"),
            format!("/ping/{KEY}/backup/"),
            format!("/ping/{KEY}/back%20up"),
            format!("/ping/{KEY}/b\u{e4}ck"),
            format!("/ping/{KEY}/backup/start/more"),
            format!("/ping/{upper}"),
            format!("/ping/{bare}"),
            format!("/{upper}"),
            format!("/{UUID}//"),
            "/ping/".to_owned(),
        ] {
            assert_eq!(parse(&unescape(&path)), Route::Malformed, "{path}");
        }
    }

    #[test]
    fn unreserved_characters_may_come_encoded() {
        assert_eq!(token(&format!("/%70ing/{}/st%61rt", UUID.replace('-', "%2D"))), Some(Ok(PingKind::Start)));
        assert_eq!(unescape("/a%zz%4%41%"), "/a%zz%4A%");
        assert_eq!(unescape("/%c3%a4%"), "/%c3%a4%");
        assert_eq!(unescape("/%+1%-1"), "/%+1%-1");
    }

    #[test]
    fn other_paths_are_not_ours() {
        for path in ["/", "/ping", "/api/v3/checks/", "/static/app.css", "*", "", &format!("/{KEY}"), "/pingx/abc"] {
            assert_eq!(parse(path), Route::Other, "{path}");
        }
        assert_eq!(parse("/api/ping/batch"), Route::Batch);
    }
}
