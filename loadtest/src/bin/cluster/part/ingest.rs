//! Acknowledged pings per second of one ingest process, beside librdkafka's own producer in the same run: the same
//! records, partitions and settings. Evaluators are stopped meanwhile: they would share the processors.

use super::{Sizes, stop_all};
use crate::cpu::Meter;
use crate::driver::{self, Door, Until};
use crate::node::Node;
use crate::plain::{Plain, Rate};
use crate::site::{QUEUE_RECORDS, Site};
use crate::words::median;
use crate::{sample, words};
use anyhow::{Result, ensure};
use loadtest::generator::{Load, Report};
use std::sync::Arc;
use std::time::Duration;

const CONNECTIONS: [usize; 2] = [64, 256];
/// What ingest is to reach of the plain producer.
const GOAL: f64 = 0.6;

pub async fn measure(site: &mut Site, sizes: &Sizes) -> Result<()> {
    let evaluators = site.start_ready("evaluator", 1).await?;
    let paths = site.monitors(sizes.monitors).await?;
    stop_all(evaluators).await?;
    let ingest = site.start_ready("ingest", 1).await?.remove(0);
    let bench = Bench { plain: plain(site, &ingest, &paths, sizes).await?, ingest, paths, time: sizes.seconds };
    for connections in CONNECTIONS {
        bench.plain_http(connections, sizes.rounds).await?;
    }
    bench.many_at_once(Door::Batch, sizes.rounds).await?;
    bench.many_at_once(Door::Grpc, sizes.rounds).await?;
    bench.ingest.stop().await
}

/// A plain producer with a topic of its own, and with records as ingest has just written them.
async fn plain(site: &Site, ingest: &Node, paths: &[String], sizes: &Sizes) -> Result<Plain> {
    // Shards get unequal shares.
    let first = Until::Accepted(u64::from(site.shards) * sample::OF_A_PARTITION as u64 * 2);
    driver::send(Door::Batch, ingest.http, paths, first).await?;
    let (broker, partitions) = (site.servers.broker.clone(), site.shards);
    let from = broker.clone();
    let records = tokio::task::spawn_blocking(move || sample::take(&from, partitions)).await??;
    println!("  records of {} bytes as a rule, {partitions} partitions", sample::typical_bytes(&records));
    let topic = format!("quietpulse.bench.plain.{}", std::process::id());
    site.make_topic(&topic).await?;
    Ok(Plain { broker, topic, partitions, records: Arc::new(records), time: sizes.seconds })
}

struct Bench {
    ingest: Node,
    plain: Plain,
    paths: Vec<String>,
    time: Duration,
}

/// Ours in one round, with the plain producer's at full speed just before.
#[derive(Clone, Copy)]
struct Pair {
    ours: Rate,
    plain: Rate,
}

impl Bench {
    async fn plain_http(&self, connections: usize, rounds: u32) -> Result<()> {
        let paths: Arc<[String]> = self.paths.iter().map(|path| driver::path_of_its_own(path)).collect();
        let (mut pairs, mut alike, mut reports) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            let plain = self.unit(u64::from(QUEUE_RECORDS)).await?;
            alike.push(self.unit(connections as u64).await?);
            let (ours, report) = self.load(connections, Arc::clone(&paths)).await?;
            pairs.push(Pair { ours, plain });
            reports.push(report);
        }
        say(&format!("HTTP, {connections} connections"), &pairs);
        let ratio = median(pairs.iter().zip(&alike).map(|(pair, alike)| pair.ours.per_second / alike.per_second));
        let cost = median(pairs.iter().zip(&alike).map(|(pair, alike)| pair.ours.cpu_us / alike.cpu_us));
        let rate = median(alike.iter().map(|rate| rate.per_second));
        let ms = |q| median(reports.iter().map(|report| report.latencies.quantile(q).as_secs_f64() * 1e3));
        println!(
            "    librdkafka with {connections} records at a time: {rate:.0}/s; ratio {ratio:.2}, of processor {cost:.1}"
        );
        println!("    latency p50 {:.1} ms, p99 {:.1} ms", ms(0.5), ms(0.99));
        Ok(())
    }

    async fn many_at_once(&self, door: Door, rounds: u32) -> Result<()> {
        let (name, target) = match door {
            Door::Batch => ("POST /api/ping/batch", self.ingest.http),
            Door::Grpc => ("gRPC ping stream", self.ingest.grpc),
        };
        let mut pairs = Vec::new();
        for _ in 0..rounds {
            let plain = self.unit(u64::from(QUEUE_RECORDS)).await?;
            let meter = self.meter();
            let tally = driver::send(door, target, &self.paths, Until::Elapsed(self.time)).await?;
            pairs.push(Pair { ours: spent(&meter, tally.accepted, tally.rate()), plain });
        }
        say(&format!("{name}, {} pings together", driver::TOGETHER), &pairs);
        Ok(())
    }

    async fn load(&self, connections: usize, paths: Arc<[String]>) -> Result<(Rate, Report)> {
        let (target, duration) = (self.ingest.http, self.time);
        // The processor is watched from the first request to the last, so all of them count.
        let load = Load { target, connections, warm_up: Duration::ZERO, duration, rate: None, paths };
        let meter = self.meter();
        let report = load.run().await;
        let (refused, errors) = (report.refused, report.errors);
        ensure!(refused + errors == 0, "{refused} pings were refused, {errors} failed");
        Ok((spent(&meter, report.latencies.count(), report.rate()), report))
    }

    async fn unit(&self, at_once: u64) -> Result<Rate> {
        let plain = self.plain.clone();
        tokio::task::spawn_blocking(move || plain.run(at_once)).await?
    }

    fn meter(&self) -> Meter {
        Meter::start(vec![("ingest", vec![self.ingest.pid])])
    }
}

fn spent(meter: &Meter, records: u64, per_second: f64) -> Rate {
    let seconds: f64 = meter.stop().iter().map(|spent| spent.seconds).sum();
    Rate { per_second, cpu_us: seconds * 1e6 / records.max(1) as f64 }
}

fn say(what: &str, pairs: &[Pair]) {
    let of = |figure: fn(&Pair) -> f64| median(pairs.iter().map(figure));
    let (rate, cost) = (of(|pair| pair.ours.per_second), of(|pair| pair.ours.cpu_us));
    let (plain, plain_cost) = (of(|pair| pair.plain.per_second), of(|pair| pair.plain.cpu_us));
    let ratios: Vec<f64> = pairs.iter().map(|pair| pair.ours.per_second / pair.plain.per_second).collect();
    let [low, middle, high] = [0.0, 0.5, 1.0].map(|q| words::quantile(&ratios, q));
    println!("  {what}: {rate:.0}/s, {cost:.1} us of ingest's processor each");
    println!("    librdkafka as fast as possible: {plain:.0}/s, {plain_cost:.1} us each");
    println!("    ratio {middle:.2} ({low:.2} to {high:.2}; goal {GOAL}), of processor {:.1}", cost / plain_cost);
}
