//! The one shape of a refusal: which field, what was found, what is allowed. The API turns it into
//! google.rpc.BadRequest, the ping routes into one line of text.

use std::fmt;

/// A refused value. Prints as one line without control characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldError {
    /// The field as the caller knows it, e.g. `grace` or `assertions[2]`.
    pub field: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl FieldError {
    /// A refusal of `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl std::error::Error for FieldError {}

impl From<crate::schedule::ScheduleError> for FieldError {
    fn from(error: crate::schedule::ScheduleError) -> Self {
        Self::new(error.field, format!("found {}, allowed: {}", quoted(&error.found), error.allowed))
    }
}

/// `text` made safe for one line of a message: escaped and cut to 60 characters.
pub fn quoted(text: &str) -> String {
    let mut shown: String = text.chars().take(60).flat_map(char::escape_debug).collect();
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}
