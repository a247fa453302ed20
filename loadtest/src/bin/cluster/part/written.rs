//! What evaluators write to the store for pings, by table, as they count it themselves (key, cell and about what goes
//! with them, before the database's own copies, logs and compaction).

use super::{SETTLE, Sizes, stop_all, until_no_lag};
use crate::driver::{self, Door, Until};
use crate::node::{Node, until};
use crate::scrape::Metrics;
use crate::site::Site;
use anyhow::Result;
use std::collections::BTreeMap;
use std::time::Instant;

const BYTES: &str = "store_bytes_written_total";
const ROWS: &str = "store_rows_written_total";

pub async fn measure(site: &mut Site, sizes: &Sizes) -> Result<()> {
    let evaluators = site.start_ready("evaluator", 1).await?;
    let paths = site.monitors(sizes.monitors).await?;
    let ingest = site.start_ready("ingest", 1).await?;
    until_no_lag(&evaluators).await?;
    let (before, begun) = (evaluators[0].metrics().await?, Instant::now());
    let sent = driver::send(Door::Batch, ingest[0].http, &paths, Until::Accepted(sizes.records)).await?;
    until_no_lag(&evaluators).await?;
    until_saved(&evaluators[0]).await?;
    let after = evaluators[0].metrics().await?;
    println!("  {} pings of {} monitors in {:.0} s", sent.accepted, paths.len(), begun.elapsed().as_secs_f64());
    let millions = sent.accepted as f64 / 1e6;
    say("bytes", &growth(&before, &after, BYTES), millions);
    say("rows", &growth(&before, &after, ROWS), millions);
    stop_all([evaluators, ingest].into_iter().flatten().collect()).await
}

/// Waits for a snapshot of each shard that holds everything up to now.
async fn until_saved(evaluator: &Node) -> Result<()> {
    let since = Instant::now();
    let saved = async || {
        let age = |said: Metrics| said.series("snapshot_age_seconds").map(|(_, age)| age).fold(0.0, f64::max);
        // An age is said once a second and is that much too small by then.
        evaluator.metrics().await.is_ok_and(|said| age(said) + 1.0 < since.elapsed().as_secs_f64())
    };
    until("snapshots", SETTLE, saved).await
}

/// By table, largest first.
fn growth(before: &Metrics, after: &Metrics, name: &str) -> Vec<(String, f64)> {
    let earlier: BTreeMap<&str, f64> = before.series(name).collect();
    let grown = |(labels, value): (&str, f64)| (labels.to_owned(), value - earlier.get(labels).unwrap_or(&0.0));
    let mut grown: Vec<(String, f64)> = after.series(name).map(grown).filter(|(_, grown)| *grown > 0.0).collect();
    grown.sort_by(|a, b| b.1.total_cmp(&a.1));
    grown
}

fn say(unit: &str, by_table: &[(String, f64)], millions: f64) {
    let whole: f64 = by_table.iter().map(|(_, grown)| grown).sum();
    println!("  {:.3e} {unit} per million pings", whole / millions);
    for (labels, grown) in by_table {
        println!("    {:.3e} {unit} {labels}", grown / millions);
    }
}
