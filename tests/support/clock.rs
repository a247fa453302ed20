//! A wall clock that can be stepped while the server runs: libfaketime reads an offset from a file at every call.
//! Only the server's clock moves, the case's own does not.

use super::runner::Skipped;
use super::settings::Settings;
use std::path::{Path, PathBuf};

const PLACES: [&str; 5] = [
    "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1",
    "/usr/lib/faketime/libfaketimeMT.so.1",
    "/usr/lib64/faketime/libfaketimeMT.so.1",
    "/usr/local/lib/faketime/libfaketimeMT.so.1",
];

/// The clock of one server.
pub struct SteppedClock {
    file: tempfile::NamedTempFile,
    offset_secs: i64,
}

impl SteppedClock {
    /// A clock that is right until it is stepped.
    pub fn new() -> Result<(Self, Settings), Skipped> {
        let library = library().ok_or_else(|| Skipped("libfaketime is absent (apt: libfaketime)".into()))?;
        let mut clock = Self { file: tempfile::NamedTempFile::new().expect("a file"), offset_secs: 0 };
        clock.step(0);
        let settings = Settings::default()
            .variable("LD_PRELOAD", &library.display().to_string())
            .variable("FAKETIME_TIMESTAMP_FILE", &clock.file.path().display().to_string())
            .variable("FAKETIME_NO_CACHE", "1")
            .variable("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .variable("DONT_FAKE_MONOTONIC", "1")
            // Semaphores shared between processes by name are of no use here and would outlive a kill.
            .variable("FAKETIME_DISABLE_SHM", "1");
        Ok((clock, settings))
    }

    /// Moves the clock by so many seconds from where it is.
    pub fn step(&mut self, seconds: i64) {
        self.offset_secs += seconds;
        // A reader must never see half an offset.
        let next = self.file.path().with_extension("next");
        std::fs::write(&next, format!("{:+}\n", self.offset_secs)).expect("the offset");
        std::fs::rename(next, self.file.path()).expect("the offset");
    }

    /// What the server's clock shows.
    pub fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now() + jiff::SignedDuration::from_secs(self.offset_secs)
    }
}

fn library() -> Option<PathBuf> {
    PLACES.iter().map(Path::new).find(|path| path.exists()).map(Path::to_owned)
}
