//! Cron expressions: Debian's fields and clock changes, with `L`, `LW`, `15W`, `5L`, `MON#1` and seconds.
//!
//! A job whose minute or hour field begins with `*` follows the wall clock in real time; every other job
//! runs once for each time it names, whatever the clock does. The seconds field makes no difference to that.

mod days;
mod field;
mod parse;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use self::days::CronDays;
use super::slots::Slots;
use super::walk::{ClockRule, next_instant};
use super::{HORIZON_SECS, ScheduleError, Zone};
use crate::time::UnixMs;

/// A parsed cron expression. Clone is cheap; equality and order are by its text.
#[derive(Clone)]
pub struct Cron(Arc<Parsed>);

struct Parsed {
    source: Box<str>,
    slots: Slots<CronDays>,
    rule: ClockRule,
}

impl Cron {
    /// Parses five fields, six with seconds first, or a nickname such as `@daily`; spaces and tabs at both
    /// ends are ignored. Fails with the offending part and what is allowed there.
    pub fn parse(text: &str) -> Result<Self, ScheduleError> {
        let source = text.trim_matches([' ', '\t']);
        let (slots, rule) = parse::parse(source)?;
        Ok(Self(Arc::new(Parsed { source: source.into(), slots, rule })))
    }

    /// The expression as it was given, blanks at the ends removed.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The first run strictly after `after` and within 50 years of it.
    pub fn next(&self, zone: &Zone, after: UnixMs) -> Option<UnixMs> {
        let until = after.secs_floor().saturating_add(HORIZON_SECS);
        next_instant(&self.0.slots, zone, self.0.rule, after, until)
    }
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cron({:?})", self.source())
    }
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.source() == other.source()
    }
}

impl Eq for Cron {}

impl PartialOrd for Cron {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Cron {
    fn cmp(&self, other: &Self) -> Ordering {
        self.source().cmp(other.source())
    }
}

#[cfg(test)]
mod tests;
