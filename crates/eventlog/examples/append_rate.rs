//! Durable appends per second of the embedded log: `cargo run --release --example append_rate [directory]`.
//!
//! Each waiter appends 100 bytes, waits for the answer, and appends again, as a keep-alive connection does.

use domain::ids::{ShardCount, ShardId};
use domain::time::{Clock, UnixMs};
use eventlog::EventLog;
use eventlog::embedded::{EmbeddedLog, EmbeddedLogOptions};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const WARM_UP: Duration = Duration::from_millis(500);
const RUN: Duration = Duration::from_secs(4);

struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> UnixMs {
        UnixMs(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).map_or_else(|| std::env::temp_dir().join("append_rate"), PathBuf::from);
    for waiters in [64, 256] {
        let _ = std::fs::remove_dir_all(&directory);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let mut latencies = runtime.block_on(measure(directory.clone(), waiters))?;
        drop(runtime);
        report(waiters, &mut latencies);
    }
    std::fs::remove_dir_all(&directory)?;
    Ok(())
}

async fn measure(directory: PathBuf, waiters: u16) -> Result<Vec<u32>, Box<dyn std::error::Error>> {
    let shards = ShardCount::new(4).ok_or("shards")?;
    let options =
        EmbeddedLogOptions { directory, shards, retain_bytes: 1 << 30, retain_ms: 86_400_000, queue_records: 100_000 };
    let log = EmbeddedLog::open(options, Arc::new(WallClock))?;
    let begin = Instant::now() + WARM_UP;
    let tasks: Vec<_> = (0..waiters).map(|n| tokio::spawn(wait_and_append(log.clone(), n, begin))).collect();
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await??);
    }
    log.close().await;
    Ok(latencies)
}

/// Microseconds of each append after `begin`.
async fn wait_and_append(
    log: Arc<EmbeddedLog>,
    waiter: u16,
    begin: Instant,
) -> Result<Vec<u32>, eventlog::AppendError> {
    let mut latencies = Vec::with_capacity(1 << 14);
    let mut shard = waiter;
    loop {
        let started = Instant::now();
        shard = (shard + 1) % 4;
        log.append(ShardId(shard), vec![7; 100]).await?;
        if started >= begin + RUN {
            return Ok(latencies);
        }
        if started >= begin {
            latencies.push(started.elapsed().as_micros() as u32);
        }
    }
}

fn report(waiters: u16, latencies: &mut [u32]) {
    latencies.sort_unstable();
    let at = |share: f64| latencies.get((latencies.len() as f64 * share) as usize).copied().unwrap_or_default();
    let rate = latencies.len() as f64 / RUN.as_secs_f64();
    let (p50, p99, max) = (at(0.5), at(0.99), latencies.last().copied().unwrap_or_default());
    println!("{waiters} waiters: {rate:.0} appends/s, latency us p50 {p50}, p99 {p99}, max {max}");
}
