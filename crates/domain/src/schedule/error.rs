//! The one way a schedule is refused: a line that names the field, what was found and what is allowed.

use std::fmt;

/// Longest part of the refused text that a message repeats, in characters.
const FOUND_MAX: usize = 60;

/// Why a schedule was refused. The text is for people; nothing may match on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleError {
    /// Which field of the monitor: `period`, `cron`, `oncalendar`, `tz` or `grace`.
    pub field: &'static str,
    /// The offending part as it was given, unescaped, at most `FOUND_MAX` characters and a mark of the cut.
    pub found: String,
    /// What would have been accepted in its place.
    pub allowed: String,
}

impl ScheduleError {
    /// A refusal of `found`. The text is cut here, so that a megabyte of junk is not carried around.
    pub fn new(field: &'static str, found: &str, allowed: impl Into<String>) -> Self {
        Self { field, found: cut(found), allowed: allowed.into() }
    }
}

impl fmt::Display for ScheduleError {
    /// One line whatever was sent: control characters, newlines and direction marks come out escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, found, allowed } = self;
        write!(f, "{field}: found \"{}\", allowed: {allowed}", found.escape_debug())
    }
}

impl std::error::Error for ScheduleError {}

/// The first `FOUND_MAX` characters of `text`, with dots where more followed.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(FOUND_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_escaped_line() {
        let error = ScheduleError::new("cron", "a\nb\u{202e}\0\"", "five fields");
        assert_eq!(error.to_string(), r#"cron: found "a\nb\u{202e}\0\"", allowed: five fields"#);
    }

    #[test]
    fn long_input_is_cut_between_characters() {
        let error = ScheduleError::new("tz", &"\u{e9}".repeat(10_000), "a zone");
        assert_eq!(error.found.chars().count(), FOUND_MAX + 3);
    }
}
