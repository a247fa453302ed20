//! Instants as people read them: in the monitor's own zone, with the offset, and in UTC beside it.

use domain::schedule::Zone;
use jiff::Timestamp;

/// Shows instants in a zone.
#[derive(Clone, Debug)]
pub struct When(Zone);

impl When {
    /// UTC for a name that is none, as for a monitor whose schedule has no zone.
    pub fn in_zone(name: &str) -> Self {
        Self(Zone::parse(name).unwrap_or_else(|_| Zone::utc()))
    }

    /// The zone's name.
    pub fn zone(&self) -> &str {
        self.0.name()
    }

    /// `2026-11-24 03:00:06 +01:00 (02:00:06Z)`, or `2026-11-24 02:00:06Z` in UTC; fractions when there are any.
    pub fn at(&self, ms: i64) -> String {
        self.show(ms, "%Y-%m-%d %H:%M:%S%.f")
    }

    /// As [`Self::at`] without the date.
    pub fn clock(&self, ms: i64) -> String {
        self.show(ms, "%H:%M:%S%.f")
    }

    fn show(&self, ms: i64, form: &str) -> String {
        let Ok(at) = Timestamp::from_millisecond(ms) else { return format!("{ms} ms") };
        let local = at.to_zoned_datetime(self.0.tz().clone());
        if self.0.name() == "UTC" {
            return format!("{}Z", local.strftime(form));
        }
        format!("{} {} ({}Z)", local.strftime(form), local.strftime("%:z"), at.strftime("%H:%M:%S"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_local_with_utc_beside_them() {
        let at = 1_795_485_606_250;
        assert_eq!(When::in_zone("UTC").at(at), "2026-11-24 02:00:06.25Z");
        assert_eq!(When::in_zone("Europe/Berlin").at(at), "2026-11-24 03:00:06.25 +01:00 (02:00:06Z)");
        assert_eq!(When::in_zone("Europe/Berlin").clock(at - 250), "03:00:06 +01:00 (02:00:06Z)");
        assert_eq!(When::in_zone("Nowhere/Land").zone(), "UTC");
        assert_eq!(When::in_zone("UTC").at(i64::MAX), format!("{} ms", i64::MAX));
    }
}
