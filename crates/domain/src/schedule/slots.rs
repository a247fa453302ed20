//! Slots: the civil times that a schedule names, before any zone is asked. Both languages compile to this.

use super::civil::{DAY_SECS, Month};

/// The days of a month on which a schedule runs; what differs between cron and calendar expressions.
pub(super) trait DayRule {
    /// Bits 1 to 31, none beyond the month's length.
    fn days_of(&self, month: &Month) -> u32;
}

/// Years, months, days and times of day, each as a set; a slot is in all of them.
#[derive(Clone, Debug)]
pub(super) struct Slots<D> {
    /// None is every year.
    pub years: Option<YearSet>,
    /// Bits 1 to 12.
    pub months: u16,
    pub days: D,
    pub times: Times,
}

impl<D: DayRule> Slots<D> {
    /// The first slot in `from..until`, local seconds.
    pub fn first(&self, from: i64, until: i64) -> Option<i64> {
        if from >= until {
            return None;
        }
        let (mut month, date) = Month::of_day(from.div_euclid(DAY_SECS));
        let time = from.rem_euclid(DAY_SECS) as u32;
        let mut slot = if self.has_month(&month) { self.in_month(&month, date, time) } else { None };
        // Bounded: every turn moves on a month, and `until` is at most a few hundred years away.
        while slot.is_none() {
            month = self.month_after(&month)?;
            if month.first_day * DAY_SECS >= until {
                return None;
            }
            slot = self.in_month(&month, 1, 0);
        }
        slot.filter(|at| *at < until)
    }

    fn has_month(&self, month: &Month) -> bool {
        self.months >> month.month & 1 == 1 && self.years.is_none_or(|years| years.has(month.year))
    }

    /// The first month after `month` that is in both sets.
    fn month_after(&self, month: &Month) -> Option<Month> {
        let later = u32::from(self.months) >> month.month >> 1;
        if later != 0 && self.years.is_none_or(|years| years.has(month.year)) {
            return Some(Month::new(month.year, month.month + 1 + later.trailing_zeros() as u8));
        }
        let year = match self.years {
            None => month.year + 1,
            Some(years) => years.first_from(month.year + 1)?,
        };
        Some(Month::new(year, self.months.trailing_zeros() as u8))
    }

    /// The first slot of a month at `time` (seconds of the day) on day `date`, or later.
    fn in_month(&self, month: &Month, date: u8, time: u32) -> Option<i64> {
        let days = self.days.days_of(month);
        let at = |date: u32, time: u32| (month.first_day + i64::from(date) - 1) * DAY_SECS + i64::from(time);
        if days >> date & 1 == 1
            && let Some(time) = self.times.first_from(time)
        {
            return Some(at(u32::from(date), time));
        }
        // Bits above `date`; two shifts, as 31 + 1 would be one too many for one.
        let later = days >> date >> 1;
        (later != 0).then(|| at(u32::from(date) + 1 + later.trailing_zeros(), self.times.first()))
    }
}

/// Times of day. None of the sets is empty: a parser that finds no value refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    /// Bits 0 to 23.
    pub hours: u32,
    /// Bits 0 to 59.
    pub minutes: u64,
    /// Bits 0 to 59.
    pub seconds: u64,
}

impl Times {
    /// The first time of a day, in seconds from midnight.
    fn first(&self) -> u32 {
        self.hours.trailing_zeros() * 3_600 + self.first_of_hour()
    }

    /// The first time at or after `time`, seconds from midnight.
    fn first_from(&self, time: u32) -> Option<u32> {
        let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
        if self.hours >> hour & 1 == 1 {
            if self.minutes >> minute & 1 == 1
                && let Some(second) = bit_from(self.seconds, second)
            {
                return Some(hour * 3_600 + minute * 60 + second);
            }
            if let Some(minute) = bit_from(self.minutes, minute + 1) {
                return Some(hour * 3_600 + minute * 60 + self.seconds.trailing_zeros());
            }
        }
        let hour = bit_from(u64::from(self.hours), hour + 1)?;
        Some(hour * 3_600 + self.first_of_hour())
    }

    fn first_of_hour(&self) -> u32 {
        self.minutes.trailing_zeros() * 60 + self.seconds.trailing_zeros()
    }
}

/// The lowest set bit at or above `from`, which is at most 60.
fn bit_from(bits: u64, from: u32) -> Option<u32> {
    let rest = bits >> from;
    (rest != 0).then(|| from + rest.trailing_zeros())
}

/// First and last year that calendar expressions know, as systemd's.
pub(super) const YEAR_MIN: i64 = 1970;
pub(super) const YEAR_MAX: i64 = 2199;

/// A set of the years 1970 to 2199.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct YearSet([u64; 4]);

impl YearSet {
    /// Every year of the range.
    pub fn all() -> Self {
        let mut years = Self::default();
        (YEAR_MIN..=YEAR_MAX).for_each(|year| years.insert(year));
        years
    }

    /// Adds `year`; one outside the range is left out.
    pub fn insert(&mut self, year: i64) {
        if (YEAR_MIN..=YEAR_MAX).contains(&year) {
            let bit = (year - YEAR_MIN) as usize;
            self.0[bit / 64] |= 1 << (bit % 64);
        }
    }

    pub fn has(&self, year: i64) -> bool {
        (YEAR_MIN..=YEAR_MAX).contains(&year) && {
            let bit = (year - YEAR_MIN) as usize;
            self.0[bit / 64] >> (bit % 64) & 1 == 1
        }
    }

    /// The first year of the set at or after `year`.
    pub fn first_from(&self, year: i64) -> Option<i64> {
        let from = usize::try_from(year - YEAR_MIN).unwrap_or(0);
        let words = self.0.iter().enumerate().skip(from / 64);
        let mut rest = words.map(|(index, word)| match index == from / 64 {
            true => (index, word >> (from % 64) << (from % 64)),
            false => (index, *word),
        });
        let (index, word) = rest.find(|(_, word)| *word != 0)?;
        Some(YEAR_MIN + index as i64 * 64 + i64::from(word.trailing_zeros()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_year_from_another() {
        let years = |list: &[i64]| {
            let mut set = YearSet::default();
            list.iter().for_each(|year| set.insert(*year));
            set
        };
        let some = years(&[1970, 2033, 2034, 2199]);
        let firsts = [(-5_000, 1970), (1970, 1970), (1971, 2033), (2034, 2034), (2035, 2199), (2199, 2199)];
        for (from, first) in firsts {
            assert_eq!(some.first_from(from), Some(first), "{from}");
        }
        assert_eq!(some.first_from(2200), None);
        assert_eq!(some.first_from(i64::from(i32::MAX)), None);
        assert_eq!(years(&[1969, 2200]), YearSet::default());
        assert!((YEAR_MIN..=YEAR_MAX).all(|year| YearSet::all().first_from(year) == Some(year)));
    }

    #[test]
    fn times_of_day_against_a_count() {
        let times = Times { hours: 1 << 3 | 1 << 23, minutes: 1 | 1 << 59, seconds: 1 << 7 | 1 << 8 };
        let has = |time: u32| {
            times.hours >> (time / 3_600) & 1 == 1
                && times.minutes >> (time / 60 % 60) & 1 == 1
                && times.seconds >> (time % 60) & 1 == 1
        };
        assert_eq!(times.first(), (0..86_400).find(|time| has(*time)).unwrap());
        for from in (0..86_400).step_by(61).chain([86_399]) {
            assert_eq!(times.first_from(from), (from..86_400).find(|time| has(*time)), "{from}");
        }
    }
}
