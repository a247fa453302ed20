//! Which days of a month a calendar expression names.

use crate::schedule::civil::Month;
use crate::schedule::slots::DayRule;

/// Dates and weekdays; a day must be in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::schedule) struct CalendarDays {
    pub dates: Dates,
    /// Bits, 0 for Sunday to 6 for Saturday.
    pub weekdays: u8,
}

/// Days of the month, bits 1 to 31.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::schedule) enum Dates {
    /// Counted from the first.
    FromStart(u32),
    /// Counted from the last, which is bit 1.
    FromEnd(u32),
}

impl DayRule for CalendarDays {
    fn days_of(&self, month: &Month) -> u32 {
        let dates = match self.dates {
            Dates::FromStart(days) => days & month.days(),
            // Bit 1 becomes the bit of the last day, and what is before the first falls off.
            Dates::FromEnd(days) => (u64::from(days.reverse_bits()) << 1 >> (31 - month.length)) as u32 & month.days(),
        };
        dates & month.on_weekdays(self.weekdays)
    }
}
