//! Why a configuration was refused, and where to mend it.

use std::fmt;

/// Who set a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Default,
    /// A file, and the line when one is to blame.
    File {
        path: String,
        line: Option<usize>,
    },
    Variable(String),
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("the default"),
            Self::File { path, line: Some(line) } => write!(f, "{} line {line}", plain(path)),
            Self::File { path, line: None } => f.write_str(&plain(path)),
            Self::Variable(name) => f.write_str(&plain(name)),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// A name as part of one line: what a terminal would act on is escaped.
fn plain(name: &str) -> String {
    let escaped = |c: char| match c.escape_debug() {
        shown if shown.len() > 1 && !c.is_ascii_punctuation() => shown.to_string(),
        _ => c.to_string(),
    };
    name.chars().map(escaped).collect()
}

/// A refused configuration: one line that names who set what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{origin}: {problem}")]
pub struct ConfigError {
    pub origin: Origin,
    pub problem: String,
}

impl ConfigError {
    /// A refusal of what `origin` set.
    pub fn new(origin: Origin, problem: impl Into<String>) -> Self {
        Self { origin, problem: problem.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_breaks_out_of_its_line() {
        let variable = Origin::Variable("QUIETPULSE_A\nB\u{1b}[2J\u{202e}".into());
        assert_eq!(variable.to_string(), "QUIETPULSE_A\\nB\\u{1b}[2J\\u{202e}");
        let path = "/it's \"here\"\\ü.toml";
        assert_eq!(Origin::File { path: path.into(), line: Some(3) }.to_string(), format!("{path} line 3"));
    }
}
