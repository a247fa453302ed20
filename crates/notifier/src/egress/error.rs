//! What can go wrong on the way out, told without URLs: they hold tokens.

use domain::egress::EgressRefusal;
use std::error::Error;
use std::io;

/// Why there is no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EgressError {
    #[error("the URL cannot be read")]
    BadUrl,
    #[error("refused: {0}")]
    Refused(#[from] EgressRefusal),
    #[error("the host name was not found")]
    NotFound,
    #[error("no reply in time")]
    Timeout,
    #[error("TLS failed: {0}")]
    Tls(String),
    #[error("{0}")]
    Network(&'static str),
    #[error("the reply is not HTTP that we read")]
    BadReply,
}

/// A name that resolves to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the host name was not found")]
pub(super) struct LookupFailed;

impl From<reqwest::Error> for EgressError {
    fn from(error: reqwest::Error) -> Self {
        // Nothing of the request's URL survives this function: only types and kinds are looked at.
        let error = error.without_url();
        if let Some(refusal) = find::<EgressRefusal>(&error) {
            return Self::Refused(refusal.clone());
        }
        if find::<LookupFailed>(&error).is_some() {
            return Self::NotFound;
        }
        if error.is_timeout() {
            return Self::Timeout;
        }
        if let Some(tls) = find::<rustls::Error>(&error) {
            return Self::Tls(tls.to_string());
        }
        match find::<io::Error>(&error) {
            Some(io) => Self::Network(io_words(io.kind())),
            None if error.is_connect() => Self::Network("the connection failed"),
            None => Self::BadReply,
        }
    }
}

pub(crate) fn io_words(kind: io::ErrorKind) -> &'static str {
    use io::ErrorKind as K;
    match kind {
        K::ConnectionRefused => "the connection was refused",
        K::ConnectionReset | K::ConnectionAborted | K::BrokenPipe => "the connection was reset",
        K::TimedOut => "the connection timed out",
        K::HostUnreachable | K::NetworkUnreachable => "the host cannot be reached",
        K::UnexpectedEof => "the connection was closed before a reply",
        _ => "the connection failed",
    }
}

/// The first error of type `T` in the chain. An `io::Error` hides what it wraps from `source`, so its inside is
/// looked at as well.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        current = match inside {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_io_error_wraps_is_found() {
        let wrapped = io::Error::other(EgressRefusal::LocalName);
        assert_eq!(find::<EgressRefusal>(&wrapped), Some(&EgressRefusal::LocalName));
        assert!(find::<LookupFailed>(&wrapped).is_none());
    }
}
