//! The database.

use super::scene::Scene;
use super::threats::database_ports;
use crate::nemesis::{Cut, require};
use rand::Rng;
use rand::rngs::StdRng;
use std::time::Duration;
use suites::support::runner::Shown;

/// Two of three are a quorum: evaluators go on (F8).
pub async fn f08_a_database_node_is_frozen(scene: &Scene, dice: &mut StdRng) -> Shown {
    let node = format!("cassandra-{}", dice.random_range(1..=3));
    scene.topology.real().stop(&node).await;
    let length = scene.length(15, 60);
    tokio::time::sleep(length / 3).await;
    // What is in the log now is applied while the node is still frozen.
    let ends = scene.topic(|topic| topic.ends()).await;
    scene.until_applied(&ends).await;
    tokio::time::sleep(length / 3).await;
    scene.topology.real().cont(&node).await;
    Ok(())
}

/// What evaluators ask is done, and no answer tells them so: doing it again changes nothing (F30).
pub async fn f30_writes_are_applied_and_reported_as_timed_out(scene: &Scene, dice: &mut StdRng) -> Shown {
    require()?;
    let (users, ports) = (scene.users(&scene.evaluators())?, database_ports(scene));
    let before = unknown_outcomes(scene).await;
    for _ in 0..scene.times(3, 20) {
        let cut = Cut::replies(&users, &ports);
        // Longer than a request may take, so that the driver gives up on what has been done.
        tokio::time::sleep(Duration::from_millis(dice.random_range(5_500..8_000))).await;
        drop(cut);
        tokio::time::sleep(Duration::from_millis(dice.random_range(500..3_000))).await;
    }
    let unknown = unknown_outcomes(scene).await - before;
    println!("f30: evaluators did not learn of {unknown} requests whether they were carried out");
    assert!(unknown > 0.0, "every request was answered");
    Ok(())
}

/// How many requests to the database ended without an answer, at all evaluators.
async fn unknown_outcomes(scene: &Scene) -> f64 {
    let counts = scene.evaluators().into_iter().map(|node| node.metric("db_unknown_outcomes_total"));
    futures::future::join_all(counts).await.into_iter().flatten().sum()
}
