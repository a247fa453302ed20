//! Records per second to a real Kafka, our append path beside librdkafka's plain producer with the same settings, in
//! one run: `QP_KAFKA=host:port cargo run --features kafka-tests --example kafka_rate [partitions] [seconds]`.
//!
//! Both keep the queue full with 128 bytes a record. A third line waits for each record before it sends the next, as
//! connections of ingest do; a fourth reads everything back; a fifth asks where the log ends.

use domain::ids::{ShardCount, ShardId};
use eventlog::EventLog;
use eventlog::kafka::admin::{TopicPlan, create};
use eventlog::kafka::{KafkaLog, KafkaOptions, KafkaSecurity};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// As of a ping with a short body: ids and times that differ, words that do not.
fn payload(n: u64) -> [u8; 128] {
    let mut payload = *b".............................................. success, from backup-7.internal, exit code 0, 412 files, agent 1.4.2, run by cron";
    let mut state = n;
    for byte in payload.iter_mut().take(48) {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *byte = (state >> 56) as u8;
    }
    payload
}

const QUEUE: usize = 50_000;
const ROUNDS: usize = 3;

fn main() -> Result<(), Failure> {
    let number = |n: usize, or: u64| std::env::args().nth(n).and_then(|word| word.parse().ok()).unwrap_or(or);
    let (partitions, seconds) = (number(1, 16) as u16, Duration::from_secs(number(2, 4)));
    let options = options(std::env::var("QP_KAFKA")?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let measured = runtime.block_on(measure(&options, partitions, seconds));
    runtime.block_on(delete(&options))?;
    measured
}

fn options(brokers: String) -> KafkaOptions {
    KafkaOptions {
        brokers,
        topic: format!("qp-rate-{}", std::process::id()),
        group: "qp-rate".to_owned(),
        append_timeout: Duration::from_secs(30),
        linger: Duration::from_millis(5),
        queue_records: QUEUE,
        queue_bytes: 256 << 20,
        session_timeout: Duration::from_secs(6),
        security: KafkaSecurity::default(),
    }
}

async fn measure(options: &KafkaOptions, partitions: u16, run: Duration) -> Result<(), Failure> {
    let shards = ShardCount::new(partitions).ok_or("partitions: 1 to 4096")?;
    let retain_for = Duration::from_secs(86_400 * 7);
    create(options, &TopicPlan { shards, replication: 1, min_in_sync: 1, retain_for }).await?;
    let log = KafkaLog::open(options.clone()).await?;
    for which in ["first record after opening", "second"] {
        let started = Instant::now();
        log.append(ShardId(0), payload(0).to_vec()).await?;
        println!("{which}: {:.1} ms", started.elapsed().as_secs_f64() * 1e3);
    }
    for round in 0..ROUNDS {
        let plain = plain(options, partitions, run).await?;
        let ours = ours(&log, partitions, run).await?;
        println!("round {round}: plain {plain}; ours {ours}; ratio {:.2}", ours.per_second / plain.per_second);
    }
    for waiters in [64, 256] {
        println!("{waiters} waiters: {}", waiting(&log, partitions, waiters, run).await?);
    }
    println!("read back: {}", read_back(&log).await?);
    println!("bounds of all shards at once: {:.2} ms", ask_bounds(&log).await?);
    log.close().await;
    Ok(())
}

/// Rate, and what the whole process spent per record, librdkafka's threads included.
struct Rate {
    per_second: f64,
    cpu_us: f64,
    latencies: Vec<u32>,
}

impl Rate {
    fn of(records: u64, since: Instant, cpu: Duration) -> Self {
        let cpu_us = (cpu_time() - cpu).as_secs_f64() * 1e6 / records.max(1) as f64;
        Self { per_second: records as f64 / since.elapsed().as_secs_f64(), cpu_us, latencies: Vec::new() }
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.0} records/s, {:.2} us of processor each", self.per_second, self.cpu_us)?;
        let at = |share: f64| self.latencies.get((self.latencies.len() as f64 * share) as usize);
        match (at(0.5), at(0.99)) {
            (Some(p50), Some(p99)) => write!(f, ", latency us p50 {p50}, p99 {p99}"),
            _ => Ok(()),
        }
    }
}

fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

struct Count(Arc<AtomicU64>);

impl ClientContext for Count {}

impl ProducerContext for Count {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, _: usize) {
        self.0.fetch_add(u64::from(result.is_ok()), Ordering::Relaxed);
    }
}

async fn plain(options: &KafkaOptions, partitions: u16, run: Duration) -> Result<Rate, Failure> {
    let options = options.clone();
    tokio::task::spawn_blocking(move || plain_blocking(&options, partitions, run)).await?
}

fn plain_blocking(options: &KafkaOptions, partitions: u16, run: Duration) -> Result<Rate, Failure> {
    let acked = Arc::new(AtomicU64::new(0));
    let producer: ThreadedProducer<Count> = ClientConfig::new()
        .set("bootstrap.servers", &options.brokers)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("linger.ms", options.linger.as_millis().to_string())
        .set("compression.type", std::env::var("QP_COMPRESSION").unwrap_or_else(|_| "lz4".to_owned()))
        .set("queue.buffering.max.messages", QUEUE.to_string())
        .create_with_context(Count(acked.clone()))?;
    let send = |n: u64| {
        let payload = payload(n);
        let record = BaseRecord::with_opaque_to(&options.topic, n as usize);
        let partition = (n % u64::from(partitions)) as i32;
        let record: BaseRecord<'_, (), [u8], _> = record.partition(partition).payload(&payload);
        producer.send(record).is_ok()
    };
    while !send(0) || acked.load(Ordering::Relaxed) == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    producer.flush(Duration::from_secs(10))?;
    let (start, cpu, before) = (Instant::now(), cpu_time(), acked.load(Ordering::Relaxed));
    let mut n = 0;
    while start.elapsed() < run {
        if send(n) { n += 1 } else { std::thread::sleep(Duration::from_micros(500)) }
    }
    producer.flush(Duration::from_secs(30))?;
    Ok(Rate::of(acked.load(Ordering::Relaxed) - before, start, cpu))
}

/// One task appends; another takes the tickets in order.
async fn ours(log: &Arc<KafkaLog>, partitions: u16, run: Duration) -> Result<Rate, Failure> {
    log.append(ShardId(0), payload(0).to_vec()).await?;
    let (start, cpu) = (Instant::now(), cpu_time());
    let (mut open, mut n, mut acked) = (VecDeque::with_capacity(QUEUE), 0u64, 0u64);
    while start.elapsed() < run {
        // Room is made half a queue at a time.
        while open.len() < QUEUE - 100 {
            open.push_back(log.append(ShardId((n % u64::from(partitions)) as u16), payload(n).to_vec()));
            n += 1;
        }
        while open.len() > QUEUE / 2 {
            open.pop_front().ok_or("no ticket")?.await?;
            acked += 1;
        }
    }
    for ticket in open {
        ticket.await?;
        acked += 1;
    }
    Ok(Rate::of(acked, start, cpu))
}

async fn waiting(log: &Arc<KafkaLog>, partitions: u16, waiters: u16, run: Duration) -> Result<Rate, Failure> {
    let (start, cpu) = (Instant::now(), cpu_time());
    let tasks: Vec<_> = (0..waiters).map(|n| tokio::spawn(wait_and_append(log.clone(), n, partitions, run))).collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    let rate = Rate::of(latencies.len() as u64, start, cpu);
    latencies.sort_unstable();
    Ok(Rate { latencies, ..rate })
}

async fn wait_and_append(log: Arc<KafkaLog>, waiter: u16, partitions: u16, run: Duration) -> Result<Vec<u32>, Failure> {
    let (begun, mut latencies, mut shard) = (Instant::now(), Vec::new(), waiter);
    while begun.elapsed() < run {
        let started = Instant::now();
        shard = (shard + 1) % partitions;
        log.append(ShardId(shard), payload(latencies.len() as u64 ^ u64::from(waiter) << 48).to_vec()).await?;
        latencies.push(started.elapsed().as_micros() as u32);
    }
    Ok(latencies)
}

async fn read_back(log: &Arc<KafkaLog>) -> Result<Rate, Failure> {
    let (start, cpu) = (Instant::now(), cpu_time());
    let tasks: Vec<_> = log.shards().all().map(|shard| tokio::spawn(read_shard(log.clone(), shard))).collect();
    let mut records = 0;
    for task in tasks {
        records += task.await??;
    }
    Ok(Rate::of(records, start, cpu))
}

async fn read_shard(log: Arc<KafkaLog>, shard: ShardId) -> Result<u64, Failure> {
    let end = log.bounds(shard).await?.next;
    let mut reader = log.reader(shard, 0).await?;
    let mut next = 0;
    while next < end {
        next += reader.next(1_000).await?.len() as u64;
    }
    Ok(next)
}

/// Milliseconds, on average.
async fn ask_bounds(log: &Arc<KafkaLog>) -> Result<f64, Failure> {
    const TIMES: u32 = 100;
    let start = Instant::now();
    for _ in 0..TIMES {
        for answer in futures::future::join_all(log.shards().all().map(|shard| log.bounds(shard))).await {
            answer?;
        }
    }
    Ok(start.elapsed().as_secs_f64() * 1e3 / f64::from(TIMES))
}

async fn delete(options: &KafkaOptions) -> Result<(), Failure> {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", &options.brokers).create()?;
    admin.delete_topics(&[&options.topic], &AdminOptions::new()).await?;
    Ok(())
}
