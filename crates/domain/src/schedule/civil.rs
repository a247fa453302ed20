//! Dates of the proleptic Gregorian calendar as integers. Local seconds count from 1970-01-01 00:00:00 on
//! the wall clock, days likewise; no zone is known here.

/// Seconds of a civil day; clock changes are the walk's affair.
pub(super) const DAY_SECS: i64 = 86_400;

/// Days from 0000-03-01 to 1970-01-01. Years that begin in March put the leap day last, which turns
/// month lengths into one formula.
const EPOCH_FROM_MARCH_0: i64 = 719_468;
/// Days in 400 years, after which the calendar repeats.
const ERA_DAYS: i64 = 146_097;

/// A month, with what day rules ask about it. Days are bits 1 to 31 of a `u32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Month {
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// Number of days, 28 to 31.
    pub length: u8,
    /// Day number of the first, counted from 1970-01-01.
    pub first_day: i64,
}

impl Month {
    pub fn new(year: i64, month: u8) -> Self {
        Self { year, month, length: month_length(year, month), first_day: day_number(year, month) }
    }

    /// The month that holds day number `day`, and the day of the month.
    pub fn of_day(day: i64) -> (Self, u8) {
        let shifted = day + EPOCH_FROM_MARCH_0;
        let (era, in_era) = (shifted.div_euclid(ERA_DAYS), shifted.rem_euclid(ERA_DAYS));
        let year_in_era = (in_era - in_era / 1_460 + in_era / 36_524 - in_era / 146_096) / 365;
        let in_year = in_era - (365 * year_in_era + year_in_era / 4 - year_in_era / 100);
        let from_march = (5 * in_year + 2) / 153;
        let date = in_year - (153 * from_march + 2) / 5 + 1;
        let month = if from_march < 10 { from_march + 3 } else { from_march - 9 } as u8;
        let year = era * 400 + year_in_era + i64::from(month <= 2);
        let length = month_length(year, month);
        (Self { year, month, length, first_day: day - (date - 1) }, date as u8)
    }

    /// All days, as bits.
    pub fn days(&self) -> u32 {
        ((1_u64 << (self.length + 1)) - 2) as u32
    }

    /// The days that fall on `weekdays`, bit 0 for Sunday to bit 6 for Saturday.
    pub fn on_weekdays(&self, weekdays: u8) -> u32 {
        // Turned so that bit 0 is the weekday of the first, then laid down five times.
        let first = self.weekday(1);
        let week = ((u64::from(weekdays) >> first) | (u64::from(weekdays) << (7 - first))) & 0x7f;
        let weeks = week | week << 7 | week << 14 | week << 21 | week << 28;
        (weeks << 1) as u32 & self.days()
    }

    /// The weekday of a day of this month, 0 for Sunday.
    pub fn weekday(&self, date: u8) -> u8 {
        // 1970-01-01 was a Thursday.
        (self.first_day + i64::from(date) - 1 + 4).rem_euclid(7) as u8
    }
}

/// The day number of the first of a month.
fn day_number(year: i64, month: u8) -> i64 {
    let year = year - i64::from(month <= 2);
    let from_march = (i64::from(month) + 9) % 12;
    let (era, year_in_era) = (year.div_euclid(400), year.rem_euclid(400));
    let in_year = (153 * from_march + 2) / 5;
    let in_era = year_in_era * 365 + year_in_era / 4 - year_in_era / 100 + in_year;
    era * ERA_DAYS + in_era - EPOCH_FROM_MARCH_0
}

fn month_length(year: i64, month: u8) -> u8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_jiff_on_every_day_of_two_millennia() {
        let mut date = jiff::civil::date(1000, 1, 1);
        let start = date.since(jiff::civil::date(1970, 1, 1)).unwrap().get_days();
        for day in i64::from(start)..380_000 {
            let (month, of_month) = Month::of_day(day);
            assert_eq!((month.year, month.month), (i64::from(date.year()), date.month() as u8));
            assert_eq!((of_month, month.length), (date.day() as u8, date.days_in_month() as u8));
            assert_eq!(month.weekday(of_month), date.weekday().to_sunday_zero_offset() as u8);
            assert_eq!(Month::new(month.year, month.month), month);
            date = date.tomorrow().unwrap();
        }
    }

    #[test]
    fn weekday_bits_are_the_days_that_fall_on_them() {
        for index in 0..2_400 {
            let month = Month::new(1900 + index / 12, (index % 12) as u8 + 1);
            for weekday in 0..7_u8 {
                let days = (1..=month.length).filter(|date| month.weekday(*date) == weekday);
                assert_eq!(month.on_weekdays(1 << weekday), days.fold(0, |bits, date| bits | 1 << date));
            }
        }
    }
}
