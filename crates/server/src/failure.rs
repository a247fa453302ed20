//! How a command ends badly: an exit status and one line for people.

use crate::config::ConfigError;
use std::fmt;

/// The configuration or an argument is wrong: nothing was tried.
pub const EXIT_USAGE: u8 = 2;
/// Anything else.
pub const EXIT_FAILED: u8 = 1;

/// Why a command stopped. The line names the setting, file, port or field.
#[derive(Debug)]
pub struct Failure {
    pub status: u8,
    line: String,
}

impl Failure {
    /// The command could not do its work.
    pub fn failed(line: impl fmt::Display) -> Self {
        Self { status: EXIT_FAILED, line: one_line(&line.to_string()) }
    }

    /// The configuration or an argument is wrong.
    pub fn usage(line: impl fmt::Display) -> Self {
        Self { status: EXIT_USAGE, line: one_line(&line.to_string()) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(error)
    }
}

/// Control characters, line ends among them, become spaces: whatever a cause says, it is one line.
fn one_line(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}
