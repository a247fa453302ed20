//! Which days of a month a cron expression names.

use crate::schedule::civil::Month;
use crate::schedule::slots::DayRule;

/// The two day fields and how they combine. Weekdays are bits, 0 for Sunday to 6 for Saturday.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::schedule) struct CronDays {
    pub month_days: MonthDays,
    pub weekdays: Weekdays,
    /// Both fields must name the day: the rule when one of them begins with `*`. Otherwise either will do.
    pub both: bool,
}

/// The day of month field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::schedule) struct MonthDays {
    /// Bits 1 to 31.
    pub dates: u32,
    /// `15W`: bits 1 to 31.
    pub nearest_weekday: u32,
    /// `L`.
    pub last: bool,
    /// `LW`.
    pub last_weekday: bool,
}

/// The day of week field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::schedule) struct Weekdays {
    /// Every such weekday.
    pub every: u8,
    /// `5L`: the last such weekday of the month.
    pub last: u8,
    /// `MON#1` to `MON#5`: weekdays by their number in the month, the first at index 0.
    pub nth: [u8; 5],
}

impl DayRule for CronDays {
    fn days_of(&self, month: &Month) -> u32 {
        let (dates, weekdays) = (self.month_days.days_of(month), self.weekdays.days_of(month));
        if self.both { dates & weekdays } else { dates | weekdays }
    }
}

impl DayRule for MonthDays {
    fn days_of(&self, month: &Month) -> u32 {
        let mut days = self.dates;
        if self.last {
            days |= 1 << month.length;
        }
        if self.last_weekday {
            days |= nearest_weekday(month, month.length);
        }
        let mut wanted = self.nearest_weekday & month.days();
        while wanted != 0 {
            days |= nearest_weekday(month, wanted.trailing_zeros() as u8);
            wanted &= wanted - 1;
        }
        days & month.days()
    }
}

impl DayRule for Weekdays {
    fn days_of(&self, month: &Month) -> u32 {
        let mut days = month.on_weekdays(self.every);
        if self.last != 0 {
            // The last seven days hold every weekday once.
            days |= month.on_weekdays(self.last) & (!0 << (month.length - 6));
        }
        if self.nth != [0; 5] {
            let week = |index: usize| 0b1111_1110_u64 << (7 * index);
            let nth = self.nth.iter().enumerate();
            days |= nth.fold(0, |days, (index, weekdays)| days | month.on_weekdays(*weekdays) & week(index) as u32);
        }
        days
    }
}

/// The bit of the Monday to Friday nearest to `date`, never in another month.
fn nearest_weekday(month: &Month, date: u8) -> u32 {
    let day = match month.weekday(date) {
        6 if date == 1 => 3,
        6 => date - 1,
        0 if date == month.length => date - 2,
        0 => date + 1,
        _ => date,
    };
    1 << day
}
