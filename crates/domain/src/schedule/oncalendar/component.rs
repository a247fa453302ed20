//! One component of a calendar expression, such as `1,5..20/5`, and the values it stands for.

use super::cursor::Cursor;

/// A list of values, or None for `*`.
pub(super) type Chain = Option<Vec<Component>>;

/// `start`, `start..stop`, `start/repeat` or `start..stop/repeat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Component {
    start: u32,
    stop: Option<u32>,
    /// None for a single value; a range without `/` repeats by one.
    repeat: Option<u32>,
}

/// Values from `low` to `high` in steps; never empty.
pub(super) type Values = std::iter::StepBy<std::ops::RangeInclusive<u32>>;

/// Reads `*` or a list. None where the text is neither, or where a list is followed by a stray character.
pub(super) fn chain(cursor: &mut Cursor<'_>) -> Option<Chain> {
    if cursor.eat("*") {
        return Some(None);
    }
    let mut list = vec![component(cursor)?];
    while cursor.eat(",") {
        list.push(component(cursor)?);
    }
    cursor.at_end_or(" -~:").then_some(Some(list))
}

fn component(cursor: &mut Cursor<'_>) -> Option<Component> {
    let start = cursor.number()?;
    let stop = if cursor.eat("..") { Some(cursor.number()?) } else { None };
    let repeat = if cursor.eat("/") { Some(cursor.number().filter(|repeat| *repeat > 0)?) } else { None };
    Some(Component { start, stop, repeat: repeat.or(stop.map(|_| 1)) })
}

impl Component {
    /// Two-digit years are 1970 to 2069, as in systemd.
    pub fn with_full_years(self) -> Self {
        let full = |year: u32| match year {
            0..70 => year + 2_000,
            70..100 => year + 1_900,
            _ => year,
        };
        Self { start: full(self.start), stop: self.stop.map(full), repeat: self.repeat }
    }

    /// The values in `min..=max`. None when it leaves the range, runs backwards, or a step without an end
    /// never comes up a second time: systemd takes that for a mistake.
    pub fn values(self, min: u32, max: u32) -> Option<Values> {
        let step = self.repeat.unwrap_or(1);
        let stop = match (self.stop, self.repeat) {
            (Some(stop), _) => last_of(self.start, stop, step)?,
            (None, Some(repeat)) => self.start.checked_add(repeat).filter(|second| *second <= max).map(|_| max)?,
            (None, None) => self.start,
        };
        (self.start >= min && stop <= max).then(|| (self.start..=stop).step_by(step as usize))
    }

    /// The same for days counted from the end of the month, the last being 1: a step without an end runs
    /// towards the end, so `7/3` is 7, 4 and 1.
    pub fn values_from_end(self, min: u32, max: u32) -> Option<Values> {
        match (self.stop, self.repeat) {
            (None, Some(repeat)) => {
                let second = self.start.checked_sub(repeat)?;
                let lowest = min + second.checked_sub(min)? % repeat;
                (self.start <= max).then(|| (lowest..=self.start).step_by(repeat as usize))
            }
            _ => self.values(min, max),
        }
    }
}

/// The last value of a range with steps; None for one that runs backwards.
fn last_of(start: u32, stop: u32, step: u32) -> Option<u32> {
    let width = stop.checked_sub(start)?;
    Some(stop - width % step)
}
