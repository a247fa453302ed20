//! Those who judge.

use super::scene::{SHARDS, Scene};
use rand::Rng;
use rand::rngs::StdRng;
use std::time::{Duration, Instant};
use suites::support::runner::Shown;

/// `kill -9` at random moments: somebody else takes over, and each verdict comes once (F2).
pub async fn f02_evaluators_are_killed_again_and_again(scene: &Scene, dice: &mut StdRng) -> Shown {
    for _ in 0..scene.times(3, 20) {
        let evaluator = scene.evaluator(dice.random_range(0..2));
        evaluator.kill().await;
        // Sometimes it is back before anybody noticed, sometimes the other one has everything by then.
        tokio::time::sleep(Duration::from_millis(dice.random_range(100..10_000))).await;
        evaluator.start().await;
        tokio::time::sleep(Duration::from_millis(dice.random_range(1_000..5_000))).await;
    }
    Ok(())
}

/// One that is frozen until another one owns its shards, and goes on as if nothing had happened, does no harm (F6).
pub async fn f06_an_evaluator_is_frozen(scene: &Scene, dice: &mut StdRng) -> Shown {
    let frozen = dice.random_range(0..2);
    let (frozen, other) = (scene.evaluator(frozen), scene.evaluator(1 - frozen));
    let (began, length) = (Instant::now(), scene.length(20, 90));
    frozen.signal("STOP");
    scene.owns(other, SHARDS).await;
    println!("f06: {} has all shards {:.1?} after the other one was frozen", other.name, began.elapsed());
    tokio::time::sleep(length.saturating_sub(began.elapsed())).await;
    frozen.signal("CONT");
    Ok(())
}

/// One leaves and comes again every few seconds (F34).
pub async fn f34_evaluators_come_and_go(scene: &Scene, dice: &mut StdRng) -> Shown {
    for round in 0..scene.times(4, 24) {
        let evaluator = scene.evaluator(if round % 3 == 2 { 0 } else { 1 });
        let ended = evaluator.term().await;
        assert!(ended.success(), "{} ended with {ended}", evaluator.name);
        tokio::time::sleep(Duration::from_millis(dice.random_range(0..2_000))).await;
        evaluator.start().await;
        tokio::time::sleep(Duration::from_millis(dice.random_range(500..3_000))).await;
    }
    Ok(())
}
