//! How soon another evaluator owns all shards and has caught up with them, after one of two has ended.

use super::{SETTLE, Sizes, has_all, owned, stop_all};
use crate::driver::{TOGETHER, post_once};
use crate::http::Http;
use crate::node::{Node, until};
use crate::site::Site;
use crate::words::spread;
use anyhow::Result;
use rustix::process::Signal;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// Pings go on meanwhile, a batch each time.
const PAUSE: Duration = Duration::from_secs(1);
/// Monitors that are enough for it.
const MONITORS: u32 = 300;

pub async fn measure(site: &mut Site, sizes: &Sizes) -> Result<()> {
    let mut evaluators = site.start_ready("evaluator", 2).await?;
    let paths = site.monitors(MONITORS.min(sizes.monitors)).await?;
    let ingest = site.start_ready("ingest", 1).await?.remove(0);
    let trickle = Trickle::start(ingest.http, &paths);
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::KILL, "kill -9")] {
        let mut times = Vec::new();
        for _ in 0..sizes.rounds {
            until_shared(&evaluators, site.shards).await?;
            let ending = evaluators.remove(0);
            times.push(take_over(ending, signal, &evaluators[0], site.shards).await?);
            evaluators.push(site.start("evaluator", &[]).await?);
        }
        println!("  {name}, {} times: {}", times.len(), spread(&times));
    }
    println!("  {TOGETHER} pings every {} s meanwhile", PAUSE.as_secs());
    trickle.end().await?;
    evaluators.push(ingest);
    stop_all(evaluators).await
}

/// Both have some, and have caught up: rebalancing is over.
async fn until_shared(evaluators: &[Node], shards: u16) -> Result<()> {
    let shared = async || {
        let (mut all, mut fewest, mut ready) = (0.0, f64::MAX, true);
        for evaluator in evaluators {
            let owned = owned(evaluator.admin).await;
            (all, fewest) = (all + owned, owned.min(fewest));
            ready &= crate::scrape::is_ready(evaluator.admin).await;
        }
        ready && all == f64::from(shards) && (fewest > 0.0 || shards < 2)
    };
    until("shards on both evaluators", SETTLE, shared).await
}

async fn take_over(ending: Node, signal: Signal, heir: &Node, shards: u16) -> Result<Duration> {
    let begun = Instant::now();
    ending.signal(signal)?;
    until("an heir with all shards", SETTLE, async || has_all(heir.admin, shards).await).await?;
    let taken = begun.elapsed();
    ending.gone().await?;
    Ok(taken)
}

/// A batch a second, in the background.
struct Trickle(JoinHandle<Result<()>>);

impl Trickle {
    fn start(target: SocketAddr, paths: &[String]) -> Self {
        let tokens: Vec<String> = paths.iter().filter_map(|path| Some(path.rsplit_once('/')?.1.to_owned())).collect();
        Self(tokio::spawn(async move {
            let (mut connection, mut pace) = (Http::open(target).await?, tokio::time::interval(PAUSE));
            loop {
                pace.tick().await;
                post_once(&mut connection, &tokens, 0).await?;
            }
        }))
    }

    /// Fails when a batch has failed on the way: the times would be of an idle cluster.
    async fn end(mut self) -> Result<()> {
        self.0.abort();
        match (&mut self.0).await {
            Ok(ended) => ended,
            Err(_) => Ok(()),
        }
    }
}

impl Drop for Trickle {
    fn drop(&mut self) {
        self.0.abort();
    }
}
