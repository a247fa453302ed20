//! One expected piece of work: who it is, and the policy it is judged by.

use crate::assertion::{Assertion, MAX_ASSERTIONS};
use crate::field_error::{FieldError, quoted};
use crate::ids::{ChannelId, TenantId};
use crate::schedule::Schedule;
use crate::time::UnixMs;

/// 366 days, the longest period and the longest grace, in seconds.
pub const MAX_SECONDS: u32 = 366 * 86_400;
/// The most tags of a monitor, and the longest tag.
pub const MAX_TAGS: usize = 32;
pub const MAX_TAG_CHARS: usize = 50;
/// The most channels of a monitor.
pub const MAX_CHANNELS: usize = 32;
/// Longest slug and name, in characters.
pub const MAX_SLUG_CHARS: usize = 100;
pub const MAX_NAME_CHARS: usize = 100;
/// Longest description, in characters.
pub const MAX_DESCRIPTION_CHARS: usize = 2_000;

/// What a start does while another run is open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Overlap {
    /// Runs may overlap.
    #[default]
    Allow,
    /// A notice of its own, no change of status.
    Warn,
    /// A failure with reason `overlap`.
    Fail,
}

/// What becomes of a deadline that fell into a blind window and cannot be proved (rule 5 of time).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum OnBlind {
    /// Status `unknown` and one notice of its own kind.
    #[default]
    Notify,
    /// Status `unknown`, no notice.
    Hold,
    /// As if it had been missed.
    Down,
}

macro_rules! words {
    ($kind:ident: $($variant:ident = $word:literal),+) => {
        impl $kind {
            /// The word used in every API and file.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The variant a word names.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }

            /// All words, for messages.
            pub const WORDS: &'static [&'static str] = &[$($word),+];
        }

        impl std::fmt::Display for $kind {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}
pub(crate) use words;

words!(Overlap: Allow = "allow", Warn = "warn", Fail = "fail");
words!(OnBlind: Notify = "notify", Hold = "hold", Down = "down");

/// What is shown to people. The slug never changes; the rest may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    pub tenant: TenantId,
    /// `[a-z0-9_-]{1,100}`.
    pub slug: String,
    pub name: String,
    pub description: String,
    pub tags: Vec<String>,
}

/// How a monitor is judged. Equal policies are stored once in the engine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Policy {
    pub schedule: Schedule,
    /// Silence after the expected time that is still forgiven; 0 ..= 366 d.
    pub grace_secs: u32,
    /// How long a run may take. Unset: the grace.
    pub max_runtime_secs: Option<u32>,
    /// A run that ends sooner gets a warning.
    pub min_runtime_secs: Option<u32>,
    pub overlap: Overlap,
    /// How long before its slot a success still counts for it. Unset: min(60 s, period / 10).
    pub early_secs: Option<u32>,
    /// Consecutive failures that make an incident; at least 1.
    pub failures_before_alert: u8,
    /// Consecutive successes that end one; at least 1.
    pub successes_before_recovery: u8,
    pub assertions: Vec<Assertion>,
    /// A monitor that never pinged is missed this long after it was made. Unset: never.
    pub first_ping_within_secs: Option<u32>,
    /// How often an open, unacknowledged incident is repeated. Unset: never.
    pub remind_every_secs: Option<u32>,
    pub on_blind: OnBlind,
    /// Empty: the built-in channel `log`.
    pub channels: Vec<ChannelId>,
    /// While paused, pings are ignored until somebody resumes the monitor.
    pub manual_resume: bool,
    /// Only POST counts; GET and HEAD (link previews) are answered, stored and ignored.
    pub post_only: bool,
}

/// A monitor's whole configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct MonitorConfig {
    pub identity: Identity,
    pub policy: Policy,
}

impl Policy {
    /// The defaults that clients of other services expect: once a day, one hour of grace.
    pub fn daily() -> Self {
        Self::every(Schedule::Period { seconds: 86_400 }, 3_600)
    }

    /// A policy of only a schedule and a grace.
    pub fn every(schedule: Schedule, grace_secs: u32) -> Self {
        Self {
            schedule,
            grace_secs,
            max_runtime_secs: None,
            min_runtime_secs: None,
            overlap: Overlap::Allow,
            early_secs: None,
            failures_before_alert: 1,
            successes_before_recovery: 1,
            assertions: Vec::new(),
            first_ping_within_secs: None,
            remind_every_secs: None,
            on_blind: OnBlind::Notify,
            channels: Vec::new(),
            manual_resume: false,
            post_only: false,
        }
    }
}

impl MonitorConfig {
    /// The door: every refusal names its field. `now` only decides whether a schedule still runs.
    pub fn check(&self, now: UnixMs) -> Result<(), FieldError> {
        self.identity.check()?;
        self.policy.check(now)
    }
}

impl Identity {
    fn check(&self) -> Result<(), FieldError> {
        check_slug(&self.slug)?;
        check_text("name", &self.name, 1, MAX_NAME_CHARS, false)?;
        check_text("description", &self.description, 0, MAX_DESCRIPTION_CHARS, true)?;
        at_most("tags", self.tags.len(), MAX_TAGS)?;
        self.tags.iter().enumerate().try_for_each(|(place, tag)| check_tag(place, tag))
    }
}

impl Policy {
    fn check(&self, now: UnixMs) -> Result<(), FieldError> {
        if let Schedule::Period { seconds } = self.schedule {
            seconds_within("period", seconds, 1)?;
        }
        self.schedule.must_run_after(now)?;
        seconds_within("grace", self.grace_secs, 0)?;
        for (field, value, least) in self.optional_lengths() {
            value.map_or(Ok(()), |secs| seconds_within(field, secs, least))?;
        }
        if let (Some(least), Some(most)) = (self.min_runtime_secs, self.max_runtime_secs)
            && least >= most
        {
            return Err(FieldError::new("min_runtime", "must be shorter than max_runtime"));
        }
        count_within("failures_before_alert", self.failures_before_alert)?;
        count_within("successes_before_recovery", self.successes_before_recovery)?;
        at_most("assertions", self.assertions.len(), MAX_ASSERTIONS)?;
        at_most("channels", self.channels.len(), MAX_CHANNELS)
    }

    fn optional_lengths(&self) -> [(&'static str, Option<u32>, u32); 5] {
        [
            ("max_runtime", self.max_runtime_secs, 1),
            ("min_runtime", self.min_runtime_secs, 1),
            ("early", self.early_secs, 0),
            ("first_ping_within", self.first_ping_within_secs, 1),
            ("remind_every", self.remind_every_secs, 60),
        ]
    }
}

/// `[a-z0-9_-]{1,100}`, lower case.
pub fn check_slug(slug: &str) -> Result<(), FieldError> {
    let plain = slug.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'));
    if plain && !slug.is_empty() && slug.len() <= MAX_SLUG_CHARS {
        return Ok(());
    }
    let allowed = "1 to 100 of a-z, 0-9, `-` and `_`";
    Err(FieldError::new("slug", format!("found {}, allowed: {allowed}", quoted(slug))))
}

/// Text for people: bounded, not blank when `least` > 0, no control characters, no bidi overrides.
pub fn check_text(field: &str, text: &str, least: usize, most: usize, lines: bool) -> Result<(), FieldError> {
    let forbidden = |c: char| (c.is_control() && !(lines && c == '\n')) || is_bidi_control(c);
    if text.chars().count() > most {
        return Err(FieldError::new(field, format!("longer than {most} characters")));
    }
    if least > 0 && text.trim().is_empty() {
        return Err(FieldError::new(field, "must not be blank"));
    }
    if let Some(bad) = text.chars().find(|c| forbidden(*c)) {
        return Err(FieldError::new(field, format!("must not contain the control character U+{:04X}", bad as u32)));
    }
    Ok(())
}

/// Characters that make text read in another order than it is written (Unicode UAX #9).
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}' | '\u{2028}' | '\u{2029}')
}

fn check_tag(place: usize, tag: &str) -> Result<(), FieldError> {
    let field = format!("tags[{place}]");
    check_text(&field, tag, 1, MAX_TAG_CHARS, false)?;
    if tag.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',')) {
        return Err(FieldError::new(field, format!("found {}, allowed: no blank, quote or comma", quoted(tag))));
    }
    Ok(())
}

fn seconds_within(field: &str, seconds: u32, least: u32) -> Result<(), FieldError> {
    if (least..=MAX_SECONDS).contains(&seconds) {
        return Ok(());
    }
    Err(FieldError::new(field, format!("found {seconds} s, allowed: {least} s to 366 d")))
}

fn count_within(field: &str, count: u8) -> Result<(), FieldError> {
    if (1..=100).contains(&count) {
        return Ok(());
    }
    Err(FieldError::new(field, format!("found {count}, allowed: 1 to 100")))
}

fn at_most(field: &str, found: usize, most: usize) -> Result<(), FieldError> {
    if found <= most {
        return Ok(());
    }
    Err(FieldError::new(field, format!("found {found}, allowed: at most {most}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> MonitorConfig {
        let identity =
            Identity { tenant: TenantId(1), slug: "backup".into(), name: "Backup".into(), ..Identity::default() };
        MonitorConfig { identity, policy: Policy::daily() }
    }

    fn refused(change: impl FnOnce(&mut MonitorConfig)) -> String {
        let mut config = config();
        change(&mut config);
        config.check(UnixMs(0)).unwrap_err().field
    }

    #[test]
    fn the_default_is_allowed() {
        config().check(UnixMs(0)).unwrap();
    }

    #[test]
    fn a_refusal_names_its_field() {
        assert_eq!(refused(|c| c.identity.slug = "Über".into()), "slug");
        assert_eq!(refused(|c| c.identity.name = "  ".into()), "name");
        assert_eq!(refused(|c| c.identity.name = "a\u{202e}b".into()), "name");
        assert_eq!(refused(|c| c.identity.tags = vec!["a b".into()]), "tags[0]");
        assert_eq!(refused(|c| c.identity.tags = vec!["a".into(); 33]), "tags");
        assert_eq!(refused(|c| c.policy.grace_secs = MAX_SECONDS + 1), "grace");
        assert_eq!(refused(|c| c.policy.schedule = Schedule::Period { seconds: 0 }), "period");
        assert_eq!(refused(|c| c.policy.failures_before_alert = 0), "failures_before_alert");
        assert_eq!(refused(|c| c.policy.remind_every_secs = Some(5)), "remind_every");
        let both = |c: &mut MonitorConfig| {
            c.policy.min_runtime_secs = Some(10);
            c.policy.max_runtime_secs = Some(10);
        };
        assert_eq!(refused(both), "min_runtime");
    }
}
