//! The query of a ping URL. The last of a repeated parameter counts, metrics add up, unknown ones are
//! ignored, and what cannot be read is dropped, with two exceptions that clients rely on: a bad `rid` and a
//! bad schedule of a monitor to be made are refused.

use crate::signal::{self, Refused, add_metric, cut_chars};
use domain::duration::parse_duration_ms;
use domain::ids::RunId;
use domain::ping::Metric;
use std::borrow::Cow;

/// A query, read.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct PingQuery {
    /// Refused only after the target was found.
    pub run: Option<Result<RunId, Refused>>,
    pub create: bool,
    pub duration_ms: Option<u64>,
    pub metrics: Vec<Metric>,
    pub message: String,
    pub environment: String,
    pub host: String,
    /// Looked at only when a monitor is to be made.
    pub schedule: ScheduleWords,
}

/// The schedule of a monitor to be made, as written.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct ScheduleWords {
    pub period: Option<String>,
    pub grace: Option<String>,
    pub cron: Option<String>,
    pub oncalendar: Option<String>,
    pub zone: Option<String>,
    pub max_runtime: Option<String>,
}

impl PingQuery {
    /// Reads everything after the `?`.
    pub(crate) fn parse(query: Option<&str>) -> Self {
        let mut read = Self::default();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if let Some(name) = decode(name) {
                read.set(&name, decode(value));
            }
        }
        read
    }

    /// `value` is `None` when it is not UTF-8.
    fn set(&mut self, name: &str, value: Option<Cow<'_, str>>) {
        let text = value.as_deref().unwrap_or_default();
        match name {
            "rid" => self.run = Some(value.as_deref().map_or(Err(Refused::InvalidRunId), signal::parse_run)),
            "create" => self.create = text == "1",
            "metric" => self.add_metric(text),
            "duration" => self.duration_ms = parse_duration_ms(text).ok(),
            "msg" => self.message = cut_chars(text, signal::MAX_MESSAGE_CHARS).to_owned(),
            "env" => self.environment = cut_chars(text, signal::MAX_ENVIRONMENT_CHARS).to_owned(),
            "host" => self.host = cut_chars(text, signal::MAX_HOST_CHARS).to_owned(),
            _ => self.schedule.set(name, value),
        }
    }

    fn add_metric(&mut self, text: &str) {
        if let Some((name, number)) = text.split_once(':')
            && let Ok(value) = number.trim().parse()
        {
            add_metric(&mut self.metrics, name, value);
        }
    }
}

impl ScheduleWords {
    fn set(&mut self, name: &str, value: Option<Cow<'_, str>>) {
        let field = match name {
            "period" => &mut self.period,
            "grace" => &mut self.grace,
            "cron" => &mut self.cron,
            "oncalendar" => &mut self.oncalendar,
            "tz" => &mut self.zone,
            "max_runtime" => &mut self.max_runtime,
            _ => return,
        };
        // What is not UTF-8 must be refused, not taken for absent: no schedule word holds this character.
        *field = Some(value.map_or_else(|| String::from('\u{fffd}'), Cow::into_owned));
    }
}

/// Undoes form encoding: `+` is a blank, `%XX` a byte, a `%` before anything else itself. `None` when the
/// result is not UTF-8.
fn decode(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['%', '+']) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                bytes.push(hex(*high) << 4 | hex(*low));
                rest = after;
            }
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).unwrap_or_default() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> PingQuery {
        PingQuery::parse(Some(text))
    }

    #[test]
    fn no_query_is_an_empty_one() {
        assert_eq!(PingQuery::parse(None), PingQuery::default());
        assert_eq!(query("&&=&=x&utm_source=mail&a&%ff=1"), PingQuery::default());
    }

    #[test]
    fn the_last_of_a_repeated_parameter_counts() {
        assert!(query("create=0&create=1").create && !query("create=1&create=0").create);
        let id = "00000000-0000-0000-0000-000000000001";
        assert_eq!(query(&format!("rid=x&rid={id}")).run, Some(signal::parse_run(id)));
        assert_eq!(query(&format!("rid={id}&rid=")).run, Some(Err(Refused::InvalidRunId)));
        assert_eq!(query(&format!("rid={id}%0A")).run, Some(Err(Refused::InvalidRunId)));
        assert_eq!(query("rid=%ff").run, Some(Err(Refused::InvalidRunId)));
    }

    #[test]
    fn create_takes_only_the_exact_value() {
        for text in ["create", "create=", "create=true", "create=01", "create=1+"] {
            assert!(!query(text).create, "{text}");
        }
        assert!(query("%63reate=%31").create);
    }

    #[test]
    fn metrics_add_up_and_bad_ones_are_dropped() {
        let read = query("metric=count:3&metric=bad&metric=x:NaN&metric=y:inf&metric=1:2&metric=z:&metric=t%3A-1.5e3");
        let found: Vec<_> = read.metrics.iter().map(|m| (m.name.as_str(), m.value)).collect();
        assert_eq!(found, [("count", 3.0), ("t", -1500.0)]);
    }

    #[test]
    fn words_for_people_are_decoded_and_cut() {
        let read = query(&format!("msg=all+good%21&env=prod&host=db-1&duration=1.5s&msg={}", "%C3%A4".repeat(2_000)));
        assert_eq!(read.message, "ä".repeat(1_000));
        assert_eq!((read.environment.as_str(), read.host.as_str(), read.duration_ms), ("prod", "db-1", Some(1_500)));
        assert_eq!(query("msg=a%ffb&duration=-1"), PingQuery::default());
        assert_eq!(query("msg=100%&env=%4").message, "100%");
    }

    #[test]
    fn a_schedule_word_that_is_not_utf8_is_not_taken_for_absent() {
        assert_eq!(query("period=%ff").schedule.period.as_deref(), Some("\u{fffd}"));
        assert_eq!(query("cron=0+3+*+*+*&tz=Europe/Berlin").schedule.cron.as_deref(), Some("0 3 * * *"));
    }
}
