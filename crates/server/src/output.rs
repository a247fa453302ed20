//! What goes to stdout. A reader that went away (`quietpulse config default | head`) is no failure.

use crate::failure::Failure;
use std::io::{ErrorKind, Write};

/// Writes `text` to stdout at once.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::failed(format_args!("stdout: {error}"))),
        _ => Ok(()),
    }
}
