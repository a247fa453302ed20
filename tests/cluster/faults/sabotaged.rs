//! No fault at all: the checker is checked with what really happened.

use super::scene::Scene;
use crate::checker::check;
use crate::checker::sabotage::SIX;
use crate::history::now_ms;
use rand::rngs::StdRng;
use std::time::{Duration, Instant};
use suites::support::runner::Shown;

/// How long it may take until there is something to break in each of the six ways.
const PATIENCE: Duration = Duration::from_secs(180);

/// The real history of this run, with one change each: the checker must see what the change did.
pub async fn f00_the_checker_sees_this_very_history_broken(scene: &Scene, _: &mut StdRng) -> Shown {
    let end = Instant::now() + PATIENCE;
    loop {
        let facts = scene.facts(now_ms()).await;
        // What is wrong already is told by the check that follows each slot.
        let (_, summary) = check(&facts);
        let found: Vec<_> = SIX.iter().filter_map(|sabotage| sabotage.found_in(&facts)).collect();
        if found.len() == SIX.len() {
            println!("f00: {summary}; seen: {:?}", found.iter().map(|one| one.rule).collect::<Vec<_>>());
            return Ok(());
        }
        assert!(Instant::now() < end, "only {} of six ways found something to break: {summary}", found.len());
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}
