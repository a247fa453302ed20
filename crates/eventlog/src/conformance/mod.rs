//! What every backend of the log must do, as tests that know nothing of any backend.
//!
//! A backend's test crate gives an async function that makes a [`Harness`] over a fresh, empty log, and
//! instantiates all rules with [`eventlog_conformance!`](crate::eventlog_conformance). A rule panics when it
//! is broken. What a backend cannot be made to do (fill its queue, age its records) its harness declines.

mod append;
mod life;
mod read;

use crate::{AppendError, Appended, Bounds, EventLog, MAX_RECORD_BYTES, RawRecord, ReadError};
pub use append::*;
use async_trait::async_trait;
use domain::ids::ShardId;
pub use life::*;
pub use read::*;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A log under test, empty at first, with at least two shards, and what a test may do to it.
#[async_trait]
pub trait Harness: Send {
    /// The log.
    fn log(&self) -> Arc<dyn EventLog>;

    /// Ends the log as the end of a process would, and opens the same one again.
    async fn reopen(&mut self);

    /// Keeps the log from acknowledging until [`resume`](Self::resume). False when there is no way to.
    async fn stall(&mut self) -> bool {
        false
    }

    /// Lets the log go on.
    async fn resume(&mut self) {}

    /// Makes all records so far old enough for retention. False when there is no way to.
    async fn expire(&mut self) -> bool {
        false
    }
}

/// One `#[tokio::test]` per rule; `$make` is the path of an async function without arguments that returns a
/// [`Harness`].
#[macro_export]
macro_rules! eventlog_conformance {
    ($make:path) => {
        $crate::eventlog_conformance! { @rules $make:
            offsets_are_dense_from_zero
            one_caller_keeps_its_order
            a_caller_that_moves_between_threads_keeps_its_order
            append_times_are_there_and_follow_the_clock
            shards_are_independent
            many_tasks_at_once_lose_and_double_nothing
            a_dropped_ticket_takes_nothing_back
            a_ticket_that_nobody_polls_holds_nobody_up
            payloads_of_every_size_come_back
            too_large_is_refused_and_the_rest_goes_on
            a_shard_that_does_not_exist_is_an_error
            a_full_queue_is_busy_at_once
            a_reader_begins_anywhere
            a_reader_gets_no_more_than_it_asks_for
            a_reader_waits_for_what_comes
            a_cancelled_read_loses_nothing
            readers_do_not_disturb_each_other
            outside_the_log_is_refused
            bounds_say_what_is_there
            acknowledged_is_there_after_reopening
            offsets_go_on_after_reopening
            closing_writes_what_is_queued
            a_closed_log_takes_nothing
            what_is_not_released_stays
            what_is_released_and_old_goes
        }
    };
    (@rules $make:path: $($rule:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                $crate::conformance::$rule($make().await).await;
            }
        )*
    };
}

/// Long enough for a slow machine; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Long enough to see that nothing comes.
const MOMENT: Duration = Duration::from_millis(100);

const A: ShardId = ShardId(0);
const B: ShardId = ShardId(1);

/// The future's value, unless it takes longer than patience lasts. When time is up it is polled once more: one
/// that is ready by then and was never woken is stuck all the same.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let started = Instant::now();
    let value = timeout(PATIENCE, future).await.ok().filter(|_| started.elapsed() < PATIENCE);
    value.unwrap_or_else(|| panic!("{what}: nothing after {PATIENCE:?}"))
}

async fn append(log: &Arc<dyn EventLog>, shard: ShardId, payload: impl Into<Vec<u8>>) -> Appended {
    soon("append", log.append(shard, payload.into())).await.unwrap_or_else(|error| panic!("append: {error}"))
}

/// Appends "0", "1", ... one behind the other without waiting in between.
async fn append_numbers(log: &Arc<dyn EventLog>, shard: ShardId, numbers: std::ops::Range<u64>) -> Vec<Appended> {
    let tickets: Vec<_> = numbers.map(|n| log.append(shard, n.to_string().into_bytes())).collect();
    let mut appended = Vec::with_capacity(tickets.len());
    for ticket in tickets {
        appended.push(soon("append", ticket).await.unwrap_or_else(|error| panic!("append: {error}")));
    }
    appended
}

/// Reads exactly the records `from .. to` with a new reader.
async fn read(log: &Arc<dyn EventLog>, shard: ShardId, from: u64, to: u64) -> Vec<RawRecord> {
    let mut reader = soon("reader", log.reader(shard, from)).await.unwrap_or_else(|error| panic!("reader: {error}"));
    let mut records = Vec::new();
    while (records.len() as u64) < to - from {
        let missing = (to - from) as usize - records.len();
        let more = soon("read", reader.next(missing)).await.unwrap_or_else(|error| panic!("read: {error}"));
        assert!(
            !more.is_empty() && more.len() <= missing,
            "{} records where 1 ..= {missing} were asked for",
            more.len()
        );
        records.extend(more);
    }
    assert!(records.iter().map(|r| r.offset).eq(from..to), "offsets of {from} .. {to} in order, without holes");
    records
}

async fn bounds(log: &Arc<dyn EventLog>, shard: ShardId) -> Bounds {
    soon("bounds", log.bounds(shard)).await.unwrap_or_else(|error| panic!("bounds: {error}"))
}

fn texts(records: &[RawRecord]) -> Vec<String> {
    records.iter().map(|record| String::from_utf8_lossy(&record.payload).into_owned()).collect()
}

fn numbers(numbers: std::ops::Range<u64>) -> Vec<String> {
    numbers.map(|n| n.to_string()).collect()
}

/// Asks until `holds` or patience ends.
async fn eventually<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    soon(what, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}
