//! A zone as stretches of constant UTC offset: the form in which next runs are looked for.
//!
//! A zone's rules are turned into a table once, so that a lookup is a binary search over integers. Both
//! neighbours of a stretch are at hand, which is what clock changes are about.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The table's years. Instants outside it get a small table of their own.
const TABLE_FROM_SECS: i64 = -2_208_988_800; // 1900-01-01T00:00:00Z
const TABLE_UNTIL_SECS: i64 = 8_835_955_200; // 2249-12-31T00:00:00Z

/// How far before an instant a small table starts, so that the previous clock change is in it.
const LOOK_BACK_SECS: i64 = 400 * 86_400;

/// A stretch with one UTC offset, from its first second until the next piece begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// First second, Unix time.
    pub start: i64,
    /// Seconds to add to Unix time for the wall clock.
    pub offset: i64,
}

/// Pieces in order of time; the first reaches back and the last forward without end.
#[derive(Clone, Debug)]
pub(super) struct Pieces(Vec<Piece>);

impl Pieces {
    /// The table for the years 1900 to 2249.
    pub fn of(tz: &TimeZone) -> Self {
        Self::between(tz, TABLE_FROM_SECS, TABLE_UNTIL_SECS)
    }

    /// The pieces of `tz` from `from` until `until`, Unix seconds, cut to what jiff can represent.
    pub fn between(tz: &TimeZone, from: i64, until: i64) -> Self {
        let first = clamped(from);
        let mut pieces = vec![piece(tz, i64::MIN, first)];
        for change in tz.following(first).take_while(|change| change.timestamp().as_second() <= until) {
            let at = change.timestamp();
            pieces.push(piece(tz, at.as_second(), at));
        }
        // Many changes only rename the offset; the wall clock does not notice.
        pieces.dedup_by_key(|piece| piece.offset);
        pieces.shrink_to_fit();
        Self(pieces)
    }

    /// Whether a search from `from` to `until` may use the table made by `of`.
    pub fn table_covers(from: i64, until: i64) -> bool {
        from - LOOK_BACK_SECS >= TABLE_FROM_SECS && until <= TABLE_UNTIL_SECS
    }

    /// A table for a search outside the usual years.
    pub fn around(tz: &TimeZone, from: i64, until: i64) -> Self {
        Self::between(tz, from.saturating_sub(LOOK_BACK_SECS), until)
    }

    /// The index of the piece that holds second `at`.
    pub fn index_at(&self, at: i64) -> usize {
        // The first piece starts at the beginning of time, so at least one start is not after `at`.
        self.0.partition_point(|piece| piece.start <= at).saturating_sub(1)
    }

    pub fn as_slice(&self) -> &[Piece] {
        &self.0
    }
}

fn piece(tz: &TimeZone, start: i64, at: Timestamp) -> Piece {
    Piece { start, offset: i64::from(tz.to_offset(at).seconds()) }
}

fn clamped(secs: i64) -> Timestamp {
    let within = secs.clamp(Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    Timestamp::from_second(within).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::super::zone::Zone;
    use super::*;

    #[test]
    fn offsets_agree_with_the_zone() {
        let zone = Zone::parse("Africa/Casablanca").unwrap();
        for day in -20_000..60_000_i64 {
            let at = day * 86_400 + 7;
            let piece = zone.pieces().as_slice()[zone.pieces().index_at(at)];
            let offset = zone.tz().to_offset(Timestamp::from_second(at).unwrap());
            assert_eq!(piece.offset, i64::from(offset.seconds()), "{at}");
        }
    }

    #[test]
    fn utc_is_one_piece() {
        assert_eq!(Zone::utc().pieces().as_slice(), [Piece { start: i64::MIN, offset: 0 }]);
    }
}
