//! Calendar expressions as systemd's `OnCalendar=` takes them, several lines merged into one schedule.
//!
//! Clock changes as systemd has them: a skipped time is lost, of a repeated stretch the first pass counts,
//! for `hourly` too. Finer than seconds there is nothing, and `@epoch` is refused.

mod component;
mod cursor;
mod days;
mod parse;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use self::parse::Line;
use super::walk::{ClockRule, next_instant};
use super::{ScheduleError, Zone};
use crate::time::UnixMs;

/// Longest text in characters.
const TEXT_MAX: usize = 1_000;

/// Where every search ends: 2200-01-02T00:00:00Z, after the last year of the grammar in every zone.
const SEARCH_END_SECS: i64 = 7_258_204_800;

/// Parsed calendar expressions. Clone is cheap; equality and order are by their text.
#[derive(Clone)]
pub struct OnCalendar(Arc<Parsed>);

struct Parsed {
    source: Box<str>,
    lines: Box<[Line]>,
}

impl OnCalendar {
    /// Parses one or more expressions, one a line; blank lines and blanks at the ends of lines are ignored.
    ///
    /// A date that cannot be, such as `2026-02-29`, is no mistake of grammar and parses; `next` is then None.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let source = text.trim_matches([' ', '\t', '\r', '\n']);
        check_characters(text)?;
        let lines = source.split('\n').map(|line| line.trim_matches([' ', '\t', '\r']));
        let lines = lines.filter(|line| !line.is_empty()).map(parse::line).collect::<Result<Box<[Line]>, _>>()?;
        if lines.is_empty() {
            return Err(ScheduleError::new("oncalendar", text, "a calendar expression, such as `Mon..Fri 02:30`"));
        }
        Ok(Self(Arc::new(Parsed { source: source.into(), lines })))
    }

    /// The text as it was given, blanks at its ends removed.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The first elapse of any line strictly after `after`, until the end of 2199. `zone` is for the lines
    /// that name none.
    pub fn next(&self, zone: &Zone, after: UnixMs) -> Option<UnixMs> {
        let next = |line: &Line| {
            let zone = line.zone.as_ref().unwrap_or(zone);
            next_instant(&line.slots, zone, ClockRule::OnceSkipped, after, SEARCH_END_SECS)
        };
        self.0.lines.iter().filter_map(next).min()
    }
}

/// Bounds the text before anything reads it. Only ASCII is ever compared with names.
fn check_characters(text: &str) -> Result<(), ScheduleError> {
    let refuse = |found: &str, allowed: &str| Err(ScheduleError::new("oncalendar", found, allowed));
    if text.chars().nth(TEXT_MAX).is_some() {
        return refuse(text, "at most 1000 characters");
    }
    match text.chars().find(|c| !c.is_ascii_graphic() && !" \t\r\n".contains(*c)) {
        Some(odd) => refuse(&odd.to_string(), "ASCII letters, digits and `* , - . / : ~`, lines and spaces"),
        None => Ok(()),
    }
}

impl fmt::Debug for OnCalendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OnCalendar({:?})", self.source())
    }
}

impl PartialEq for OnCalendar {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

impl Eq for OnCalendar {}

impl PartialOrd for OnCalendar {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OnCalendar {
    fn cmp(&self, other: &Self) -> Ordering {
        self.source().cmp(other.source())
    }
}

#[cfg(test)]
mod tests;
