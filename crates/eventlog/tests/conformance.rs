//! The embedded log under the rules that every backend obeys.

mod support;

use async_trait::async_trait;
use eventlog::EventLog;
use eventlog::conformance::Harness;
use eventlog::embedded::EmbeddedLog;
use rusqlite::Connection;
use std::sync::Arc;
use support::{ManualClock, Options, open};
use tempfile::TempDir;

struct Embedded {
    directory: TempDir,
    clock: Arc<ManualClock>,
    log: Option<Arc<EmbeddedLog>>,
    /// Holds the file's write lock, so that the committer waits.
    stalling: Option<Connection>,
}

impl Embedded {
    fn open(&self) -> Option<Arc<EmbeddedLog>> {
        let options = Options { retain_ms: 3_600_000, queue_records: 5_000, ..Options::default() };
        Some(open(self.directory.path(), &self.clock, options))
    }
}

async fn embedded() -> Embedded {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::default());
    let mut harness = Embedded { directory, clock, log: None, stalling: None };
    harness.log = harness.open();
    harness
}

#[async_trait]
impl Harness for Embedded {
    fn log(&self) -> Arc<dyn EventLog> {
        self.log.clone().unwrap()
    }

    async fn reopen(&mut self) {
        if let Some(log) = self.log.take() {
            log.close().await;
        }
        self.log = self.open();
    }

    async fn stall(&mut self) -> bool {
        let connection = Connection::open(self.directory.path().join("log.sqlite")).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        self.stalling = Some(connection);
        true
    }

    async fn resume(&mut self) {
        self.stalling = None;
    }

    async fn expire(&mut self) -> bool {
        self.clock.advance_ms(3_600_001);
        true
    }
}

eventlog::eventlog_conformance!(embedded);
