//! `quietpulse explain`: what led to a verdict, and what came of it.
//!
//! - `facts`: what the store knows: the verdict, the pings before it, its deliveries.
//! - `trail`: what the log says about the time in which the work was expected.
//! - `story`: both in one order, in words and as JSON.

mod facts;
mod story;
mod trail;

use crate::cli::Looking;
use crate::failure::Failure;
use crate::looking::{self, Looked};
use crate::output;
use clap::Args;
use domain::ids::{TenantId, TransitionId};
use domain::record::Params;
use facts::Facts;
use story::Story;
use trail::Trail;

#[derive(Args)]
pub struct Arguments {
    /// The verdict: `tr_` and 32 hex digits, as alerts, webhooks and `qp monitor transitions` have it
    transition: TransitionId,
    #[command(flatten)]
    place: Looking,
    /// Whose monitor it is
    #[arg(long, value_name = "ID", default_value_t = 1)]
    tenant: u32,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Prints the story.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = arguments.place.load()?;
    let w_ms = u32::try_from(config.append_timeout().as_ms() + config.skew_bound_ms()).unwrap_or(u32::MAX);
    let params = Params { w_ms, c_ms: w_ms, ..Params::EMBEDDED };
    let text = looking::run(async {
        let looked = Looked::open(config).await?;
        let facts = Facts::gather(looked.store.as_ref(), TenantId(arguments.tenant), arguments.transition).await?;
        let shard = looked.place.installation.shards.shard_of(facts.transition.monitor);
        let trail = Trail::read(looked.log().await?.as_ref(), shard, &facts, params).await;
        let story = Story::of(&facts, shard, &trail);
        Ok(if arguments.json { story.json() } else { story.text() })
    })?;
    output::print(&text)
}
