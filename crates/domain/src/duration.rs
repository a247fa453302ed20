//! Lengths of time as people write them: `90s`, `5m`, `1h30m`, `250ms`; and back to words.

use std::fmt;

use crate::schedule::cut;

/// Longest text that is read at all.
const TEXT_MAX: usize = 64;

/// Units of whole seconds, longest first: name, seconds, and the word for people.
const UNITS: [(&str, u64, &str); 5] =
    [("w", 604_800, "w"), ("d", 86_400, "d"), ("h", 3_600, "h"), ("m", 60, "min"), ("s", 1, "s")];

/// Units with milliseconds, longest first: name and milliseconds.
const UNITS_MS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Why a length of time was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DurationError {
    /// The text as it was given, cut.
    pub found: String,
    /// What would have been accepted.
    pub allowed: &'static str,
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "found \"{}\", allowed: {}", self.found.escape_debug(), self.allowed)
    }
}

impl std::error::Error for DurationError {}

/// Seconds from `90`, `90s`, `5m`, `1h30m`, `1d` or `2w`.
///
/// Units go from long to short, each at most once; a number without a unit is seconds and stands alone.
/// Fails for empty text, signs, fractions, other units, and more seconds than a `u64` holds.
pub fn parse_duration_secs(text: &str) -> Result<u64, DurationError> {
    let allowed = "whole seconds, or numbers with w, d, h, m or s such as 90s, 5m, 1h30m";
    let units = UNITS.map(|(name, secs, _)| (name, secs));
    let read = if all_digits(text) { whole(text) } else { sum(text, &units, whole_of) };
    read.ok_or_else(|| DurationError { found: cut(text), allowed })
}

/// Milliseconds from `250ms`, `1.5s`, `2m` or `1h30m`; a bare number is seconds, as `1.5`.
///
/// A fraction of a millisecond is refused, not rounded: a threshold must mean what it says.
pub fn parse_duration_ms(text: &str) -> Result<u64, DurationError> {
    let allowed = "seconds, or numbers with w, d, h, m, s or ms such as 250ms, 1.5s, 1h30m";
    let read = decimal_of(text, 1_000).or_else(|| sum(text, &UNITS_MS, decimal_of));
    read.ok_or_else(|| DurationError { found: cut(text), allowed })
}

/// Words for people, the two largest units that are not zero: `45 s`, `5 min`, `1 h 30 min`, `2 d 3 h`.
///
/// Weeks are left out on purpose: "10 d" is read faster than "1 w 3 d".
pub fn format_duration(secs: u64) -> String {
    let parts: Vec<String> =
        parts(secs, &UNITS[1..]).take(2).map(|(count, unit)| format!("{count} {}", unit.2)).collect();
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

/// The exact compact form, which `parse_duration_secs` reads back: `1h30m`, `90061s` as `1d1h1m1s`.
pub fn format_duration_compact(secs: u64) -> String {
    let text: String = parts(secs, &UNITS[1..]).map(|(count, unit)| format!("{count}{}", unit.0)).collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

type Unit = (&'static str, u64, &'static str);

/// How many of each unit make up `secs`, zeroes left out.
fn parts(mut secs: u64, units: &'static [Unit]) -> impl Iterator<Item = (u64, &'static Unit)> {
    let split = units.iter().map(move |unit| {
        let count = secs / unit.1;
        secs %= unit.1;
        (count, unit)
    });
    split.filter(|(count, _)| *count > 0)
}

/// Adds up `number unit` pairs whose units go strictly from long to short.
fn sum(text: &str, units: &[(&str, u64)], read: fn(&str, u64) -> Option<u64>) -> Option<u64> {
    if text.is_empty() || text.len() > TEXT_MAX {
        return None;
    }
    let (mut rest, mut units, mut total) = (text, units, 0_u64);
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|c: char| c.is_ascii_alphabetic())?);
        let (unit, tail) = tail.split_at(tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len()));
        let at = units.iter().position(|(name, _)| *name == unit)?;
        total = total.checked_add(read(number, units[at].1)?)?;
        (rest, units) = (tail, &units[at + 1..]);
    }
    Some(total)
}

fn all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Digits only; `str::parse` alone would take a sign.
fn whole(text: &str) -> Option<u64> {
    if all_digits(text) { text.parse().ok() } else { None }
}

fn whole_of(number: &str, unit: u64) -> Option<u64> {
    whole(number)?.checked_mul(unit)
}

/// `number` of `unit`, with up to nine decimals, if the result is whole.
fn decimal_of(number: &str, unit: u64) -> Option<u64> {
    let Some((before, after)) = number.split_once('.') else {
        return whole_of(number, unit);
    };
    let digits = u32::try_from(after.len()).ok().filter(|digits| *digits <= 9)?;
    let scale = 10_u64.pow(digits);
    let fraction = whole(after)?.checked_mul(unit)?;
    let exact = fraction.is_multiple_of(scale).then_some(fraction / scale)?;
    whole_of(before, unit)?.checked_add(exact)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duration_reads_units_and_seconds() {
        let cases =
            [("90", 90), ("90s", 90), ("5m", 300), ("1h30m", 5_400), ("1d", 86_400), ("2w", 1_209_600), ("0s", 0)];
        for (text, secs) in cases {
            assert_eq!(parse_duration_secs(text), Ok(secs), "{text}");
        }
    }

    #[test]
    fn duration_refuses_the_rest() {
        let bad = [
            "",
            " ",
            "-5m",
            "+5m",
            "1.5h",
            "5x",
            "5M",
            "m",
            "h5",
            "5m5m",
            "5m1h",
            "1h30",
            "5 m",
            "18446744073709551616",
            "18446744073709551615w",
            "\u{665}m",
            "1e3s",
        ];
        for text in bad {
            let error = parse_duration_secs(text).unwrap_err();
            assert!(error.to_string().contains("allowed: whole seconds"), "{text}: {error}");
        }
        assert!(parse_duration_secs(&"1".repeat(1_000_000)).is_err());
        assert!(parse_duration_ms(&"1s".repeat(1_000_000)).is_err());
    }

    #[test]
    fn duration_reads_milliseconds() {
        let cases = [("250ms", 250), ("1.5s", 1_500), ("0.001s", 1), ("1.5", 1_500), ("2", 2_000), ("1m250ms", 60_250)];
        for (text, ms) in cases {
            assert_eq!(parse_duration_ms(text), Ok(ms), "{text}");
        }
        for text in ["", ".", "1.", ".5s", "1.0005s", "0.5ms", "-1ms", "1.0000000000s", "99999999999999999w"] {
            assert!(parse_duration_ms(text).is_err(), "{text}");
        }
    }

    #[test]
    fn duration_words_name_two_units() {
        let cases = [
            (0, "0 s"),
            (45, "45 s"),
            (300, "5 min"),
            (5_400, "1 h 30 min"),
            (183_600, "2 d 3 h"),
            (90_061, "1 d 1 h"),
        ];
        for (secs, words) in cases {
            assert_eq!(format_duration(secs), words);
        }
    }

    #[test]
    fn duration_compact_form_reads_back() {
        assert_eq!(format_duration_compact(5_400), "1h30m");
        for secs in [0, 1, 59, 60, 3_599, 90_061, 31_622_400, u64::MAX] {
            assert_eq!(parse_duration_secs(&format_duration_compact(secs)), Ok(secs));
        }
    }
}
