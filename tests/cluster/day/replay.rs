//! The same day on one machine: the real embedded log and store, with a clock that says for each record what Kafka's
//! did, and an evaluator that starts in the middle and adds nothing of its own.

use super::grounds::SHARDS;
use super::live::{Day, options};
use async_trait::async_trait;
use domain::ids::{ShardCount, ShardId};
use domain::time::{Clock, UnixMs};
use evaluator::{Evaluator, EvaluatorDeps};
use eventlog::embedded::{EmbeddedLog, EmbeddedLogOptions};
use eventlog::placement::EveryShard;
use eventlog::producer::Producer;
use eventlog::{AppendError, AppendTicket, Bounds, EventLog, RawRecord, ReadError, ShardReader};
use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use store::embedded::EmbeddedStore;
use suites::support::wait::{secs, until};

/// What one machine made of the day.
pub struct Replayed {
    pub store: Arc<EmbeddedStore>,
    pub directory: tempfile::TempDir,
}

/// Appends every record where and when Kafka had it, and lets an evaluator judge; it starts anew now and then.
pub async fn run(day: &Day, seed: u64) -> Replayed {
    let directory = tempfile::tempdir().expect("a directory");
    let clock = Arc::new(ScriptedClock(AtomicI64::new(0)));
    let log = open_log(&directory, clock.clone());
    let store = EmbeddedStore::open(directory.path()).expect("the store opens");
    let mut dice = StdRng::seed_from_u64(seed);
    for part in 0..3 {
        let evaluator = start(&log, &store, &clock);
        for records in day.0.iter() {
            let (shard, records) = (*records.0, third(records.1, part));
            append_all(&log, &clock, shard, records, &mut dice).await;
        }
        evaluator.stop().await;
    }
    // This one reads whatever those before it left.
    let evaluator = start(&log, &store, &clock);
    until("the day is over", secs(60), async || evaluator.readiness().ready.then_some(())).await;
    evaluator.stop().await;
    log.close().await;
    Replayed { store, directory }
}

fn open_log(directory: &tempfile::TempDir, clock: Arc<ScriptedClock>) -> Arc<EmbeddedLog> {
    let options = EmbeddedLogOptions {
        directory: directory.path().to_owned(),
        shards: SHARDS,
        retain_bytes: 1 << 30,
        retain_ms: 86_400_000,
        queue_records: 10_000,
    };
    EmbeddedLog::open(options, clock).expect("the log opens")
}

fn start(log: &Arc<EmbeddedLog>, store: &Arc<EmbeddedStore>, clock: &Arc<ScriptedClock>) -> Evaluator {
    let log: Arc<dyn EventLog> = Arc::new(Muted(log.clone()));
    let producer = Producer::new(log.clone(), 1, 9, 0);
    let deps = EvaluatorDeps { log, store: store.clone(), producer, clock: clock.clone() };
    Evaluator::start(deps, options(), Box::new(EveryShard::of(SHARDS)))
}

fn third(records: &[RawRecord], part: usize) -> &[RawRecord] {
    let (begin, end) = (records.len() * part / 3, records.len() * (part + 1) / 3);
    &records[begin..end]
}

/// Records of one millisecond go together, as they would; those of the next wait for them.
async fn append_all(
    log: &EmbeddedLog,
    clock: &ScriptedClock,
    shard: ShardId,
    records: &[RawRecord],
    dice: &mut StdRng,
) {
    for instant in records.chunk_by(|a, b| a.append == b.append) {
        clock.0.store(instant[0].append.0, Ordering::SeqCst);
        let tickets = instant.iter().map(|record| log.append(shard, record.payload.to_vec()));
        for (appended, record) in join_all(tickets).await.into_iter().zip(instant) {
            let appended = appended.expect("the log takes it");
            assert_eq!((appended.offset, appended.append), (record.offset, record.append));
        }
        // The evaluator's batches are split where chance has it.
        if dice.random_bool(0.05) {
            tokio::task::yield_now().await;
        }
    }
}

/// Says what it was told to.
struct ScriptedClock(AtomicI64);

impl Clock for ScriptedClock {
    fn now(&self) -> UnixMs {
        UnixMs(self.0.load(Ordering::SeqCst))
    }
}

/// The log as an evaluator sees it that must add nothing: the ticks of the day stand in it already.
struct Muted(Arc<EmbeddedLog>);

#[async_trait]
impl EventLog for Muted {
    fn shards(&self) -> ShardCount {
        self.0.shards()
    }

    fn append(&self, _: ShardId, _: Vec<u8>) -> AppendTicket {
        AppendTicket::ready(Err(AppendError::Busy))
    }

    async fn reader(&self, shard: ShardId, from: u64) -> Result<Box<dyn ShardReader>, ReadError> {
        self.0.reader(shard, from).await
    }

    async fn bounds(&self, shard: ShardId) -> Result<Bounds, ReadError> {
        self.0.bounds(shard).await
    }

    async fn release(&self, shard: ShardId, below: u64) {
        self.0.release(shard, below).await;
    }

    async fn close(&self) {}
}
