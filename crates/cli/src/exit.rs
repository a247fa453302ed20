//! How a command ends: 0 done, 1 refused by the server, 2 usage, 69 server not reached. `qp run` has its own
//! rules and ends with the job's code.

use std::error::Error;
use std::io;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// The server was reached and said no.
pub const REFUSED: u8 = 1;
/// The command line, or a file it points to, makes no sense. clap uses the same number.
pub const USAGE: u8 = 2;
/// `EX_UNAVAILABLE` of sysexits.h: nobody answered, so nothing is known about the request.
pub const NOT_REACHED: u8 = 69;

/// Why a command did not end with 0. The text is one line without the program's name.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("{0}")]
    Refused(String),
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    NotReached(String),
    /// Whoever read our output has seen enough (`qp … | head`); not an error.
    #[error("the output was closed")]
    ReaderGone,
    /// The answer was printed, and it was "no".
    #[error("")]
    Said,
}

impl Failure {
    /// The process's exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Said => REFUSED,
            Self::Usage(_) => USAGE,
            Self::NotReached(_) => NOT_REACHED,
            Self::ReaderGone => 0,
        }
    }

    /// The one line on stderr, if there is anything to say.
    pub fn message(&self) -> Option<String> {
        match self {
            Self::ReaderGone | Self::Said => None,
            _ => Some(self.to_string()),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Usage(format!("cannot write the output: {error}")),
        }
    }
}

impl From<Status> for Failure {
    /// A status that was made on this side (it has a source) says that the conversation broke; one that came
    /// over the wire is the server's word.
    fn from(status: Status) -> Self {
        if status.source().is_some() {
            return Self::NotReached(format!("the server was not reached: {}", root_cause(&status)));
        }
        match status.code() {
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => {
                Self::NotReached(format!("the server cannot answer now: {}", told(&status)))
            }
            _ => Self::Refused(refusal(&status)),
        }
    }
}

/// Field by field when the server names fields (google.rpc.BadRequest), otherwise its sentence.
fn refusal(status: &Status) -> String {
    let fields = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    if fields.is_empty() {
        return match status.code() {
            Code::Unauthenticated => format!("{}; give a key with --api-key or QUIETPULSE_API_KEY", told(status)),
            _ => told(status),
        };
    }
    let named: Vec<String> = fields.iter().map(|field| named(&field.field, &field.description)).collect();
    named.join("; ")
}

/// `field: description`, without saying the field twice when the description begins with it.
fn named(field: &str, description: &str) -> String {
    if description.starts_with(&format!("{field}:")) {
        description.to_owned()
    } else {
        format!("{field}: {description}")
    }
}

fn told(status: &Status) -> String {
    match status.message() {
        "" => status.code().description().to_owned(),
        message => message.to_owned(),
    }
}

/// The innermost error: "connection refused" helps, "transport error" does not.
pub fn root_cause(error: &dyn Error) -> String {
    let mut deepest = error;
    while let Some(inner) = deepest.source() {
        deepest = inner;
    }
    deepest.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tonic_types::ErrorDetails;

    #[test]
    fn a_refusal_names_its_field() {
        let details = ErrorDetails::with_bad_request_violation("grace", "found 400 d, allowed: 0 s to 366 d");
        let failure = Failure::from(Status::with_error_details(Code::InvalidArgument, "invalid monitor", details));
        assert_eq!(failure.to_string(), "grace: found 400 d, allowed: 0 s to 366 d");
        assert_eq!(failure.code(), REFUSED);
    }

    #[test]
    fn what_nobody_answered_is_not_a_refusal() {
        assert_eq!(Failure::from(Status::unavailable("starting")).code(), NOT_REACHED);
        assert_eq!(Failure::from(Status::from_error(Box::new(io::Error::other("reset")))).code(), NOT_REACHED);
        assert_eq!(Failure::from(Status::not_found("monitor backup not found")).code(), REFUSED);
    }

    #[test]
    fn a_field_is_said_once() {
        assert_eq!(named("tz", "tz: found x"), "tz: found x");
        assert_eq!(named("tz", "found x"), "tz: found x");
    }
}
