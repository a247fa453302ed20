//! The engine alone: what a ping costs, what a tick costs, what a monitor weighs, how long a restart takes.
//!
//! The unit is a plain copy of as many 32-byte records through the same random order of monitors, in the
//! same run: what the machine's memory takes for touching them at all.

use clap::Parser;
use domain::command::{Action, Command};
use domain::engine::Engine;
use domain::engine::effects::Effect;
use domain::engine::snapshot::{Format, Manifest};
use domain::ids::{CommandId, MonitorId, ShardId, TenantId};
use domain::monitor::{Identity, MonitorConfig, Policy};
use domain::ping::{Ping, PingKind};
use domain::record::{Body, Envelope, Params, Record};
use domain::schedule::Schedule;
use domain::time::UnixMs;
use std::time::{Duration, Instant};

/// Measures the engine.
#[derive(Parser)]
struct Options {
    /// Monitors, e.g. 1000000 and 10000000.
    #[arg(long, value_delimiter = ',', default_value = "1000000")]
    monitors: Vec<u64>,
    /// Pings applied.
    #[arg(long, default_value_t = 5_000_000)]
    pings: u64,
}

/// Seconds between the pings of a monitor.
const PERIOD: u32 = 60;
const START_MS: i64 = 1_795_478_400_000;

fn main() {
    let options = Options::parse();
    for monitors in options.monitors {
        measure(monitors, options.pings);
    }
}

fn measure(monitors: u64, pings: u64) {
    let before = resident_bytes();
    let mut bench = Bench::new();
    for n in 0..monitors {
        bench.create(n);
    }
    for n in 0..monitors {
        bench.ping(n);
    }
    bench.effects = Vec::new();
    let weight = resident_bytes().saturating_sub(before) as f64 / monitors as f64;
    let baseline = touch_records(monitors, pings);
    let ping = bench.batches(monitors, pings) / pings as f64;
    let ticks = bench.a_healthy_while(monitors);
    let mean = ticks.iter().sum::<f64>() / ticks.len() as f64;
    let worst = ticks.iter().copied().fold(0.0, f64::max);
    println!("monitors {monitors}: {weight:.0} B a monitor (process, all in)");
    println!(
        "  apply: {:.0} ns a ping = {:.2} M pings/s on one core; touching a record: {:.0} ns (ratio {:.1})",
        ping * 1e9,
        1e-6 / ping,
        baseline * 1e9,
        ping / baseline
    );
    println!("  tick: mean {:.2} ms, worst {:.2} ms", mean * 1e3, worst * 1e3);
    bench.restart();
}

struct Bench {
    engine: Engine,
    effects: Vec<Effect>,
    record: Record,
    now_ms: i64,
}

impl Bench {
    fn new() -> Self {
        let envelope = Envelope { producer: 1, sequence: 0, node: 1, origin: 0, received: UnixMs(START_MS) };
        let record = Record { offset: 0, append: UnixMs(START_MS), envelope, body: Body::Boot };
        Self { engine: Engine::new(ShardId(0), Params::EMBEDDED), effects: Vec::new(), record, now_ms: START_MS }
    }

    fn apply(&mut self, body: Body) {
        self.record.offset += 1;
        self.record.envelope.sequence += 1;
        self.record.append = UnixMs(self.now_ms);
        self.record.envelope.received = self.record.append;
        self.record.body = body;
        self.effects.clear();
        self.engine.apply(&self.record, &mut self.effects);
    }

    fn create(&mut self, n: u64) {
        let slug = format!("monitor-{n}");
        let identity = Identity { tenant: TenantId(1), name: slug.clone(), slug, ..Identity::default() };
        let policy = Policy::every(Schedule::Period { seconds: PERIOD }, PERIOD + (n % 10) as u32);
        let action = Action::Create(Box::new(MonitorConfig { identity, policy }));
        let mut id = [0; 16];
        id[..8].copy_from_slice(&n.to_be_bytes());
        self.apply(Body::Command(Command {
            id: CommandId(id),
            tenant: TenantId(1),
            monitor: id_of(n),
            actor: String::new(),
            action,
        }));
    }

    fn ping(&mut self, n: u64) {
        self.apply(success(n));
    }

    /// Seconds to apply `pings` in random order, in batches as an evaluator reads them; writing the batches
    /// is not counted.
    fn batches(&mut self, monitors: u64, pings: u64) -> f64 {
        let mut batch: Vec<Record> = Vec::with_capacity(128);
        let mut seconds = 0.0;
        for first in (0..pings).step_by(128) {
            batch.clear();
            for n in first..first + 128 {
                self.record.offset += 1;
                self.record.envelope.sequence += 1;
                self.record.body = success(scatter(n) % monitors);
                batch.push(self.record.clone());
            }
            let Self { engine, effects, .. } = self;
            seconds += timed(|| {
                engine.warm_up(&batch);
                for record in &batch {
                    engine.apply(record, effects);
                    effects.clear();
                }
            });
        }
        seconds
    }

    fn tick(&mut self) {
        self.now_ms += 1_000;
        self.apply(Body::Canary);
        self.record.envelope.producer = 0;
        self.apply(Body::Tick);
        self.record.envelope.producer = 1;
    }

    /// Seconds of each tick while every monitor pings once a period: what has to be looked at when nobody is
    /// late, since deadlines that pings raised leave bounds behind that have to be made exact again.
    fn a_healthy_while(&mut self, monitors: u64) -> Vec<f64> {
        let mut next = 0;
        let a_second = monitors.div_ceil(u64::from(PERIOD));
        let mut second = || {
            for _ in 0..a_second {
                self.ping(next);
                next = (next + 1) % monitors;
            }
            timed(|| self.tick())
        };
        (0..3 * PERIOD).map(|_| second()).collect()
    }

    /// A snapshot is taken and read back: what stands between a start and the first record.
    fn restart(&self) {
        let plan = self.engine.plan_snapshot(None, Format::default());
        let manifest = plan.manifest.encode(Format::default());
        let pieces: Vec<Vec<u8>> = plan.written.into_iter().map(|(_, bytes)| bytes).collect();
        let bytes: usize = pieces.iter().map(Vec::len).sum();
        let mut monitors = 0;
        let seconds = timed(|| {
            let manifest = Manifest::decode(&manifest).expect("its own manifest");
            let engine = Engine::restore(ShardId(0), &manifest, &pieces).expect("its own snapshot");
            monitors = engine.monitors();
        });
        println!("  restore of {monitors} monitors from {:.0} MB of snapshot: {seconds:.2} s", bytes as f64 / 1e6);
    }
}

fn success(n: u64) -> Body {
    let kind = PingKind::Success;
    Body::Ping(Ping {
        monitor: id_of(n),
        generation: Some(0),
        kind,
        run: None,
        duration_ms: None,
        metrics: Vec::new(),
        details: None,
        create: None,
    })
}

fn id_of(n: u64) -> MonitorId {
    MonitorId(scatter(n))
}

/// Spreads numbers over 64 bits (the finaliser of SplitMix64).
fn scatter(n: u64) -> u64 {
    let mut z = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Seconds to rewrite one of `monitors` records of 32 bytes, in random order.
fn touch_records(monitors: u64, times: u64) -> f64 {
    let mut records = vec![[1u64; 4]; monitors as usize];
    let seconds = timed(|| {
        for n in 0..times {
            let record = &mut records[(scatter(n) % monitors) as usize];
            record[0] = record[0].wrapping_add(n);
            record[3] ^= record[1];
        }
    });
    std::hint::black_box(&records);
    seconds / times as f64
}

fn timed(work: impl FnOnce()) -> f64 {
    let started = Instant::now();
    work();
    started.elapsed().max(Duration::from_nanos(1)).as_secs_f64()
}

/// The resident memory of this process (Linux: the second number of /proc/self/statm, in pages of 4 KiB).
fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4_096
}
