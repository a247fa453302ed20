//! How fast one evaluator catches up: it is stopped, pings pile up in the topic, and it is started again.

use super::{SETTLE, Sizes, has_all, owned, stop_all, until_no_lag};
use crate::driver::{self, Door, Tally, Until};
use crate::node::{Node, until};
use crate::site::Site;
use anyhow::Result;
use std::net::SocketAddr;
use std::time::Instant;

/// Seconds: below this the time is that of looking.
const SHORTEST: f64 = 0.2;

pub async fn measure(site: &mut Site, sizes: &Sizes) -> Result<()> {
    let evaluators = site.start_ready("evaluator", 1).await?;
    let paths = site.monitors(sizes.monitors).await?;
    until_no_lag(&evaluators).await?;
    // In order, so that its last snapshot holds all that is there.
    stop_all(evaluators).await?;
    let ingest = site.start_ready("ingest", 1).await?;
    let fed = driver::send(Door::Batch, ingest[0].http, &paths, Until::Accepted(sizes.records)).await?;
    stop_all(ingest).await?;
    let begun = Instant::now();
    let evaluator = site.spawn("evaluator", &[])?;
    let (owned, caught_up) = watch(evaluator.admin, site.shards, begun).await?;
    let evaluators = [evaluator.ready().await?];
    until_each_said(&evaluators[0], site.shards).await?;
    until_no_lag(&evaluators).await?;
    Times { owned, caught_up, no_lag: begun.elapsed().as_secs_f64() }.say(&fed, paths.len());
    stop_all(evaluators.into()).await
}

/// When it had its shards, and when it had caught up: seconds.
async fn watch(admin: SocketAddr, shards: u16, begun: Instant) -> Result<(f64, f64)> {
    let since = || begun.elapsed().as_secs_f64();
    until("shards", SETTLE, async || owned(admin).await == f64::from(shards)).await?;
    let had_all = since();
    until("an evaluator that has caught up", SETTLE, async || has_all(admin, shards).await).await?;
    Ok((had_all, since()))
}

/// Waits until each shard's lag was said once.
async fn until_each_said(evaluator: &Node, shards: u16) -> Result<()> {
    let all_said = async || {
        let metrics = evaluator.metrics().await;
        metrics.is_ok_and(|said| said.series("eval_lag_records").count() == usize::from(shards))
    };
    until("the lag of each shard", SETTLE, all_said).await
}

/// Seconds after the start of the process.
struct Times {
    /// When it was given the shards.
    owned: f64,
    caught_up: f64,
    no_lag: f64,
}

impl Times {
    fn say(&self, fed: &Tally, monitors: usize) {
        let records = fed.accepted as f64;
        println!("  {records} pings of {monitors} monitors, written at {:.0}/s", fed.rate());
        let line = |what: &str, seconds: f64| {
            let (rate, multiple) = (records / seconds, fed.seconds / seconds);
            println!("  {what}: {seconds:.2} s, {rate:.0} records/s, {multiple:.1} x real time at that rate");
        };
        line("from the start of the process until it had caught up", self.caught_up);
        match self.caught_up - self.owned {
            replay if replay >= SHORTEST => line("from when it had its shards", replay),
            _ => println!("  too few records to tell start and replay apart"),
        }
        line("until eval_lag_records was 0 (said once a second)", self.no_lag);
    }
}
