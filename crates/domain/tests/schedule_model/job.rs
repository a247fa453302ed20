//! A cron job as a structure that can be written out and asked, minute by minute, whether it runs.

use std::fmt;

use domain::schedule::Zone;
use jiff::ToSpan;
use jiff::civil::{Date, DateTime, Weekday};

use crate::clock::{gap_before, seen_before, wall_clock};

/// One term of a plain field.
#[derive(Clone, Copy, Debug)]
pub enum Term {
    All,
    AllStep(u32),
    One(u32),
    From(u32, u32),
    Range(u32, u32),
    RangeStep(u32, u32, u32),
}

impl Term {
    pub fn has(self, value: u32, min: u32) -> bool {
        let steps = |low: u32, step: u32| value >= low && (value - low).is_multiple_of(step);
        match self {
            Self::All => true,
            Self::AllStep(step) => steps(min, step),
            Self::One(one) => value == one,
            Self::From(low, step) => steps(low, step),
            Self::Range(low, high) => (low..=high).contains(&value),
            Self::RangeStep(low, high, step) => value <= high && steps(low, step),
        }
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => write!(f, "*"),
            Self::AllStep(step) => write!(f, "*/{step}"),
            Self::One(one) => write!(f, "{one}"),
            Self::From(low, step) => write!(f, "{low}/{step}"),
            Self::Range(low, high) => write!(f, "{low}-{high}"),
            Self::RangeStep(low, high, step) => write!(f, "{low}-{high}/{step}"),
        }
    }
}

/// A term of the day of month field.
#[derive(Clone, Copy, Debug)]
pub enum DayTerm {
    Plain(Term),
    Last,
    LastWeekday,
    Nearest(u32),
}

impl DayTerm {
    pub fn has(self, date: Date) -> bool {
        match self {
            Self::Plain(term) => term.has(date.day() as u32, 1),
            Self::Last => date == date.last_of_month(),
            Self::LastWeekday => Some(date) == nearest(date, date.days_in_month() as u32),
            Self::Nearest(day) => Some(date) == nearest(date, day),
        }
    }
}

/// The working day nearest to a day of this month: looks one, then two days to either side.
fn nearest(month: Date, day: u32) -> Option<Date> {
    let day = Date::new(month.year(), month.month(), day as i8).ok()?;
    let around = [0, -1, 1, -2, 2].map(|days| day.checked_add(days.days()).unwrap());
    let working = |date: &Date| !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
    around.into_iter().find(|date| working(date) && date.month() == day.month())
}

impl fmt::Display for DayTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(term) => write!(f, "{term}"),
            Self::Last => write!(f, "L"),
            Self::LastWeekday => write!(f, "LW"),
            Self::Nearest(day) => write!(f, "{day}W"),
        }
    }
}

/// A term of the day of week field.
#[derive(Clone, Copy, Debug)]
pub enum WeekdayTerm {
    Plain(Term),
    Last(u32),
    Nth(u32, i8),
}

impl WeekdayTerm {
    pub fn has(self, date: Date) -> bool {
        let zero = date.weekday().to_sunday_zero_offset() as u32;
        let is = |weekday: u32| zero == weekday % 7;
        match self {
            Self::Plain(term) => term.has(zero, 0) || zero == 0 && term.has(7, 0),
            Self::Last(weekday) => is(weekday) && date.day() + 7 > date.days_in_month(),
            Self::Nth(weekday, nth) => is(weekday) && (date.day() - 1) / 7 + 1 == nth,
        }
    }
}

impl fmt::Display for WeekdayTerm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(term) => write!(f, "{term}"),
            Self::Last(weekday) => write!(f, "{weekday}L"),
            Self::Nth(weekday, nth) => write!(f, "{weekday}#{nth}"),
        }
    }
}

#[derive(Clone, Debug)]
pub struct Job {
    /// Six fields when there is one.
    pub second: Option<u32>,
    pub minute: Vec<Term>,
    pub hour: Vec<Term>,
    pub day: Vec<DayTerm>,
    pub month: Vec<Term>,
    pub weekday: Vec<WeekdayTerm>,
}

impl Job {
    pub fn text(&self) -> String {
        let second = self.second.map(|second| format!("{second} ")).unwrap_or_default();
        let (minute, hour, day) = (list(&self.minute), list(&self.hour), list(&self.day));
        format!("{second}{minute} {hour} {day} {} {}", list(&self.month), list(&self.weekday))
    }

    fn is_wildcard(&self) -> bool {
        list(&self.minute).starts_with('*') || list(&self.hour).starts_with('*')
    }

    pub fn has_day(&self, date: Date) -> bool {
        let day = self.day.iter().any(|term| term.has(date));
        let weekday = self.weekday.iter().any(|term| term.has(date));
        let both = list(&self.day).starts_with('*') || list(&self.weekday).starts_with('*');
        let month = self.month.iter().any(|term| term.has(date.month() as u32, 1));
        month && if both { day && weekday } else { day || weekday }
    }

    /// Whether the wall clock shows a minute of this job.
    pub fn has(&self, local: DateTime) -> bool {
        self.minute.iter().any(|term| term.has(local.minute() as u32, 0))
            && self.hour.iter().any(|term| term.has(local.hour() as u32, 0))
            && self.has_day(local.date())
    }

    /// The runs of the minute that begins at `minute`, Unix seconds.
    pub fn runs_in(&self, zone: &Zone, minute: i64) -> Vec<i64> {
        let run = minute + i64::from(self.second.unwrap_or(0));
        let shows = self.has(wall_clock(zone, minute));
        if self.is_wildcard() {
            return if shows { vec![run] } else { vec![] };
        }
        let mut runs = Vec::new();
        if gap_before(zone, minute).is_some_and(|skipped| skipped.iter().any(|local| self.has(*local))) {
            runs.push(minute);
        }
        if shows && !seen_before(zone, minute) {
            runs.push(run);
        }
        runs
    }
}

fn list<T: fmt::Display>(terms: &[T]) -> String {
    terms.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}
