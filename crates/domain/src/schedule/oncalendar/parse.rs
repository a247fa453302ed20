//! The grammar of systemd.time's calendar events, one line at a time.
//!
//! A line is `WEEKDAYS DATE TIME ZONE`, every part optional but one, or a word such as `daily`. Where the
//! manual is silent, systemd 252 was asked.

use super::component::{Chain, Component, Values, chain};
use super::cursor::Cursor;
use super::days::{CalendarDays, Dates};
use crate::schedule::slots::{Slots, Times, YEAR_MAX, YEAR_MIN, YearSet};
use crate::schedule::{ScheduleError, Zone};

/// Words for common schedules, all the spellings that systemd takes.
const WORDS: [(&str, &str); 13] = [
    ("minutely", "*:*"),
    ("hourly", "*:0"),
    ("daily", "0:0"),
    ("weekly", "Mon"),
    ("monthly", "*-1"),
    ("quarterly", "1,4,7,10-1"),
    ("yearly", "1-1"),
    ("annually", "1-1"),
    ("anually", "1-1"),
    ("semiannually", "1,7-1"),
    ("semi-annually", "1,7-1"),
    ("biannually", "1,7-1"),
    ("bi-annually", "1,7-1"),
];

/// In the order of their bits.
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const ALL_WEEKDAYS: u8 = 0x7f;

/// Days from the end of the month go no further: every month has 28.
const FROM_END_MAX: u32 = 28;

/// One expression: its slots, and the zone it names itself.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub slots: Slots<CalendarDays>,
    pub zone: Option<Zone>,
}

/// Parses one line without blanks at its ends.
pub(super) fn line(text: &str) -> Result<Line, ScheduleError> {
    let (expression, zone) = split_zone(text)?;
    if expression.starts_with('@') {
        return Err(refuse(text, "a calendar expression; a single moment, `@1700000000`, is not supported"));
    }
    let word = WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(expression));
    let mut cursor = Cursor { rest: word.map_or(expression, |(_, meaning)| meaning) };
    let weekdays = weekdays(&mut cursor).ok_or_else(|| refuse(text, "weekdays as `Mon`, `Mon,Wed` or `Mon..Fri`"))?;
    let date =
        date(&mut cursor).ok_or_else(|| refuse(text, "a date as `2026-11-24`, `*-*-1,15`, `11-24` or `*-*~3`"))?;
    let time = time(&mut cursor).ok_or_else(|| refuse_time(text))?;
    let slots = Slots {
        years: Some(years(date.year).ok_or_else(|| refuse(text, "years 1970-2199, or two digits"))?),
        months: bits(date.month, 1, 12).ok_or_else(|| refuse(text, "months 1-12"))? as u16,
        days: CalendarDays { dates: dates(date.day, date.from_end).ok_or_else(|| refuse_day(text))?, weekdays },
        times: times(time).ok_or_else(|| refuse_time(text))?,
    };
    Ok(Line { slots, zone })
}

/// A last word that begins with a letter can only be a zone.
fn split_zone(text: &str) -> Result<(&str, Option<Zone>), ScheduleError> {
    match text.rsplit_once(' ') {
        Some((expression, zone)) if zone.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            Ok((expression.trim_end_matches(' '), Some(Zone::parse(zone)?)))
        }
        _ => Ok((text, None)),
    }
}

/// Weekdays as bits; all of them when the text begins with something else.
fn weekdays(cursor: &mut Cursor<'_>) -> Option<u8> {
    let Some(mut day) = weekday(cursor) else {
        return Some(ALL_WEEKDAYS);
    };
    let mut bits = 0;
    loop {
        bits |= weekday_range(cursor, day)?;
        let listed = cursor.eat(",");
        if cursor.at_end_or(" ") {
            cursor.skip_spaces();
            return Some(bits);
        }
        day = if listed { weekday(cursor)? } else { return None };
    }
}

/// The bits from `first` to the day after `..`, or `first` alone. Weeks begin on Monday here.
fn weekday_range(cursor: &mut Cursor<'_>, first: u8) -> Option<u8> {
    if !cursor.eat("..") && !cursor.eat("-") {
        return Some(1 << first);
    }
    let from_monday = |day: u8| (day + 6) % 7;
    let (low, high) = (from_monday(first), from_monday(weekday(cursor)?));
    (low <= high).then(|| (low..=high).fold(0, |bits, day| bits | 1 << ((day + 1) % 7)))
}

/// A weekday's number, 0 for Sunday, by its full name or three letters of it. None leaves the cursor alone.
fn weekday(cursor: &mut Cursor<'_>) -> Option<u8> {
    let mut ahead = *cursor;
    let at = WEEKDAYS.iter().position(|name| ahead.eat_word(name) || ahead.eat_word(&name[..3]))?;
    ahead.at_end_or("-., ").then(|| *cursor = ahead)?;
    Some(at as u8)
}

#[derive(Default)]
struct Date {
    year: Chain,
    month: Chain,
    day: Chain,
    /// `~` before the day.
    from_end: bool,
}

/// The date, or nothing if a time comes next.
fn date(cursor: &mut Cursor<'_>) -> Option<Date> {
    let mut ahead = *cursor;
    if ahead.at_end() {
        return Some(Date::default());
    }
    let first = chain(&mut ahead)?;
    if ahead.at_end_or(":") {
        return Some(Date::default());
    }
    let mut from_end = separator(&mut ahead)?;
    let second = chain(&mut ahead)?;
    let (year, month, day) = match ahead.at_end_or(" ") {
        true => (None, first, second),
        // `~` stands before the last part only.
        false if from_end => return None,
        false => {
            from_end = separator(&mut ahead)?;
            (first, second, chain(&mut ahead)?)
        }
    };
    if !ahead.at_end_or(" ") {
        return None;
    }
    ahead.skip_spaces();
    *cursor = ahead;
    Some(Date { year, month, day, from_end })
}

/// Moves over `-` or `~`; true for the latter.
fn separator(cursor: &mut Cursor<'_>) -> Option<bool> {
    let from_end = cursor.eat("~");
    (from_end || cursor.eat("-")).then_some(from_end)
}

/// Hours, minutes and seconds. Midnight if the line is at its end, whole minutes without seconds.
fn time(cursor: &mut Cursor<'_>) -> Option<[Chain; 3]> {
    let zero = || chain(&mut Cursor { rest: "0" });
    if cursor.at_end() {
        return Some([zero()?, zero()?, zero()?]);
    }
    let hour = chain(cursor)?;
    let minute = if cursor.eat(":") { chain(cursor)? } else { return None };
    let second = if cursor.eat(":") { chain(cursor)? } else { zero()? };
    cursor.at_end().then_some([hour, minute, second])
}

fn years(chain: Chain) -> Option<YearSet> {
    let Some(list) = chain else {
        return Some(YearSet::all());
    };
    let mut years = YearSet::default();
    for component in list {
        let values = component.with_full_years().values(YEAR_MIN as u32, YEAR_MAX as u32)?;
        values.for_each(|year| years.insert(i64::from(year)));
    }
    Some(years)
}

fn dates(chain: Chain, from_end: bool) -> Option<Dates> {
    match chain {
        // `*-*~*` is every day.
        None => Some(Dates::FromStart(!1)),
        Some(list) if from_end => {
            let days = union(list, |component| component.values_from_end(1, FROM_END_MAX))?;
            Some(Dates::FromEnd(days as u32))
        }
        list => Some(Dates::FromStart(bits(list, 1, 31)? as u32)),
    }
}

fn times([hour, minute, second]: [Chain; 3]) -> Option<Times> {
    Some(Times { hours: bits(hour, 0, 23)? as u32, minutes: bits(minute, 0, 59)?, seconds: bits(second, 0, 59)? })
}

/// The values of a chain as bits.
fn bits(chain: Chain, min: u32, max: u32) -> Option<u64> {
    match chain {
        None => Some((min..=max).fold(0, |bits, value| bits | 1 << value)),
        Some(list) => union(list, |component| component.values(min, max)),
    }
}

fn union(list: Vec<Component>, values: impl Fn(Component) -> Option<Values>) -> Option<u64> {
    list.into_iter().try_fold(0, |bits, component| Some(values(component)?.fold(bits, |bits, value| bits | 1 << value)))
}

fn refuse_day(text: &str) -> ScheduleError {
    refuse(text, "days 1-31, or 1-28 from the end of the month after `~`")
}

fn refuse_time(text: &str) -> ScheduleError {
    refuse(text, "a time as `02:30`, `*:0/15` or `9..17:00:00`, in whole seconds, and a time zone after it")
}

fn refuse(found: &str, allowed: &str) -> ScheduleError {
    ScheduleError::new("oncalendar", found, allowed)
}
