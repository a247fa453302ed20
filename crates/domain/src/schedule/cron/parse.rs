//! From text to bit masks. What is refused is refused by name, so that a user of another cron learns why.

use super::days::{CronDays, MonthDays, Weekdays};
use super::field::{DAY, Field, HOUR, MINUTE, MONTH, SECOND, WEEKDAY};
use crate::schedule::ScheduleError;
use crate::schedule::slots::{Slots, Times};
use crate::schedule::walk::ClockRule;

/// Longest expression, in bytes; what is longer is not looked at.
const TEXT_MAX: usize = 256;

const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// The compiled form of an expression that is already trimmed.
pub(super) fn parse(text: &str) -> Result<(Slots<CronDays>, ClockRule), ScheduleError> {
    if text.len() > TEXT_MAX {
        return Err(refuse(text, "at most 256 characters"));
    }
    // Before any comparison: long s and the Kelvin sign are letters of names to a Unicode-aware one.
    if let Some(odd) = text.chars().find(|c| !c.is_ascii_graphic() && *c != ' ' && *c != '\t') {
        return Err(refuse(&odd.to_string(), "ASCII letters, digits and `* , - / # @`, separated by spaces or tabs"));
    }
    match text.starts_with('@') {
        true => fields(nickname(text)?),
        false => fields(text),
    }
}

fn nickname(text: &str) -> Result<&'static str, ScheduleError> {
    let known = NICKNAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    known.map(|(_, expression)| *expression).ok_or_else(|| {
        let names = "@yearly @annually @monthly @weekly @daily @midnight @hourly";
        match text.eq_ignore_ascii_case("@reboot") {
            true => refuse(text, format!("{names}; @reboot is not a time")),
            false => refuse(text, names),
        }
    })
}

fn fields(text: &str) -> Result<(Slots<CronDays>, ClockRule), ScheduleError> {
    let words: Vec<&str> = text.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
    match words[..] {
        [minute, hour, day, month, weekday] => compile(["0", minute, hour, day, month, weekday]),
        [second, minute, hour, day, month, weekday] => compile([second, minute, hour, day, month, weekday]),
        [_, _, _, _, _, _, _] => {
            Err(refuse(text, "five fields, or six with seconds first; a seventh, the year, is not supported"))
        }
        _ => {
            Err(refuse(text, "five fields (minute, hour, day of month, month, day of week), or six with seconds first"))
        }
    }
}

fn compile(words: [&str; 6]) -> Result<(Slots<CronDays>, ClockRule), ScheduleError> {
    let [second, minute, hour, day, month, weekday] = words;
    let times =
        Times { seconds: plain(&SECOND, second)?, minutes: plain(&MINUTE, minute)?, hours: plain(&HOUR, hour)? as u32 };
    let both = day.starts_with('*') || weekday.starts_with('*');
    let days = CronDays { month_days: month_days(day)?, weekdays: weekdays(weekday)?, both };
    let slots = Slots { years: None, months: plain(&MONTH, month)? as u16, days, times };
    let wildcard = minute.starts_with('*') || hour.starts_with('*');
    Ok((slots, if wildcard { ClockRule::RealTime } else { ClockRule::OnceMadeUp }))
}

/// A field of plain terms.
fn plain(field: &Field, text: &str) -> Result<u64, ScheduleError> {
    text.split(',').try_fold(0, |bits, term| {
        refuse_dialects(field, term)?;
        Ok(bits | field.term(term)?)
    })
}

fn month_days(text: &str) -> Result<MonthDays, ScheduleError> {
    let mut days = MonthDays::default();
    for term in text.split(',') {
        refuse_dialects(&DAY, term)?;
        let upper = term.to_ascii_uppercase();
        match upper.as_str() {
            "L" => days.last = true,
            "LW" => days.last_weekday = true,
            "W" => return Err(DAY.refuse(term, "a day before `W`, as `15W`, or `LW`")),
            _ if upper.starts_with("L-") || upper.starts_with("L/") => {
                return Err(DAY.refuse(term, "`L` alone; an offset `L-3` or a step `L/2` is not supported"));
            }
            _ => match upper.strip_suffix('W') {
                Some(date) => days.nearest_weekday |= 1 << single(&DAY, date, term)?,
                None => days.dates |= DAY.term(term)? as u32,
            },
        }
    }
    Ok(days)
}

fn weekdays(text: &str) -> Result<Weekdays, ScheduleError> {
    let mut days = Weekdays::default();
    for term in text.split(',') {
        refuse_dialects(&WEEKDAY, term)?;
        if let Some((day, nth)) = term.split_once('#') {
            let bit = weekday_bit(day, term)?;
            let nth = match nth.as_bytes() {
                [digit @ b'1'..=b'5'] => usize::from(digit - b'1'),
                _ => return Err(WEEKDAY.refuse(term, "a number of 1-5 after `#`, as `MON#1`")),
            };
            days.nth[nth] |= bit;
        } else if let Some(day) = term.strip_suffix(['L', 'l']) {
            if day.is_empty() {
                return Err(WEEKDAY.refuse(term, "a weekday before `L`, as `5L` or `FRIL`"));
            }
            days.last |= weekday_bit(day, term)?;
        } else {
            days.every |= fold_sunday(WEEKDAY.term(term)?);
        }
    }
    Ok(days)
}

fn weekday_bit(day: &str, term: &str) -> Result<u8, ScheduleError> {
    Ok(fold_sunday(1 << single(&WEEKDAY, day, term)?))
}

/// One value where a range or a list makes no sense, as before `W`, `L` and `#`.
fn single(field: &Field, value: &str, term: &str) -> Result<u8, ScheduleError> {
    if value.contains(['-', '/', '*']) {
        return Err(field.refuse(term, "one day before `W`, `L` or `#`, not a range, as `15W`, `5L`, `MON#1`"));
    }
    field.value(value)
}

/// Bit 7 is Sunday too.
fn fold_sunday(bits: u64) -> u8 {
    (bits | bits >> 7) as u8 & 0x7f
}

/// Signs of other crons, refused by name in any field.
fn refuse_dialects(field: &Field, term: &str) -> Result<(), ScheduleError> {
    let alone = |letter: u8| {
        let bytes = term.as_bytes();
        bytes.first().is_some_and(|first| first.eq_ignore_ascii_case(&letter))
            && bytes.get(1).is_none_or(|second| !second.is_ascii_alphabetic())
    };
    let allowed = match () {
        () if term.contains('?') => "`*` for any value; `?` is not supported",
        () if alone(b'H') => "a value; `H`, a value chosen by hash, is not supported",
        () if alone(b'R') => "a value; `R`, a value chosen at random, is not supported",
        () => return Ok(()),
    };
    Err(field.refuse(term, allowed))
}

fn refuse(found: &str, allowed: impl Into<String>) -> ScheduleError {
    ScheduleError::new("cron", found, allowed)
}
