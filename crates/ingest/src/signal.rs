//! The words of a ping that all three doors (HTTP, batch, gRPC) share: whom it is for, what it says, and how
//! strictly each part is read. A refusal is a value, not a text, so that each door can say it its own way.

use domain::ids::RunId;
use domain::ping::{MAX_METRICS, Metric, Ping, PingDetails, PingKind, is_metric_name};
use domain::token::{parse_lower_uuid, parse_uuid};

/// Longest `msg`, `env`, `host` and User-Agent that are kept, in characters.
pub(crate) const MAX_MESSAGE_CHARS: usize = 1_000;
pub(crate) const MAX_ENVIRONMENT_CHARS: usize = 100;
pub(crate) const MAX_HOST_CHARS: usize = 253;
pub(crate) const MAX_USER_AGENT_CHARS: usize = 200;

/// Whom a ping is for, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// The shape of a token: a UUID in lower case. Whether it is genuine, the gate knows.
    Token(&'a str),
    Slug {
        key: &'a str,
        slug: &'a str,
    },
}

impl<'a> Target<'a> {
    /// Reads `<uuid>` or `<ping_key>/<slug>`.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        if parse_lower_uuid(text).is_some() {
            return Some(Self::Token(text));
        }
        let (key, slug) = text.split_once('/')?;
        (is_word(key) && is_word(slug)).then_some(Self::Slug { key, slug })
    }
}

/// `[A-Za-z0-9_-]+`: what a ping key or a slug may be made of as far as the route goes.
pub(crate) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

/// Why a ping was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// Unknown, forged or revoked: nobody is told which.
    NotFound,
    /// An exit status above 255, or a slug in upper case.
    InvalidUrl,
    /// A `rid` that is no UUID.
    InvalidRunId,
    /// A parameter of `create=1`, or the engine's word about it.
    Invalid(String),
    /// The log did not take it in time, or too much is waiting for it already.
    Unavailable,
}

impl Refused {
    /// The text clients of the ping route know.
    pub(crate) fn text(&self) -> &str {
        match self {
            Self::NotFound => "not found",
            Self::InvalidUrl => "invalid url format",
            Self::InvalidRunId => "invalid uuid format",
            Self::Invalid(line) => line,
            Self::Unavailable => "the ping could not be stored, try again",
        }
    }
}

/// A word of an URL or a message that says what happened: `start`, `fail`, `log` or an exit status.
///
/// `None` is no such word at all; an exit status above 255 is one, but refused.
pub(crate) fn parse_action(text: &str) -> Option<Result<PingKind, Refused>> {
    match text {
        "start" => Some(Ok(PingKind::Start)),
        "fail" => Some(Ok(PingKind::Fail)),
        "log" => Some(Ok(PingKind::Log)),
        digits if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => Some(parse_exit(digits)),
        _ => None,
    }
}

fn parse_exit(digits: &str) -> Result<PingKind, Refused> {
    let significant = digits.trim_start_matches('0');
    match significant {
        "" => Ok(PingKind::Exit(0)),
        _ => significant.parse().map(PingKind::Exit).map_err(|_| Refused::InvalidUrl),
    }
}

/// A kind by its word, as messages carry it; empty means success.
pub(crate) fn parse_kind(text: &str) -> Option<Result<PingKind, Refused>> {
    match text {
        "" | "success" => Some(Ok(PingKind::Success)),
        other => parse_action(other),
    }
}

/// A run id: any UUID, either case.
pub(crate) fn parse_run(text: &str) -> Result<RunId, Refused> {
    parse_uuid(text).map(|bits| RunId(bits.to_be_bytes())).ok_or(Refused::InvalidRunId)
}

/// Adds a metric if it is one. The last of a repeated name counts, and the thirty-third name is dropped.
pub(crate) fn add_metric(metrics: &mut Vec<Metric>, name: &str, value: f64) {
    if !value.is_finite() || !is_metric_name(name) {
        return;
    }
    if let Some(metric) = metrics.iter_mut().find(|metric| metric.name == name) {
        metric.value = value;
    } else if metrics.len() < MAX_METRICS {
        metrics.push(Metric { name: name.to_owned(), value });
    }
}

/// The first `most` characters.
pub(crate) fn cut_chars(text: &str, most: usize) -> &str {
    match text.char_indices().nth(most) {
        Some((end, _)) => text.get(..end).unwrap_or_default(),
        None => text,
    }
}

/// Whether it says nothing but "done", so that one of many in a second can stand for all of them.
pub(crate) fn is_plain_success(ping: &Ping) -> bool {
    let bare = ping.run.is_none() && ping.duration_ms.is_none() && ping.metrics.is_empty() && ping.create.is_none();
    ping.kind == PingKind::Success && bare && ping.details.as_deref().is_none_or(says_nothing)
}

fn says_nothing(details: &PingDetails) -> bool {
    details.body.is_empty()
        && !details.body_cut
        && details.message.is_empty()
        && details.environment.is_empty()
        && details.host.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_statuses_are_digits_of_any_count_up_to_255() {
        assert_eq!(parse_action("0"), Some(Ok(PingKind::Exit(0))));
        assert_eq!(parse_action("0001"), Some(Ok(PingKind::Exit(1))));
        assert_eq!(parse_action("255"), Some(Ok(PingKind::Exit(255))));
        for too_large in ["256", "999999999999999999999999999"] {
            assert_eq!(parse_action(too_large), Some(Err(Refused::InvalidUrl)), "{too_large}");
        }
        for other in ["", "-1", "+1", "1e3", "START", "\u{661}", "1 "] {
            assert_eq!(parse_action(other), None, "{other}");
        }
    }

    #[test]
    fn a_run_id_is_a_canonical_uuid_in_either_case() {
        assert!(parse_run("00000000-0000-0000-0000-000000000000").is_ok());
        assert_eq!(
            parse_run("ABCDEF01-2345-6789-abcd-ef0123456789"),
            parse_run("abcdef01-2345-6789-ABCD-EF0123456789")
        );
        for bad in ["", "{00000000-0000-0000-0000-000000000000}", "0000000000000000-0000-000000000000000", "x"] {
            assert_eq!(parse_run(bad), Err(Refused::InvalidRunId), "{bad}");
        }
    }

    #[test]
    fn metrics_are_bounded_finite_and_named() {
        let mut metrics = Vec::new();
        add_metric(&mut metrics, "count", 1.0);
        add_metric(&mut metrics, "count", 2.0);
        add_metric(&mut metrics, "1st", 1.0);
        add_metric(&mut metrics, "nan", f64::NAN);
        assert_eq!(metrics, [Metric { name: "count".into(), value: 2.0 }]);
        (0..100).for_each(|n| add_metric(&mut metrics, &format!("m{n}"), 0.0));
        assert_eq!(metrics.len(), MAX_METRICS);
    }

    #[test]
    fn targets_are_tokens_or_key_and_slug() {
        let uuid = "00000000-0000-8000-8000-000000000000";
        assert_eq!(Target::parse(uuid), Some(Target::Token(uuid)));
        assert_eq!(Target::parse("key/slug"), Some(Target::Slug { key: "key", slug: "slug" }));
        for bad in ["", "key", "key/", "/slug", "key/a/b", "key/a b"] {
            assert_eq!(Target::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn text_is_cut_between_characters() {
        assert_eq!(cut_chars("äöü", 2), "äö");
        assert_eq!(cut_chars("ab", 2), "ab");
    }
}
