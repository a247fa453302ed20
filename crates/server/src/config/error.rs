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
            Self::File { path, line: Some(line) } => write!(f, "{path} line {line}"),
            Self::File { path, line: None } => f.write_str(path),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
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
