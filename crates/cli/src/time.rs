//! Instants and lengths of time, as flags take them and as people read them. UTC comes first, so that two
//! people in two places read the same line; a monitor's own zone stands beside it where it is known.

use domain::duration::{format_duration, parse_duration_ms, parse_duration_secs};
use jiff::tz::TimeZone;
use prost_types::Timestamp;
use std::time::Duration;

/// Flag value: whole seconds (`90s`, `5m`, `1h30m`, `1d` or `90`).
pub fn seconds(text: &str) -> Result<u64, String> {
    parse_duration_secs(text).map_err(|error| error.to_string())
}

/// Flag value: a length of time down to milliseconds.
pub fn length(text: &str) -> Result<Duration, String> {
    parse_duration_ms(text).map(Duration::from_millis).map_err(|error| error.to_string())
}

/// Flag value: an RFC 3339 instant.
pub fn instant(text: &str) -> Result<jiff::Timestamp, String> {
    text.parse().map_err(|_| "allowed: an RFC 3339 instant such as 2026-03-28T00:00:00Z".to_owned())
}

/// Seconds as protobuf carries them. Lengths no server would take saturate.
pub fn to_proto(seconds: u64) -> prost_types::Duration {
    prost_types::Duration { seconds: i64::try_from(seconds).unwrap_or(i64::MAX), nanos: 0 }
}

/// A protobuf instant; `None` for one outside the years that calendars know.
pub fn from_proto(stamp: &Timestamp) -> Option<jiff::Timestamp> {
    jiff::Timestamp::new(stamp.seconds, stamp.nanos).ok()
}

/// `2026-11-24T02:00:00Z`, or a dash for nothing.
pub fn utc(stamp: Option<&Timestamp>) -> String {
    stamp.and_then(from_proto).map_or_else(|| "-".to_owned(), utc_seconds)
}

/// An instant in UTC, to the second.
pub fn utc_seconds(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// An instant as the clock on the wall shows it: `Tue 2026-11-24 03:00:00 +01:00`.
pub fn local(at: jiff::Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone()).strftime("%a %Y-%m-%d %H:%M:%S %:z").to_string()
}

/// `in 5 h 3 min` or `12 s ago`.
pub fn distance(at: jiff::Timestamp, now: jiff::Timestamp) -> String {
    let seconds = at.as_second() - now.as_second();
    let words = format_duration(seconds.unsigned_abs());
    if seconds > 0 { format!("in {words}") } else { format!("{words} ago") }
}

/// A protobuf length of time: `1.250 s` below a minute, `1 h 30 min` above; a dash for nothing.
pub fn words(length: Option<&prost_types::Duration>) -> String {
    match length {
        None => "-".to_owned(),
        Some(length) if length.nanos != 0 && (0..60).contains(&length.seconds) => {
            format!("{}.{:03} s", length.seconds, length.nanos / 1_000_000)
        }
        Some(length) => format_duration(length.seconds.unsigned_abs()),
    }
}

/// The wall clock's reading.
pub fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_shown_in_utc_and_on_the_wall() {
        let at = instant("2026-11-24T03:00:00+01:00").unwrap();
        assert_eq!(utc_seconds(at), "2026-11-24T02:00:00Z");
        let berlin = domain::schedule::Zone::parse("Europe/Berlin").unwrap();
        assert_eq!(local(at, berlin.tz()), "Tue 2026-11-24 03:00:00 +01:00");
        assert!(instant("2026-11-24").is_err());
    }

    #[test]
    fn lengths_are_words() {
        let length = |seconds, nanos| Some(prost_types::Duration { seconds, nanos });
        assert_eq!(words(length(1, 250_000_000).as_ref()), "1.250 s");
        assert_eq!(words(length(5_400, 5).as_ref()), "1 h 30 min");
        assert_eq!(words(None), "-");
        let now = instant("2026-11-24T02:00:00Z").unwrap();
        assert_eq!(distance(instant("2026-11-24T03:30:00Z").unwrap(), now), "in 1 h 30 min");
        assert_eq!(distance(instant("2026-11-24T01:59:48Z").unwrap(), now), "12 s ago");
    }
}
