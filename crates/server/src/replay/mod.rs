//! `quietpulse replay --verify`: the state of every shard, worked out again from the log, against the state that is.
//!
//! Up to three ways lead to a shard's state: its owner has it, the snapshot and the rest of the log give it, and the log
//! alone gives it while it still has its first record. All that can be had must agree to the byte (invariant I1).

mod verify;

use crate::cli::Looking;
use crate::failure::Failure;
use crate::looking::{self, Looked};
use crate::output;
use clap::Args;
use domain::ids::ShardId;
use verify::{Verdict, Verifier};

#[derive(Args)]
pub struct Arguments {
    /// Compare, and change nothing: exit 1 if something differs
    #[arg(long, required = true)]
    verify: bool,
    /// Only this shard
    #[arg(long, value_name = "N")]
    shard: Option<u16>,
    #[command(flatten)]
    place: Looking,
}

/// Compares, and prints a line a shard as it goes.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = arguments.place.load()?;
    looking::run(async {
        let looked = Looked::open(config).await?;
        let shards = looked.place.installation.shards;
        let chosen: Vec<ShardId> = shards.all().filter(|shard| arguments.shard.is_none_or(|n| n == shard.0)).collect();
        if chosen.is_empty() {
            return Err(Failure::usage(format_args!("--shard: allowed: 0 to {}", shards.get() - 1)));
        }
        let (verifier, mut differing, mut alone) = (Verifier::new(&looked), 0, 0);
        for shard in &chosen {
            let verdict = verifier.verify(*shard).await?;
            output::print(&format!("shard {shard}: {verdict}\n"))?;
            differing += usize::from(matches!(verdict, Verdict::Differs { .. }));
            alone += usize::from(matches!(verdict, Verdict::Alone { .. }));
        }
        if differing > 0 {
            return Err(Failure::failed(format_args!("{differing} of {} shards differ", chosen.len())));
        }
        let equal = chosen.len() - alone;
        let rest = if alone > 0 { format!(", {alone} not compared") } else { String::new() };
        output::print(&format!("{equal} of {} shards equal{rest}\n", chosen.len()))
    })
}
