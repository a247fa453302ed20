//! How fast one evaluator catches up: it is stopped, pings pile up in the topic, and it is started again.

use super::{SETTLE, Sizes, has_all, lag, owned, stop_all, until_no_lag};
use crate::driver::{self, Door, Tally, Until};
use crate::node::{Node, until};
use crate::site::Site;
use anyhow::{Result, ensure};
use std::time::Instant;

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
    let evaluator = site.start("evaluator", &[]).await?;
    let times = Times::watch(&evaluator, site.shards, begun).await?;
    times.say(&fed, paths.len());
    evaluator.stop().await
}

/// Seconds after the start of the process.
struct Times {
    /// When it was given the shards; `None`: it had caught up when this was first seen.
    owned: Option<f64>,
    caught_up: f64,
    no_lag: f64,
}

impl Times {
    async fn watch(evaluator: &Node, shards: u16, begun: Instant) -> Result<Self> {
        let since = || begun.elapsed().as_secs_f64();
        until("shards", SETTLE, async || owned(evaluator).await == f64::from(shards)).await?;
        let owned = (!has_all(evaluator, shards).await).then(since);
        until("an evaluator that has caught up", SETTLE, async || has_all(evaluator, shards).await).await?;
        let caught_up = since();
        let all_said = async || {
            let metrics = evaluator.metrics().await;
            metrics.is_ok_and(|said| said.series("eval_lag_records").count() == usize::from(shards))
        };
        until("the lag of each shard", SETTLE, all_said).await?;
        until_no_lag(std::slice::from_ref(evaluator)).await?;
        ensure!(lag(std::slice::from_ref(evaluator)).await? < 100.0, "it says that it has caught up, and has not");
        Ok(Self { owned, caught_up, no_lag: since() })
    }

    fn say(&self, fed: &Tally, monitors: usize) {
        let records = fed.accepted as f64;
        println!("  {records} pings of {monitors} monitors, written at {:.0}/s", fed.rate());
        let line = |what: &str, seconds: f64| {
            let (rate, multiple) = (records / seconds, fed.seconds / seconds);
            println!("  {what}: {seconds:.2} s, {rate:.0} records/s, {multiple:.1} x real time at that rate");
        };
        line("from the start of the process until it had caught up", self.caught_up);
        match self.owned {
            Some(owned) => line("from when it had its shards", self.caught_up - owned),
            None => println!("  too few records to tell start and replay apart"),
        }
        line("until eval_lag_records was 0 (said once a second)", self.no_lag);
    }
}
