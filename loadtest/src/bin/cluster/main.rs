//! The cluster shape, measured: real processes on a real Kafka and a real Cassandra that this program starts and ends.
//!
//! - `servers`: the Kafka and Cassandra underneath; `site`: an installation on them; `node`: one process of it.
//! - `office`: monitors and channels over the API; `driver`: many pings in batches and streams; `plain`: librdkafka's
//!   own producer, the unit of the rates; `http`, `scrape`, `cpu`: what is read off.
//! - `part`: one module a figure.
//!
//! Generator, servers and product share the machine: read the ratios and the processor time of a record.

mod cpu;
mod driver;
mod http;
mod node;
mod office;
mod part;
mod plain;
mod sample;
mod scrape;
mod servers;
mod site;
mod words;

use anyhow::{Context, Result, bail};
use clap::{Parser, ValueEnum};
use part::Part;
use site::Site;
use std::path::PathBuf;
use tokio::signal::unix::{SignalKind, signal};

/// Measures ingest, delivery, replay, takeover and what is written, on one Kafka and one Cassandra of its own
#[derive(Parser)]
#[command(name = "cluster")]
pub struct Options {
    /// Only these figures
    #[arg(long, value_enum, value_delimiter = ',', value_name = "NAME")]
    only: Vec<Part>,
    /// Small and short, to try it out: its figures say little
    #[arg(long)]
    quick: bool,
    /// The server's binary [default: quietpulse beside this program]
    #[arg(long, value_name = "FILE")]
    server: Option<PathBuf>,
    /// What starts Kafka and Cassandra
    #[arg(long, value_name = "FILE", default_value = "deploy/local/cluster")]
    launcher: PathBuf,
    /// Where everything lives while this runs; must not be in use
    #[arg(long, value_name = "DIR", default_value = "target/cluster/bench")]
    dir: PathBuf,
    /// Partitions of the topic
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=4096))]
    shards: u16,
    /// Monitors that are pinged in turn [default: 10000, quick 300]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    monitors: Option<u32>,
    /// Pings that are replayed, and pings whose rows are weighed [default: 500000, quick 20000]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    records: Option<u64>,
    /// Monitors that fall silent [default: 500, quick 40]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    silent: Option<u32>,
    /// Seconds of one measurement of a rate [default: 5, quick 1]
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: Option<u64>,
    /// Rounds of the rates, medians are printed; and takeovers of each kind [default: 5, quick 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: Option<u32>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // What runs is owned by the future: it ends with it, also half-way.
    let ended = tokio::select! {
        ended = measure(&options) => ended,
        _ = interrupt.recv() => Err(anyhow::anyhow!("interrupted")),
        _ = terminate.recv() => Err(anyhow::anyhow!("terminated")),
    };
    ended.with_context(|| format!("what the processes said is kept in {}", options.dir.display()))
}

async fn measure(options: &Options) -> Result<()> {
    let sizes = part::Sizes::of(options);
    let parts = if options.only.is_empty() { Part::value_variants() } else { &options.only };
    let mut site = Site::up(options).await?;
    println!("{}", words::machine());
    let mut failed = Vec::new();
    for part in parts {
        let name = part.name();
        println!("\n{name} (alone: `cluster --only {name}`)");
        if let Err(error) = part.measure(&mut site, &sizes).await {
            println!("  not measured: {error:#}");
            failed.push(name);
        }
    }
    if failed.is_empty() {
        return site.down().await;
    }
    bail!("not measured: {}", failed.join(", "))
}
