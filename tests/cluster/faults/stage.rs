//! Where the cluster of all slots lives: a runtime that outlives every case, and one slot at a time on it.

use super::scene::Scene;
use super::slot::{ALL, Slot, find, seed};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use suites::support::evidence;
use suites::support::runner::{Shown, Skipped, lock};
use suites::support::topology::Real;
use tokio::runtime::{Builder, Runtime};

static SCENE: std::sync::Mutex<Option<Arc<Scene>>> = std::sync::Mutex::new(None);

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime"))
}

/// Performs one slot, from the first blow to the last check.
pub async fn perform(name: &'static str) -> Shown {
    let (done, waiting) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || done.send(whole(find(name), 0)));
    match waiting.await.expect("the slot ends one way or another") {
        Ok(shown) => shown,
        Err(panic) => resume_unwind(panic),
    }
}

/// Slot after slot in a seeded order, each with its full length, until the time is over.
pub fn endure(minutes: u64) -> ExitCode {
    let over = Instant::now() + Duration::from_secs(minutes * 60);
    let mut dice = StdRng::seed_from_u64(seed());
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    for round in 0.. {
        let mut slots: Vec<&Slot> = ALL.iter().collect();
        slots.shuffle(&mut dice);
        for slot in slots {
            if Instant::now() >= over {
                let findings = end();
                findings.iter().for_each(|finding| println!("FAILED in the log of a server: {finding}"));
                let failed = failed + findings.len();
                println!("{passed} passed, {failed} failed, {skipped} skipped");
                return if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
            }
            match whole(slot, round) {
                Ok(Ok(())) => passed += 1,
                Ok(Err(Skipped(reason))) => {
                    skipped += 1;
                    println!("SKIPPED, not shown by this run: {}: {reason}", slot.name);
                }
                Err(_) => {
                    failed += 1;
                    println!("FAILED: {} (QP_SEED={}, round {round})", slot.name, seed());
                }
            }
        }
    }
    unreachable!("rounds have no end")
}

/// Ends the cluster and gives what no log may hold.
pub fn end() -> Vec<String> {
    drop(lock(&SCENE).take());
    runtime().block_on(Real::end_all());
    evidence::findings()
}

fn whole(slot: &'static Slot, round: u64) -> std::thread::Result<Shown> {
    let played = catch_unwind(AssertUnwindSafe(|| runtime().block_on(play(slot, round))));
    let standing = lock(&SCENE).clone().filter(|_| played.is_err());
    if let Some(scene) = standing {
        // What a slot that failed has broken must not fail the next one.
        let healed = catch_unwind(AssertUnwindSafe(|| runtime().block_on(scene.heal_by_force())));
        healed.unwrap_or_else(|_| println!("the cluster could not be mended after {}", slot.name));
    }
    played
}

async fn play(slot: &'static Slot, round: u64) -> Shown {
    let scene = scene().await?;
    let began = Instant::now();
    scene.note(&format!("{} begins", slot.name));
    (slot.run)(&scene, &mut slot.dice(round)).await?;
    let broken_for = began.elapsed();
    let summary = scene.settle(slot.name).await;
    println!("{}: {broken_for:.0?} broken, settled after {:.0?}; {summary}", slot.name, began.elapsed());
    Ok(())
}

async fn scene() -> Result<Arc<Scene>, Skipped> {
    if let Some(scene) = lock(&SCENE).clone() {
        return Ok(scene);
    }
    let scene = Arc::new(Scene::set(seed()).await?);
    *lock(&SCENE) = Some(Arc::clone(&scene));
    Ok(scene)
}
