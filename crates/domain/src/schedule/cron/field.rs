//! One field of a cron expression: numbers, names, ranges, steps and lists, as a bit mask.

use crate::schedule::ScheduleError;

/// Largest step. Steps beyond a field's width are allowed and leave the first value only, as in Debian.
const STEP_MAX: u32 = 65_535;

/// What a field counts, its range and its names.
pub(super) struct Field {
    pub name: &'static str,
    pub min: u8,
    pub max: u8,
    /// Names of the values from `min` upwards.
    names: &'static [&'static str],
    /// The values in words, for messages.
    values: &'static str,
}

const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

pub(super) const SECOND: Field = Field { name: "second", min: 0, max: 59, names: &[], values: "0-59" };
pub(super) const MINUTE: Field = Field { name: "minute", min: 0, max: 59, names: &[], values: "0-59" };
pub(super) const HOUR: Field = Field { name: "hour", min: 0, max: 23, names: &[], values: "0-23" };
pub(super) const DAY: Field =
    Field { name: "day of month", min: 1, max: 31, names: &[], values: "1-31, `L`, `LW`, `15W`" };
pub(super) const MONTH: Field = Field { name: "month", min: 1, max: 12, names: &MONTHS, values: "1-12, JAN-DEC" };
/// Sunday is 0 and 7, so that ranges can begin and end with it.
pub(super) const WEEKDAY: Field =
    Field { name: "day of week", min: 0, max: 7, names: &WEEKDAYS, values: "0-7, SUN-SAT, `5L`, `MON#1`" };

impl Field {
    /// The values of one term: `*`, `5`, `1-5`, each with an optional step. A list has several terms.
    pub fn term(&self, term: &str) -> Result<u64, ScheduleError> {
        let (range, step) = match term.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step)?)),
            None => (term, None),
        };
        let (low, high) = self.range(range, step.is_some())?;
        if low > high {
            return Err(self.refuse(term, "ranges from low to high"));
        }
        let values = (low..=high).step_by(step.unwrap_or(1) as usize);
        Ok(values.fold(0, |bits, value| bits | 1 << value))
    }

    /// First and last value. With a step a single number runs to the end of the field.
    fn range(&self, range: &str, stepped: bool) -> Result<(u8, u8), ScheduleError> {
        if range == "*" {
            return Ok((self.min, self.max));
        }
        if let Some((low, high)) = range.split_once('-') {
            return Ok((self.value(low)?, self.range_end(low, high)?));
        }
        let value = self.value(range)?;
        Ok((value, if stepped { self.max } else { value }))
    }

    /// `SUN` at the end of a range is 7: FRI-SUN is three days, not a range that runs backwards.
    fn range_end(&self, low: &str, high: &str) -> Result<u8, ScheduleError> {
        let value = self.value(high)?;
        let sunday = self.max == WEEKDAY.max && high.eq_ignore_ascii_case("SUN");
        Ok(if sunday && !low.eq_ignore_ascii_case("SUN") { WEEKDAY.max } else { value })
    }

    /// A number of one or two digits, or a name.
    pub fn value(&self, text: &str) -> Result<u8, ScheduleError> {
        let named = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let value = match named {
            Some(at) => Some(self.min + at as u8),
            None => number(text, 2).and_then(|number| u8::try_from(number).ok()),
        };
        value.filter(|value| (self.min..=self.max).contains(value)).ok_or_else(|| self.refuse_value(text))
    }

    fn step(&self, text: &str) -> Result<u32, ScheduleError> {
        let step = number(text, 5).filter(|step| (1..=STEP_MAX).contains(step));
        step.ok_or_else(|| self.refuse(text, "a step of 1-65535 after `/`"))
    }

    /// A refusal of something in this field.
    pub fn refuse(&self, found: &str, allowed: &str) -> ScheduleError {
        ScheduleError::new("cron", found, format!("in {}, {allowed}", self.name))
    }

    fn refuse_value(&self, found: &str) -> ScheduleError {
        self.refuse(found, &format!("{}, ranges `a-b`, steps `*/n`, `a-b/n`, `a/n`, and lists of those", self.values))
    }
}

/// Digits only and at most `digits` of them: no sign, no blanks, no digits of other scripts.
fn number(text: &str, digits: usize) -> Option<u32> {
    let plain = !text.is_empty() && text.len() <= digits && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}
