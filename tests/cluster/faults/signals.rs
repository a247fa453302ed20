//! SIGTERM at every moment: once, twice, to all at once, and during the start (F46).

use super::scene::Scene;
use rand::Rng;
use rand::rngs::StdRng;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;
use suites::support::runner::Shown;
use suites::support::topology::Node;

const SIGTERM: i32 = 15;

/// Every end is orderly, and every start after it finds what it left.
pub async fn f46_signals_storm(scene: &Scene, dice: &mut StdRng) -> Shown {
    let nodes: Vec<&Node> = scene.topology.nodes().collect();
    for _ in 0..scene.times(1, 5) {
        all_at_once(&nodes).await;
        for node in &nodes {
            twice(node, dice).await;
            during_the_start(node, dice).await;
            node.start().await;
        }
    }
    Ok(())
}

async fn all_at_once(nodes: &[&Node]) {
    let ends = futures::future::join_all(nodes.iter().map(|node| node.term())).await;
    for (node, end) in nodes.iter().zip(ends) {
        assert_eq!(end.code(), Some(0), "{} ended with {end}", node.name);
    }
    futures::future::join_all(nodes.iter().map(|node| node.start())).await;
}

/// A second signal ends it at once; either way by itself.
async fn twice(node: &Node, dice: &mut StdRng) {
    let pause = Duration::from_millis(dice.random_range(0..400));
    node.signal("TERM");
    tokio::time::sleep(pause).await;
    if node.is_running() {
        node.signal("TERM");
    }
    let end = node.ended().await;
    assert!(end.code().is_some(), "{} ended with {end}", node.name);
}

/// Before anything listens to signals, the signal itself ends the process.
async fn during_the_start(node: &Node, dice: &mut StdRng) {
    node.spawn();
    tokio::time::sleep(Duration::from_millis(dice.random_range(0..1_500))).await;
    let end = node.term().await;
    assert!(end.code() == Some(0) || end.signal() == Some(SIGTERM), "{} ended with {end}", node.name);
}
