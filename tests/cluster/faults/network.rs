//! Processes that do not reach each other.

use super::scene::{SHARDS, Scene};
use super::threats::{broker_ports, database_ports, until_acknowledged};
use crate::history::{Operation, Outcome, now_ms};
use crate::nemesis::{Cut, require};
use rand::Rng;
use rand::rngs::StdRng;
use std::time::Instant;
use suites::support::runner::Shown;
use suites::support::topology::{Node, Role};
use suites::support::wait::secs;

/// No ingest may hold more than this while it waits, in bytes.
const MOST_MEMORY: u64 = 400 << 20;

/// Nothing passes between ingest and Kafka: clients are told in time, memory is bounded (F19).
pub async fn f19_ingest_does_not_reach_kafka(scene: &Scene, _: &mut StdRng) -> Shown {
    cut_ingest_off(scene, "f19", Cut::both).await
}

/// What ingest sends arrives, and no answer does: it may be in the log, and counts once (F20).
pub async fn f20_ingest_does_not_hear_kafka(scene: &Scene, _: &mut StdRng) -> Shown {
    cut_ingest_off(scene, "f20", Cut::replies).await
}

async fn cut_ingest_off(scene: &Scene, name: &str, cut: fn(&[u32], &[u16]) -> Cut) -> Shown {
    require()?;
    let ingest: Vec<&Node> = scene.topology.of(Role::Ingest).collect();
    let (users, ports) = (scene.users(&ingest)?, broker_ports(scene));
    let held = cut(&users, &ports);
    let from_ms = now_ms();
    tokio::time::sleep(scene.length(20, 60)).await;
    let pings = scene.history.pings_between(from_ms, now_ms());
    let (told, memory) = (told(&pings), ingest.iter().map(|node| memory(node)).max().unwrap_or_default());
    drop(held);
    println!("{name}: {told:?} of {} attempts, ingest held {} MB at most", pings.len(), memory >> 20);
    assert!(told.unavailable > 0, "clients are told that their pings were not taken: {told:?}");
    assert_eq!(told.unanswered, 0, "every client is told something before it loses patience");
    assert!(memory < MOST_MEMORY, "{memory} bytes");
    let began = Instant::now();
    until_acknowledged(scene, now_ms(), 50, secs(60)).await;
    println!("{name}: 50 pings acknowledged {:.1?} after it was mended", began.elapsed());
    Ok(())
}

/// What clients were told.
#[derive(Debug, Default)]
struct Told {
    acknowledged: usize,
    unavailable: usize,
    unanswered: usize,
}

fn told(pings: &[Operation]) -> Told {
    let mut told = Told::default();
    for ping in pings {
        match &ping.outcome {
            Outcome::Ok => told.acknowledged += 1,
            Outcome::Refused(answer) if answer.starts_with("503") => told.unavailable += 1,
            Outcome::Unknown(why) if why.contains("in time") => told.unanswered += 1,
            _ => {}
        }
    }
    told
}

/// Resident bytes of a process.
fn memory(node: &Node) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("kB") * 1_024
}

/// It reads and cannot write: its shards wait, and nothing is skipped (F21).
pub async fn f21_an_evaluator_reaches_kafka_but_not_the_database(scene: &Scene, dice: &mut StdRng) -> Shown {
    require()?;
    let evaluator = scene.evaluator(dice.random_range(0..2));
    let (users, ports) = (scene.users(&[evaluator])?, database_ports(scene));
    let retries = evaluator.metric("store_retries_total").await.unwrap_or_default();
    let cut = Cut::both(&users, &ports);
    tokio::time::sleep(scene.length(20, 60)).await;
    let now = evaluator.until_metric("store_retries_total", |now| now > retries).await;
    println!("f21: {} wrote again {} times", evaluator.name, now - retries);
    drop(cut);
    Ok(())
}

/// It writes and cannot read: others take its shards, and what it still writes loses (F22).
pub async fn f22_an_evaluator_reaches_the_database_but_not_kafka(scene: &Scene, dice: &mut StdRng) -> Shown {
    require()?;
    let cut_off = dice.random_range(0..2);
    let (cut_off, other) = (scene.evaluator(cut_off), scene.evaluator(1 - cut_off));
    let (began, length) = (Instant::now(), scene.length(20, 60));
    let cut = Cut::both(&scene.users(&[cut_off])?, &broker_ports(scene));
    scene.owns(other, SHARDS).await;
    println!("f22: {} has all shards {:.1?} after the other one was cut off", other.name, began.elapsed());
    tokio::time::sleep(length.saturating_sub(began.elapsed())).await;
    drop(cut);
    Ok(())
}
