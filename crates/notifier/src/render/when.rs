//! Instants as the owner of a monitor reads them: on the wall clock of the monitor's zone.

use domain::duration::format_duration;
use domain::schedule::Zone;
use domain::time::UnixMs;
use jiff::{Timestamp, ZonedDateTime};

/// Prints instants of one monitor, as seen at one moment.
pub(super) struct When {
    zone: Zone,
    now: UnixMs,
}

impl When {
    /// `zone` is an IANA name; one that is not known any more reads as UTC.
    pub(super) fn new(zone: &str, now: UnixMs) -> Self {
        Self { zone: Zone::find(zone).unwrap_or_else(Zone::utc), now }
    }

    /// `02:00 (Europe/Berlin)`, or with the date when that is not today's.
    pub(super) fn at(&self, ms: i64) -> String {
        format!("{} ({})", self.bare(ms), self.zone.name())
    }

    /// The same without the zone, for a sentence that names it elsewhere.
    pub(super) fn bare(&self, ms: i64) -> String {
        let Some(local) = self.local(ms) else { return UnixMs(ms).to_string() };
        let today = self.local(self.now.0).is_some_and(|now| now.date() == local.date());
        let time = local.strftime(if local.second() == 0 { "%H:%M" } else { "%H:%M:%S" }).to_string();
        // An hour that comes twice when clocks go back is told apart by its offset.
        let twice = self.zone.tz().to_ambiguous_timestamp(local.datetime()).is_ambiguous();
        let offset = if twice { local.strftime(" %:z").to_string() } else { String::new() };
        match today {
            true => format!("{time}{offset}"),
            false => format!("{} {time}{offset}", local.date()),
        }
    }

    fn local(&self, ms: i64) -> Option<ZonedDateTime> {
        Timestamp::from_millisecond(ms).ok().map(|t| t.to_zoned_datetime(self.zone.tz().clone()))
    }
}

/// The length from one instant to another in words; nothing is shorter than zero.
pub(super) fn between(from_ms: i64, to_ms: i64) -> String {
    length(u64::try_from(to_ms.saturating_sub(from_ms)).unwrap_or(0))
}

/// `250 ms`, or whole seconds and longer units.
pub(super) fn length(ms: u64) -> String {
    if ms > 0 && ms < 1000 { format!("{ms} ms") } else { format_duration(ms / 1000) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_millisecond()
    }

    #[test]
    fn times_are_local_with_a_date_when_not_today() {
        let when = When::new("Europe/Berlin", UnixMs(ms("2026-11-24T01:06:00Z")));
        assert_eq!(when.at(ms("2026-11-24T01:00:00Z")), "02:00 (Europe/Berlin)");
        assert_eq!(when.at(ms("2026-11-24T01:00:06.5Z")), "02:00:06 (Europe/Berlin)");
        assert_eq!(when.at(ms("2026-11-23T01:00:00Z")), "2026-11-23 02:00 (Europe/Berlin)");
        assert_eq!(when.bare(ms("2026-11-23T23:30:00Z")), "00:30");
    }

    #[test]
    fn an_hour_that_comes_twice_shows_its_offset() {
        let when = When::new("Europe/Berlin", UnixMs(ms("2026-10-25T05:00:00Z")));
        assert_eq!(when.at(ms("2026-10-25T00:30:00Z")), "02:30 +02:00 (Europe/Berlin)");
        assert_eq!(when.at(ms("2026-10-25T01:30:00Z")), "02:30 +01:00 (Europe/Berlin)");
    }

    #[test]
    fn what_cannot_be_shown_is_shown_plainly() {
        assert_eq!(When::new("Mars/Olympus", UnixMs(0)).at(0), "00:00 (UTC)");
        assert_eq!(When::new("", UnixMs(0)).at(i64::MAX), format!("{} ms (UTC)", i64::MAX));
        assert_eq!(between(10, 5), "0 s");
        assert_eq!(length(250), "250 ms");
        assert_eq!(length(61_500), "1 min 1 s");
    }
}
