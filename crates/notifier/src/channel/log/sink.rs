//! Where the lines go, and their form.

use std::io::{self, Write};

/// What a line looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogForm {
    /// For people: when, what, where to read more.
    #[default]
    Human,
    /// An object with `alert`, `monitor` or `channel`, `text`, `at` and `url`, all of them texts.
    Json,
}

/// Takes one line at a time, without its end. May block.
pub trait LogSink: Send + Sync + 'static {
    fn line(&self, line: &str) -> io::Result<()>;

    /// The form it wants its lines in.
    fn form(&self) -> LogForm {
        LogForm::Human
    }

    /// Whether a line never blocks, so that it needs no thread of its own.
    fn is_quick(&self) -> bool {
        false
    }
}

/// Standard output, one whole line at a time.
#[derive(Clone, Copy, Debug, Default)]
pub struct StdoutSink(pub LogForm);

impl LogSink for StdoutSink {
    fn line(&self, line: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{line}")?;
        out.flush()
    }

    fn form(&self) -> LogForm {
        self.0
    }
}

impl<F: Fn(&str) + Send + Sync + 'static> LogSink for F {
    fn line(&self, line: &str) -> io::Result<()> {
        self(line);
        Ok(())
    }
}
