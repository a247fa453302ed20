//! What the wall clock of a zone shows, and what it skipped or had shown before.

use domain::schedule::Zone;
use jiff::civil::DateTime;
use jiff::{Timestamp, ToSpan};

pub const MINUTE_SECS: i64 = 60;

pub fn wall_clock(zone: &Zone, secs: i64) -> DateTime {
    zone.tz().to_datetime(Timestamp::from_second(secs).unwrap())
}

/// Whether an earlier minute of the last day and a half showed the same time.
pub fn seen_before(zone: &Zone, minute: i64) -> bool {
    let offset = |secs: i64| zone.tz().to_offset(Timestamp::from_second(secs).unwrap()).seconds();
    let now = offset(minute);
    // The offset an earlier pass would have had is one of those in force at half hours before.
    (1..72).map(|halves| offset(minute - halves * 1_800)).any(|then| {
        let earlier = minute + i64::from(now - then);
        earlier < minute && offset(earlier) == then
    })
}

/// The minutes that the wall clock skipped just before `minute`, unless they are three hours or more.
pub fn gap_before(zone: &Zone, minute: i64) -> Option<Vec<DateTime>> {
    let mut local = wall_clock(zone, minute - MINUTE_SECS).checked_add(1.minute()).unwrap();
    let resumed = wall_clock(zone, minute);
    let mut skipped = Vec::new();
    while local < resumed {
        skipped.push(local);
        local = local.checked_add(1.minute()).unwrap();
    }
    (!skipped.is_empty() && skipped.len() < 180).then_some(skipped)
}
