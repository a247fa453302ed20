//! Assertions on what a success reports: `count >= 1`, `duration < 5m`, `error_count == 0`.
//!
//! A metric the ping does not carry fails the assertion unless it is written `count? >= 1`. `duration` is
//! the run's duration, reported or computed, and is compared in seconds; its bound may be a duration.

use crate::duration::parse_duration_ms;
use crate::field_error::quoted;
use std::fmt;

/// The most assertions a monitor may have.
pub const MAX_ASSERTIONS: usize = 16;
const MAX_TEXT: usize = 120;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}

/// One parsed assertion. Equality and order are those of its text.
#[derive(Clone, Debug)]
pub struct Assertion {
    source: String,
    metric: String,
    optional: bool,
    comparison: Comparison,
    bound: f64,
}

/// A text that is no assertion.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "found {found}, allowed: a metric name, one of < <= == != >= > and a number, such as `count >= 1` or `duration < 5m`"
)]
pub struct AssertionError {
    found: String,
}

impl Assertion {
    /// Parses `name[?] op number`; blanks between the parts are free.
    pub fn parse(text: &str) -> Result<Self, AssertionError> {
        let refusal = || AssertionError { found: quoted(text) };
        let trimmed = text.trim();
        if trimmed.len() > MAX_TEXT {
            return Err(refusal());
        }
        let at = trimmed.find(['<', '>', '=', '!']).ok_or_else(refusal)?;
        let (name, rest) = trimmed.split_at(at);
        let (comparison, bound) = split_comparison(rest).ok_or_else(refusal)?;
        let name = name.trim();
        let (metric, optional) = name.strip_suffix('?').map_or((name, false), |bare| (bare.trim_end(), true));
        if !crate::ping::is_metric_name(metric) {
            return Err(refusal());
        }
        let bound = parse_bound(metric, bound.trim()).ok_or_else(refusal)?;
        Ok(Self { source: trimmed.to_owned(), metric: metric.to_owned(), optional, comparison, bound })
    }

    /// The text it was parsed from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it holds. `value` looks a metric up; `duration` is asked for in seconds.
    pub fn holds(&self, value: impl Fn(&str) -> Option<f64>) -> bool {
        match value(&self.metric) {
            None => self.optional,
            Some(found) => self.compare(found),
        }
    }

    /// What was found, for the alert: `count >= 1: count was 0` or `… was not reported`.
    pub fn explain(&self, value: impl Fn(&str) -> Option<f64>) -> String {
        match value(&self.metric) {
            None => format!("{}: {} was not reported", self.source, self.metric),
            Some(found) => format!("{}: {} was {found}", self.source, self.metric),
        }
    }

    fn compare(&self, found: f64) -> bool {
        match self.comparison {
            Comparison::Less => found < self.bound,
            Comparison::LessOrEqual => found <= self.bound,
            Comparison::Equal => found == self.bound,
            Comparison::NotEqual => found != self.bound,
            Comparison::GreaterOrEqual => found >= self.bound,
            Comparison::Greater => found > self.bound,
        }
    }
}

fn split_comparison(rest: &str) -> Option<(Comparison, &str)> {
    [
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("==", Comparison::Equal),
        ("!=", Comparison::NotEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ]
    .into_iter()
    .find_map(|(sign, comparison)| rest.strip_prefix(sign).map(|bound| (comparison, bound)))
}

fn parse_bound(metric: &str, text: &str) -> Option<f64> {
    let number = text.parse::<f64>().ok().filter(|n| n.is_finite() && !text.starts_with('+'));
    match (number, metric) {
        (None, "duration") => parse_duration_ms(text).ok().map(|ms| ms as f64 / 1000.0),
        (number, _) => number,
    }
}

impl PartialEq for Assertion {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Assertion {}

impl PartialOrd for Assertion {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Assertion {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.source.cmp(&other.source)
    }
}

impl fmt::Display for Assertion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, metrics: &[(&str, f64)]) -> bool {
        let find = |name: &str| metrics.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
        Assertion::parse(text).unwrap().holds(find)
    }

    #[test]
    fn compares_as_written() {
        assert!(check("count >= 1", &[("count", 1.0)]));
        assert!(!check("count >= 1", &[("count", 0.0)]));
        assert!(check("error_count==0", &[("error_count", 0.0)]));
        assert!(check("ratio != 0.5", &[("ratio", 0.25)]));
        assert!(!check("count > 1", &[("count", 1.0)]));
        assert!(check("t < -1.5e3", &[("t", -2000.0)]));
    }

    #[test]
    fn a_duration_bound_may_be_a_duration() {
        assert!(check("duration < 5m", &[("duration", 299.9)]));
        assert!(!check("duration < 5m", &[("duration", 300.0)]));
        assert!(check("duration >= 2", &[("duration", 2.0)]));
    }

    #[test]
    fn a_missing_metric_fails_unless_it_is_optional() {
        assert!(!check("count >= 1", &[]));
        assert!(check("count? >= 1", &[]));
        assert!(!check("count? >= 1", &[("count", 0.0)]));
    }

    #[test]
    fn other_texts_are_refused_with_what_is_allowed() {
        for text in [
            "",
            "count",
            "count >=",
            ">= 1",
            "count => 1",
            "count = 1",
            "count >= x",
            "count >= NaN",
            "count >= inf",
            "a b > 1",
            "count >= 5m",
            "count? ? > 1",
        ] {
            assert!(Assertion::parse(text).is_err(), "{text}");
        }
        assert!(Assertion::parse("count").unwrap_err().to_string().contains("`count`"));
    }
}
