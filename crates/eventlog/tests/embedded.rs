//! What is particular to the embedded log: its file, its copies, its failures.

mod support;

use domain::ids::{ShardCount, ShardId};
use eventlog::embedded::{EmbeddedLog, EmbeddedLogOptions, OpenError};
use eventlog::{AppendError, EventLog, ReadError};
use rusqlite::Connection;
use std::path::Path;
use std::sync::Arc;
use support::{ManualClock, Options, START, eventually, open, read_all, within};

const A: ShardId = ShardId(0);
const B: ShardId = ShardId(1);

fn sqlite(directory: &Path) -> Connection {
    let connection = Connection::open(directory.join("log.sqlite")).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    connection
}

async fn fill(log: &EmbeddedLog, shard: ShardId, count: usize, bytes: usize) {
    for n in 0..count {
        within(log.append(shard, vec![n as u8; bytes])).await.unwrap();
    }
}

#[tokio::test]
async fn the_append_time_is_the_clocks_and_may_step_back() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::default());
    let log = open(directory.path(), &clock, Options::default());
    assert_eq!(within(log.append(A, vec![])).await.unwrap().append, START);
    clock.advance_ms(-5_000);
    assert_eq!(within(log.append(A, vec![])).await.unwrap().append, START.plus_ms(-5_000));
    let times: Vec<_> = read_all(&log, A).await.iter().map(|record| record.append).collect();
    assert_eq!(times, [START, START.plus_ms(-5_000)]);
}

#[tokio::test]
async fn the_number_of_shards_is_fixed() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::<ManualClock>::default());
    drop(open(directory.path(), &clock, Options::default()));
    let options = EmbeddedLogOptions {
        directory: directory.path().to_owned(),
        shards: ShardCount::new(8).unwrap(),
        retain_bytes: 0,
        retain_ms: 0,
        queue_records: 1,
    };
    let refusal = EmbeddedLog::open(options, clock).err().unwrap();
    assert!(matches!(refusal, OpenError::ShardCount { found: 4, wanted: 8, .. }), "{refusal}");
}

#[tokio::test]
async fn a_failing_commit_breaks_its_batch_and_the_log_goes_on() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::default());
    let log = open(directory.path(), &clock, Options { queue_records: 1, ..Options::default() });
    within(log.append(A, b"0".to_vec())).await.unwrap();
    let vandal = sqlite(directory.path());
    vandal.execute_batch("ALTER TABLE batch RENAME TO hidden").unwrap();
    for _ in 0..3 {
        assert_eq!(within(log.append(A, b"lost".to_vec())).await, Err(AppendError::Broken));
    }
    vandal.execute_batch("ALTER TABLE hidden RENAME TO batch").unwrap();
    assert_eq!(within(log.append(A, b"1".to_vec())).await.unwrap().offset, 1);
    let payloads: Vec<_> = read_all(&log, A).await.into_iter().map(|record| record.payload).collect();
    assert_eq!(payloads, [&b"0"[..], b"1"]);
}

#[tokio::test]
async fn a_panic_costs_its_batch_and_not_the_log() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::default());
    let log = open(directory.path(), &clock, Options::default());
    within(log.append(A, b"0".to_vec())).await.unwrap();
    clock.break_down(true);
    assert_eq!(within(log.append(A, b"lost".to_vec())).await, Err(AppendError::Broken));
    clock.break_down(false);
    eventually(|| async { log.append(A, b"1".to_vec()).await.is_ok() }).await;
    let payloads: Vec<_> = read_all(&log, A).await.into_iter().map(|record| record.payload).collect();
    assert_eq!(payloads, [&b"0"[..], b"1"]);
}

#[tokio::test]
async fn a_reader_that_keeps_up_does_not_need_the_file() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::default());
    let log = open(directory.path(), &clock, Options::default());
    let mut reader = log.reader(A, 0).await.unwrap();
    fill(&log, A, 10, 10).await;
    sqlite(directory.path()).execute_batch("ALTER TABLE batch RENAME TO hidden").unwrap();
    assert_eq!(within(reader.next(100)).await.unwrap().len(), 10);
    assert_eq!(read_all(&log, A).await.len(), 10);
}

#[tokio::test]
async fn a_damaged_row_is_noticed_and_the_other_shards_are_not_touched() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::default());
    let log = open(directory.path(), &clock, Options::default());
    fill(&log, A, 3, 100).await;
    fill(&log, B, 3, 100).await;
    log.close().await;
    drop(log);
    let damage = "UPDATE batch SET bytes = CAST(substr(bytes, 1, 50) || x'ff' || substr(bytes, 52) AS BLOB)
        WHERE shard = 0 AND first_offset = 1";
    assert_eq!(sqlite(directory.path()).execute(damage, []).unwrap(), 1);
    let log = open(directory.path(), &clock, Options::default());
    let mut reader = log.reader(A, 0).await.unwrap();
    assert_eq!(within(reader.next(1)).await.unwrap().len(), 1);
    let broken = within(reader.next(1)).await;
    assert!(matches!(&broken, Err(ReadError::Broken(what)) if what.contains("checksum")), "{broken:?}");
    assert_eq!(read_all(&log, B).await.len(), 3);
}

#[tokio::test]
async fn a_missing_row_is_an_error_and_not_skipped() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::default());
    let log = open(directory.path(), &clock, Options::default());
    fill(&log, A, 3, 1).await;
    drop(log);
    sqlite(directory.path()).execute("DELETE FROM batch WHERE first_offset = 1", []).unwrap();
    let log = open(directory.path(), &clock, Options::default());
    let mut reader = log.reader(A, 0).await.unwrap();
    assert!(matches!(within(reader.next(9)).await, Err(ReadError::Broken(_))));
}

#[tokio::test]
async fn retention_by_size_keeps_the_file_small_and_takes_only_what_was_released() {
    const KEEP: u64 = 2 << 20;
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::default());
    let log = open(directory.path(), &clock, Options { retain_bytes: KEEP, ..Options::default() });
    fill(&log, B, 5, 100_000).await;
    for _ in 0..4 {
        fill(&log, A, 40, 100_000).await;
        let next = log.bounds(A).await.unwrap().next;
        log.release(A, next - 3).await;
        eventually(|| async { log.bounds(A).await.unwrap().first >= next - 25 }).await;
        assert!(log.bounds(A).await.unwrap().first <= next - 3, "what was not released stays");
    }
    assert_eq!(log.bounds(B).await.unwrap().first, 0, "the other shard released nothing");
    assert_eq!(read_all(&log, B).await.len(), 5);
    drop(log);
    let bytes = std::fs::metadata(directory.path().join("log.sqlite")).unwrap().len();
    assert!(bytes < 10 << 20, "{bytes} bytes in the file, of 16 MB written");
}

#[tokio::test]
async fn retention_never_takes_the_newest_row() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::default());
    let options = || Options { retain_bytes: 0, retain_ms: 0, ..Options::default() };
    let log = open(directory.path(), &clock, options());
    fill(&log, A, 10, 10).await;
    log.release(A, u64::MAX).await;
    eventually(|| async { log.bounds(A).await.unwrap().first == 9 }).await;
    drop(log);
    let log = open(directory.path(), &clock, options());
    assert_eq!(within(log.append(A, vec![])).await.unwrap().offset, 10);
}

#[tokio::test]
async fn a_reader_that_retention_overtakes_is_told() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::<ManualClock>::default());
    let log = open(directory.path(), &clock, Options { retain_ms: 1_000, ..Options::default() });
    fill(&log, A, 10, 10).await;
    let mut reader = log.reader(A, 0).await.unwrap();
    assert_eq!(within(reader.next(1)).await.unwrap().len(), 1);
    log.release(A, 8).await;
    clock.advance_ms(1_001);
    eventually(|| async { log.bounds(A).await.unwrap().first == 8 }).await;
    let refusal = within(reader.next(1)).await;
    assert_eq!(refusal, Err(ReadError::OutOfRange { shard: A, wanted: 1, first: 8, next: 10 }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_a_busy_log_is_a_log() {
    let (directory, copy, clock) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), Arc::default());
    let log = open(directory.path(), &clock, Options::default());
    fill(&log, A, 200, 1_000).await;
    let (writing, written) = (log.clone(), tokio::sync::watch::channel(0u64));
    let writer = tokio::spawn(async move {
        while !written.0.is_closed() {
            let appended = within(writing.append(A, vec![1; 1_000])).await.unwrap();
            let _ = written.0.send(appended.offset);
        }
    });
    let (backing, into) = (log.clone(), copy.path().join("today"));
    let bytes = tokio::task::spawn_blocking(move || backing.backup(&into)).await.unwrap().unwrap();
    drop(written.1);
    within(writer).await.unwrap();
    assert_eq!(bytes, std::fs::metadata(copy.path().join("today/log.sqlite")).unwrap().len());

    let restored = open(&copy.path().join("today"), &clock, Options::default());
    let records = read_all(&restored, A).await;
    assert!(records.len() >= 200);
    assert_eq!(records, read_all(&log, A).await[..records.len()]);
    assert_eq!(within(restored.append(A, vec![])).await.unwrap().offset, records.len() as u64);
}

#[tokio::test]
async fn a_backup_overwrites_nothing() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::default());
    let log = open(directory.path(), &clock, Options::default());
    let copy = tempfile::tempdir().unwrap();
    std::fs::write(copy.path().join("log.sqlite"), "").unwrap();
    assert!(matches!(log.backup(copy.path()), Err(OpenError::Exists { .. })));
    assert!(matches!(log.backup(directory.path()), Err(OpenError::Exists { .. })), "its own file least of all");
    assert_eq!(std::fs::metadata(copy.path().join("log.sqlite")).unwrap().len(), 0);
}

#[tokio::test]
async fn dropping_the_log_writes_what_is_queued() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::default());
    let log = open(directory.path(), &clock, Options::default());
    let tickets: Vec<_> = (0..100).map(|_| log.append(B, b"x".to_vec())).collect();
    drop(log);
    for ticket in tickets {
        assert!(within(ticket).await.is_ok());
    }
    assert_eq!(open(directory.path(), &clock, Options::default()).bounds(B).await.unwrap().next, 100);
}

#[tokio::test]
async fn a_long_log_is_read_from_the_file_in_order() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::default());
    let log = open(directory.path(), &clock, Options::default());
    let tickets: Vec<_> = (0..30_000u32).map(|n| log.append(A, n.to_be_bytes().repeat(50))).collect();
    for ticket in tickets {
        within(ticket).await.unwrap();
    }
    drop(log);
    let log = open(directory.path(), &clock, Options::default());
    let records = read_all(&log, A).await;
    assert!(records.iter().zip(0u32..).all(|(record, n)| record.payload[..] == n.to_be_bytes().repeat(50)));
    assert_eq!(records.len(), 30_000);
}
