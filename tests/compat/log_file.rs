//! `log.sqlite`: a file of any version opens and gives its records; a new file is what the frozen one is.

use crate::frozen::{self, UNKNOWN};
use crate::story::SHARD;
use crate::values::START;
use crate::{database, text};
use domain::ids::ShardCount;
use domain::time::{Clock, UnixMs};
use eventlog::EventLog;
use eventlog::embedded::{EmbeddedLog, EmbeddedLogOptions};
use std::path::Path;
use std::sync::Arc;

pub const WHAT: &str = "log-file";
const NEWEST: u16 = 1;
const RAISE: &str = "`FORMAT` in crates/eventlog/src/embedded/database.rs and `NEWEST` in tests/compat/log_file.rs";
const FILE: &str = "log.sqlite";

/// A clock that stands still.
pub struct Standing;

impl Clock for Standing {
    fn now(&self) -> UnixMs {
        UnixMs(START)
    }
}

fn open(directory: &Path) -> Result<Arc<EmbeddedLog>, String> {
    let options = EmbeddedLogOptions {
        directory: directory.to_owned(),
        shards: ShardCount::new(4).unwrap(),
        retain_bytes: u64::MAX,
        retain_ms: u64::MAX,
        queue_records: 1_000,
    };
    EmbeddedLog::open(options, Arc::new(Standing)).map_err(|error| error.to_string())
}

async fn records(log: &EmbeddedLog) -> String {
    let bounds = log.bounds(SHARD).await.unwrap();
    let mut reader = log.reader(SHARD, bounds.first).await.unwrap();
    let (mut text, mut next) = (format!("{bounds:?}\n"), bounds.first);
    while next < bounds.next {
        for record in reader.next(10).await.unwrap() {
            text += &format!("{} at {}: {}\n", record.offset, record.append, frozen::hex(&record.payload));
            next = record.offset + 1;
        }
    }
    text
}

/// One commit a record: how records share a commit is a matter of time.
async fn written_today(directory: &Path) -> String {
    let log = open(directory).unwrap();
    for record in [&b"first"[..], b"", b"third"] {
        log.append(SHARD, record.to_vec()).await.unwrap();
    }
    log.close().await;
    drop(log);
    database::dump(&directory.join(FILE))
}

#[tokio::test]
async fn a_new_file_is_what_the_frozen_one_is() {
    let directory = tempfile::tempdir().unwrap();
    let (today, sql) = (written_today(directory.path()).await, frozen::file_of(WHAT, NEWEST, "sql"));
    if frozen::is_freezing() {
        frozen::freeze(&frozen::file_of(WHAT, NEWEST, "txt"), &records(&open(directory.path()).unwrap()).await);
        frozen::freeze(&sql, &today);
    }
    let advice = frozen::advice(WHAT, NEWEST, RAISE);
    let frozen = frozen::read(&sql).unwrap_or_else(|| panic!("{}", frozen::missing(&sql)));
    assert!(today == frozen, "{FILE} is not what frozen/{sql} is: {:?}\n{advice}", text::compare(&frozen, &today));
}

#[tokio::test]
async fn every_version_opens_and_gives_its_records() {
    for (version, sql) in
        (1..).map_while(|version| Some((version, frozen::read(&frozen::file_of(WHAT, version, "sql"))?)))
    {
        let directory = tempfile::tempdir().unwrap();
        database::make(&directory.path().join(FILE), &sql);
        let log = open(directory.path()).unwrap();
        let text = frozen::read(&frozen::file_of(WHAT, version, "txt")).expect("its text is in git");
        assert_eq!(records(&log).await, text, "version {version}");
        log.append(SHARD, b"more".to_vec()).await.unwrap();
    }
}

#[test]
fn an_unknown_version_is_refused_by_its_number() {
    let Some(sql) = frozen::read(&frozen::file_of(WHAT, NEWEST, "sql")) else { return };
    let directory = tempfile::tempdir().unwrap();
    let newer = format!("{sql}update meta set value = {UNKNOWN} where name = 'format';");
    database::make(&directory.path().join(FILE), &newer);
    let refusal = open(directory.path()).err().expect("a file of the future is refused");
    assert!(refusal.contains("99"), "{refusal}");
}
