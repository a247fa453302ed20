//! librdkafka's own producer, with what the product tells its own: the unit of ingest's rates.

use crate::cpu;
use crate::site::{LINGER_MS, QUEUE_RECORDS};
use anyhow::{Result, ensure};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// Before a full queue is tried again.
const FULL: Duration = Duration::from_micros(500);
const FLUSH: Duration = Duration::from_secs(30);

/// What it is to do.
#[derive(Clone)]
pub struct Plain {
    pub broker: String,
    pub topic: String,
    pub partitions: u16,
    /// Sent in turn.
    pub records: Arc<Vec<Vec<u8>>>,
    pub time: Duration,
}

/// What it did, and what this process spent per record meanwhile.
#[derive(Clone, Copy)]
pub struct Rate {
    pub per_second: f64,
    pub cpu_us: f64,
}

/// How many records were reported, for one thread that sends. Without a lock: what is measured is the producer.
struct Reports {
    acked: AtomicU64,
    failed: AtomicU64,
    /// The sender waits for room.
    waits: AtomicBool,
    sender: Thread,
}

struct Context(Arc<Reports>);

impl ClientContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, _: usize) {
        let Reports { acked, failed, waits, sender } = &*self.0;
        let count = if result.is_ok() { acked } else { failed };
        count.fetch_add(1, Ordering::SeqCst);
        if waits.load(Ordering::SeqCst) {
            sender.unpark();
        }
    }
}

impl Reports {
    fn of_this_thread() -> Self {
        let (acked, failed) = Default::default();
        Self { acked, failed, waits: AtomicBool::new(false), sender: std::thread::current() }
    }

    fn reported(&self) -> u64 {
        self.acked.load(Ordering::SeqCst) + self.failed.load(Ordering::SeqCst)
    }

    /// Returns when fewer than `most` of `sent` records have no report.
    fn wait_for_room(&self, sent: u64, most: u64) {
        let full = || sent.saturating_sub(self.reported()) >= most;
        if !full() {
            return;
        }
        self.waits.store(true, Ordering::SeqCst);
        while full() {
            std::thread::park();
        }
        self.waits.store(false, Ordering::SeqCst);
    }
}

impl Plain {
    /// Sends for the time given, `at_once` records without a report at most; blocks.
    pub fn run(&self, at_once: u64) -> Result<Rate> {
        let reports = Arc::new(Reports::of_this_thread());
        let producer = self.producer(&reports)?;
        // The first record waits for the connection and the producer's number.
        self.send(&producer, 0)?;
        producer.flush(FLUSH)?;
        let (begun, cpu, before) = (Instant::now(), own_seconds(), reports.acked.load(Ordering::SeqCst));
        let mut sent = before;
        while begun.elapsed() < self.time {
            reports.wait_for_room(sent, at_once);
            self.send(&producer, sent)?;
            sent += 1;
        }
        producer.flush(FLUSH)?;
        let (acked, failed) = (reports.acked.load(Ordering::SeqCst), reports.failed.load(Ordering::SeqCst));
        ensure!(failed == 0, "{failed} records of the plain producer were not taken");
        let records = (acked - before) as f64;
        Ok(Rate {
            per_second: records / begun.elapsed().as_secs_f64(),
            cpu_us: (own_seconds() - cpu) * 1e6 / records.max(1.0),
        })
    }

    /// As crates/eventlog tells its producer.
    fn producer(&self, reports: &Arc<Reports>) -> Result<ThreadedProducer<Context>> {
        Ok(ClientConfig::new()
            .set("bootstrap.servers", &self.broker)
            .set("acks", "all")
            .set("enable.idempotence", "true")
            .set("linger.ms", LINGER_MS.to_string())
            .set("compression.type", "lz4")
            .set("queue.buffering.max.messages", (QUEUE_RECORDS + 1_000).to_string())
            .create_with_context(Context(Arc::clone(reports)))?)
    }

    /// The library gives room back after it has reported a whole group of records: it may be full for a moment longer
    /// than the reports say.
    fn send(&self, producer: &ThreadedProducer<Context>, turn: u64) -> Result<()> {
        let payload = &self.records[turn as usize % self.records.len()];
        let partition = (turn % u64::from(self.partitions)) as i32;
        let mut record: BaseRecord<'_, (), Vec<u8>, usize> =
            BaseRecord::with_opaque_to(&self.topic, turn as usize).partition(partition).payload(payload);
        while let Err((error, refused)) = producer.send(record) {
            ensure!(error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull), error);
            record = refused;
            std::thread::sleep(FULL);
        }
        Ok(())
    }
}

fn own_seconds() -> f64 {
    cpu::seconds_of(std::process::id())
}
