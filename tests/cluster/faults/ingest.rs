//! The doors.

use super::scene::Scene;
use super::threats::until_acknowledged;
use crate::history::now_ms;
use rand::Rng;
use rand::rngs::StdRng;
use std::time::Duration;
use suites::support::runner::Shown;
use suites::support::topology::Role;
use suites::support::wait::secs;

/// `kill -9` at random moments, now and then to both at once: who got no answer comes again, and nothing that was
/// acknowledged is lost (F1).
pub async fn f01_ingest_is_killed_again_and_again(scene: &Scene, dice: &mut StdRng) -> Shown {
    for _ in 0..scene.times(5, 30) {
        tokio::time::sleep(Duration::from_millis(dice.random_range(1_000..4_000))).await;
        let number = dice.random_range(0..2);
        let both = dice.random_bool(0.25);
        let nodes: Vec<_> = scene.topology.of(Role::Ingest).enumerate().collect();
        let chosen: Vec<_> = nodes.into_iter().filter(|(place, _)| both || *place == number).collect();
        for (_, node) in &chosen {
            node.kill().await;
        }
        tokio::time::sleep(Duration::from_millis(dice.random_range(0..1_500))).await;
        futures::future::join_all(chosen.iter().map(|(_, node)| node.start())).await;
    }
    until_acknowledged(scene, now_ms(), 50, secs(60)).await;
    Ok(())
}
