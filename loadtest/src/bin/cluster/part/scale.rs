//! Rates with several processes of each kind on one machine, and who spends its processors.

use super::{Sizes, lag, stop_all, until_no_lag};
use crate::cpu::{Meter, Spent};
use crate::driver;
use crate::node::Node;
use crate::site::Site;
use anyhow::{Result, ensure};
use loadtest::generator::{Load, Report};
use std::sync::Arc;
use std::time::Duration;

/// Of all ingest processes together.
const CONNECTIONS: usize = 256;
/// The generator connects for so long, and loads for so long before it counts: a new producer's first records are slow.
const LEAD: Duration = Duration::from_millis(200);
const WARM_UP: Duration = Duration::from_secs(1);
/// Above this share of all processors it is the machine that has no more.
const FULL: f64 = 0.9;

pub async fn measure(site: &mut Site, sizes: &Sizes) -> Result<()> {
    println!("  HTTP, {CONNECTIONS} connections in all; shares are of all processors");
    println!("  processes  pings/s     p99  not applied  ingest  evaluators  Kafka  Cassandra  generator  first");
    for count in sizes.processes {
        row(site, sizes, *count).await?;
    }
    Ok(())
}

async fn row(site: &mut Site, sizes: &Sizes, count: usize) -> Result<()> {
    let evaluators = site.start_ready("evaluator", count).await?;
    let paths = site.monitors(sizes.monitors).await?;
    let ingest = site.start_ready("ingest", count).await?;
    until_no_lag(&evaluators).await?;
    let watched = async {
        tokio::time::sleep(LEAD + WARM_UP).await;
        let meter = meter(site, &ingest, &evaluators);
        tokio::time::sleep(sizes.seconds).await;
        meter.stop()
    };
    let (report, spent) = tokio::join!(load(&ingest, &paths, sizes.seconds), watched);
    // Evaluators say once a second how far behind they are.
    tokio::time::sleep(Duration::from_millis(1_000)).await;
    let behind = lag(&evaluators).await?;
    let (refused, errors) = (report.refused, report.errors);
    ensure!(refused + errors == 0, "{count} processes: {refused} pings were refused, {errors} failed");
    say(count, &report, behind, &spent);
    stop_all([evaluators, ingest].into_iter().flatten().collect()).await
}

fn meter(site: &Site, ingest: &[Node], evaluators: &[Node]) -> Meter {
    let pids = |nodes: &[Node]| nodes.iter().map(|node| node.pid).collect();
    Meter::start(vec![
        ("ingest", pids(ingest)),
        ("evaluators", pids(evaluators)),
        ("Kafka", vec![site.servers.broker_pid]),
        ("Cassandra", vec![site.servers.database_pid]),
        ("generator", vec![std::process::id()]),
    ])
}

/// All ingest processes side by side.
async fn load(ingest: &[Node], paths: &[String], duration: Duration) -> Report {
    let paths: Arc<[String]> = paths.iter().map(|path| driver::path_of_its_own(path)).collect();
    let load = |target| Load {
        target,
        connections: CONNECTIONS / ingest.len(),
        warm_up: WARM_UP,
        duration,
        rate: None,
        paths: Arc::clone(&paths),
    };
    let loads: Vec<Load> = ingest.iter().map(|node| load(node.http)).collect();
    let mut whole = Report { seconds: duration.as_secs_f64(), ..Report::default() };
    for report in futures::future::join_all(loads.iter().map(Load::run)).await {
        whole.latencies.merge(&report.latencies);
        whole.refused += report.refused;
        whole.errors += report.errors;
    }
    whole
}

fn say(count: usize, report: &Report, behind: f64, spent: &[Spent]) {
    let shares: Vec<String> = spent.iter().map(|spent| format!("{:.0} %", spent.share * 100.0)).collect();
    let [ingest, evaluators, kafka, cassandra, generator] = shares.as_slice() else { return };
    let p99 = report.latencies.quantile(0.99).as_secs_f64() * 1e3;
    println!(
        "  {count:<9}  {:>7.0}  {p99:>3.0} ms  {behind:>11.0}  {ingest:>6}  {evaluators:>10}  {kafka:>5}  {cassandra:>9}  {generator:>9}  {}",
        report.rate(),
        first(spent)
    );
}

/// What has no more to give.
fn first(spent: &[Spent]) -> String {
    let whole: f64 = spent.iter().map(|spent| spent.share).sum();
    let Some(most) = spent.iter().max_by(|a, b| a.share.total_cmp(&b.share)) else { return String::new() };
    let all = (whole * 100.0).round();
    match whole {
        full if full >= FULL => format!("the machine ({all} %), most of it {}", most.group),
        _ => format!("none of these ({all} % of the machine), most of it {}", most.group),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_named_when_it_is_full() {
        let spent = |share| {
            vec![Spent { group: "ingest", seconds: 1.0, share }, Spent { group: "Kafka", seconds: 1.0, share: 0.3 }]
        };
        assert_eq!(first(&spent(0.65)), "the machine (95 %), most of it ingest");
        assert_eq!(first(&spent(0.1)), "none of these (40 % of the machine), most of it Kafka");
    }
}
