//! The figures, one module each. Each starts the processes it needs and ends them.

mod delivery;
mod ingest;
mod replay;
mod scale;
mod takeover;
mod written;

use crate::Options;
use crate::node::{Node, until};
use crate::scrape::{Metrics, is_ready};
use crate::site::Site;
use anyhow::Result;
use clap::ValueEnum;
use std::net::SocketAddr;
use std::time::Duration;

/// How long shards may take to find their owners and to be caught up with.
const SETTLE: Duration = Duration::from_secs(180);

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// Acknowledged pings per second, against librdkafka's own producer
    Ingest,
    /// From a deadline to the alert
    Delivery,
    /// Records per second of an evaluator that has to catch up
    Replay,
    /// How soon another evaluator has caught up with the shards of one that ended
    Takeover,
    /// Bytes written to the store per million pings
    Written,
    /// Rates with 1, 2 and 4 processes, and what saturates
    Scale,
}

impl Part {
    /// As it is typed.
    pub fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// Measures and prints.
    pub async fn measure(self, site: &mut Site, sizes: &Sizes) -> Result<()> {
        match self {
            Self::Ingest => ingest::measure(site, sizes).await,
            Self::Delivery => delivery::measure(site, sizes).await,
            Self::Replay => replay::measure(site, sizes).await,
            Self::Takeover => takeover::measure(site, sizes).await,
            Self::Written => written::measure(site, sizes).await,
            Self::Scale => scale::measure(site, sizes).await,
        }
    }
}

/// How much of everything.
pub struct Sizes {
    pub seconds: Duration,
    pub rounds: u32,
    pub monitors: u32,
    pub records: u64,
    pub silent: u32,
    /// Processes of each kind, one row of the table each.
    pub processes: &'static [usize],
}

impl Sizes {
    pub fn of(options: &Options) -> Self {
        let quick = options.quick;
        let by = |set: Option<u64>, full, small| set.unwrap_or(if quick { small } else { full });
        let by_u32 = |set: Option<u32>, full, small| set.unwrap_or(if quick { small } else { full });
        Self {
            seconds: Duration::from_secs(by(options.seconds, 5, 1)),
            rounds: by_u32(options.rounds, 5, 1),
            monitors: by_u32(options.monitors, 10_000, 300),
            records: by(options.records, 500_000, 20_000),
            silent: by_u32(options.silent, 500, 40),
            processes: if quick { &[1, 2] } else { &[1, 2, 4] },
        }
    }
}

/// Ends processes side by side, in order.
async fn stop_all(nodes: Vec<Node>) -> Result<()> {
    futures::future::try_join_all(nodes.into_iter().map(Node::stop)).await.map(drop)
}

/// Whether the evaluator with this admin port works on so many shards and has caught up with each.
async fn has_all(admin: SocketAddr, shards: u16) -> bool {
    owned(admin).await == f64::from(shards) && is_ready(admin).await
}

async fn owned(admin: SocketAddr) -> f64 {
    Metrics::of(admin).await.map_or(0.0, |metrics| metrics.sum("shards_owned"))
}

/// Records that evaluators have not applied; each says so once a second.
async fn lag(evaluators: &[Node]) -> Result<f64> {
    let mut records = 0.0;
    for evaluator in evaluators {
        records += evaluator.metrics().await?.sum("eval_lag_records");
    }
    Ok(records)
}

/// Waits until evaluators have nothing before them.
async fn until_no_lag(evaluators: &[Node]) -> Result<()> {
    until("evaluators that have caught up", SETTLE, async || lag(evaluators).await.is_ok_and(|lag| lag == 0.0)).await
}
