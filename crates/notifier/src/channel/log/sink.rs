//! Where the lines go.

use std::io::{self, Write};

/// Takes one line at a time, without its end. May block.
pub trait LogSink: Send + Sync + 'static {
    fn line(&self, line: &str) -> io::Result<()>;
}

/// Standard output, one whole line at a time.
#[derive(Clone, Copy, Debug, Default)]
pub struct StdoutSink;

impl LogSink for StdoutSink {
    fn line(&self, line: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()
    }
}

impl<F: Fn(&str) + Send + Sync + 'static> LogSink for F {
    fn line(&self, line: &str) -> io::Result<()> {
        self(line);
        Ok(())
    }
}
