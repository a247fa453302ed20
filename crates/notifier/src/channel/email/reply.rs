//! What the relay answered.

use crate::channel::Sent;
use crate::egress::io_words;
use crate::render::escape::short_line;
use lettre::transport::smtp::{Error, response::Response};
use std::error::Error as _;
use std::io;

/// Replies that speak of us and not of this mail (RFC 4954, RFC 3207): the operator can repair them.
const ABOUT_US: [u16; 4] = [530, 534, 535, 538];

/// Reads the answer to an attempt.
pub(super) fn read(answer: Result<Response, Error>) -> Sent {
    let Err(error) = answer else { return Sent::delivered() };
    let Some(code) = error.status().map(u16::from) else { return Sent::retry(words(&error)) };
    let words = format!("SMTP {code}: {}", reply_text(&error));
    if ABOUT_US.contains(&code) {
        return Sent::retry(words);
    }
    // A refusal, for now or for good, proves a relay that works.
    if error.is_permanent() { Sent::failed(words) } else { Sent::later(None, words) }
}

fn reply_text(error: &Error) -> String {
    short_line(&error.source().map(ToString::to_string).unwrap_or_default(), 200)
}

/// What rustls said, wherever it stands in the chain: a handshake that fails comes as an error of the connection.
fn tls_refusal(error: &Error) -> Option<String> {
    let mut causes =
        std::iter::successors(error.source(), |cause: &&(dyn std::error::Error + 'static)| (*cause).source());
    causes.find_map(|cause| {
        let wrapped = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let refusal = cause.downcast_ref::<rustls::Error>();
        refusal.or_else(|| wrapped.and_then(|inner| inner.downcast_ref())).map(ToString::to_string)
    })
}

/// Told by kind. A client error is one of our own making, such as STARTTLS that the relay does not offer.
fn words(error: &Error) -> String {
    if error.is_timeout() {
        return "the mail relay did not answer in time".to_owned();
    }
    if error.is_tls() {
        return format!("TLS with the mail relay failed: {}", reply_text(error));
    }
    if error.is_client() {
        return format!("the mail relay cannot be used: {}", reply_text(error));
    }
    if let Some(refusal) = tls_refusal(error) {
        return format!("TLS with the mail relay failed: {}", short_line(&refusal, 200));
    }
    let io = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    format!("the mail relay cannot be reached: {}", io.map_or("no SMTP reply", |e| io_words(e.kind())))
}
