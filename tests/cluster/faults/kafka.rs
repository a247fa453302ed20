//! The brokers.

use super::scene::{SHARDS, Scene};
use super::threats::{leader_of, until_acknowledged, until_led_by_another};
use crate::checker::facts::Entry;
use crate::history::now_ms;
use rand::Rng;
use rand::rngs::StdRng;
use std::time::{Duration, Instant};
use suites::support::clock::SteppedClock;
use suites::support::runner::Shown;
use suites::support::wait::{secs, until};

/// A leader that does not answer any more: others lead, nothing is lost, and the old one joins them (F7).
pub async fn f07_a_partition_leader_is_frozen(scene: &Scene, dice: &mut StdRng) -> Shown {
    let shard = dice.random_range(0..SHARDS);
    let leader = leader_of(scene, shard).await;
    let (began, length) = (Instant::now(), scene.length(15, 60));
    scene.topology.real().stop(&leader).await;
    until_led_by_another(scene, shard, &leader, secs(60)).await;
    println!("f07: shard {shard} has another leader {:.1?} after {leader} was frozen", began.elapsed());
    until_acknowledged(scene, now_ms(), 20, secs(60)).await;
    tokio::time::sleep(length.saturating_sub(began.elapsed())).await;
    scene.topology.real().cont(&leader).await;
    Ok(())
}

/// `kill -9` to a leader: writes go on soon after the election (F9).
pub async fn f09_a_partition_leader_is_killed(scene: &Scene, dice: &mut StdRng) -> Shown {
    let shard = dice.random_range(0..SHARDS);
    let leader = leader_of(scene, shard).await;
    let began = Instant::now();
    scene.topology.real().kill(&leader).await;
    until_led_by_another(scene, shard, &leader, secs(60)).await;
    let elected = began.elapsed();
    until_acknowledged(scene, now_ms(), 50, secs(60)).await;
    println!("f09: elected after {elected:.1?}, 50 pings acknowledged {:.1?} later", began.elapsed() - elected);
    tokio::time::sleep(scene.length(3, 30)).await;
    scene.topology.real().start(&leader).await;
    Ok(())
}

/// One of three is no majority: nobody is told `OK`, and nobody is accused of what could not be heard (F10).
pub async fn f10_two_of_three_brokers_are_killed(scene: &Scene, dice: &mut StdRng) -> Shown {
    let survivor = dice.random_range(1..=3);
    let victims: Vec<String> = (1..=3).filter(|n| *n != survivor).map(|n| format!("kafka-{n}")).collect();
    for victim in &victims {
        scene.topology.real().kill(victim).await;
    }
    let dead_ms = now_ms();
    tokio::time::sleep(scene.length(15, 60)).await;
    let back_ms = now_ms();
    let pings = scene.history.pings_between(dead_ms, back_ms);
    let acked = pings.iter().filter(|one| one.is_acknowledged()).count();
    let told_503 = pings.iter().filter(|one| format!("{:?}", one.outcome).contains("503")).count();
    println!("f10: with one broker {} attempts, {acked} acknowledged, {told_503} answered 503", pings.len());
    assert_eq!(acked, 0, "one broker of three acknowledged pings that need two");
    assert!(told_503 > 0, "clients are told");
    for victim in &victims {
        scene.topology.real().start(victim).await;
    }
    let began = Instant::now();
    until_acknowledged(scene, now_ms(), 50, secs(90)).await;
    println!("f10: 50 pings acknowledged {:.1?} after the brokers were back", began.elapsed());
    Ok(())
}

/// Each broker ends in order and comes back (F11).
pub async fn f11_brokers_are_restarted_one_after_another(scene: &Scene, _: &mut StdRng) -> Shown {
    let from_ms = now_ms();
    for number in 1..=3 {
        let broker = format!("kafka-{number}");
        scene.topology.real().term(&broker).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        scene.topology.real().start(&broker).await;
        scene.heal().await;
    }
    let pings = scene.history.pings_between(from_ms, now_ms());
    let refused = pings.iter().filter(|one| !one.is_acknowledged()).count();
    println!("f11: {refused} of {} attempts were not acknowledged during a rolling restart", pings.len());
    assert!(refused * 50 <= pings.len(), "{refused} of {} attempts were not acknowledged", pings.len());
    Ok(())
}

/// The log's clock runs an hour ahead for a while: nobody is accused, and shards do not stand still for an hour (F28).
pub async fn f28_a_brokers_clock_jumps(scene: &Scene, dice: &mut StdRng) -> Shown {
    SteppedClock::new().map(drop)?;
    let number = dice.random_range(1..=3);
    let broker = format!("kafka-{number}");
    scene.topology.real().give_clock(&broker).await;
    scene.heal().await;
    let led = let_lead(scene, number).await;
    let (before, seconds) = (now_ms(), if dice.random_bool(0.7) { 3_600 } else { -3_600 });
    let set_back_before = set_back(scene).await;
    println!("f28: the clock of {broker}, which leads shards {led:?}, jumps by {seconds} s");
    scene.topology.real().clock(&broker, seconds).await;
    tokio::time::sleep(scene.length(10, 60)).await;
    scene.topology.real().clock(&broker, 0).await;
    let ends = scene.topic(|topic| topic.ends()).await;
    let log = scene.topic(move |topic| topic.read(&ends)).await;
    let off_by = |append_ms: i64| if seconds > 0 { append_ms - before } else { before - append_ms };
    let is_off = |entry: &&Entry| (1_800_000..5_000_000).contains(&off_by(entry.append_ms));
    let off: Vec<usize> = log.iter().map(|entries| entries.iter().filter(is_off).count()).collect();
    let (records, shards) = (off.iter().sum::<usize>(), off.iter().filter(|count| **count > 0).count());
    println!("f28: {records} records of {shards} shards bear a time that was wrong by an hour");
    assert!(records > 0, "no record bears a wrong time");
    if seconds > 0 {
        // Thirty ticks in a row contradict a clock that ran ahead, and set it back.
        let wanted = set_back_before + shards as f64;
        let all = async || (set_back(scene).await >= wanted).then_some(());
        until("every shard whose clock ran ahead is set back", secs(120), all).await;
    }
    Ok(())
}

/// How many clocks of shards were set back, at all evaluators.
async fn set_back(scene: &Scene) -> f64 {
    let counts = scene.evaluators().into_iter().map(|node| node.metric("clock_quarantined_total"));
    futures::future::join_all(counts).await.into_iter().flatten().sum()
}

/// Brokers lead what they led before only after minutes; ending the others one after another hands it over at once.
async fn let_lead(scene: &Scene, number: i32) -> Vec<u16> {
    for other in (1..=3).filter(|other| *other != number).cycle().take(6) {
        let led = scene.topic(move |topic| topic.led_by(number)).await;
        if led.len() >= 3 {
            return led;
        }
        let other = format!("kafka-{other}");
        scene.topology.real().term(&other).await;
        scene.topology.real().start(&other).await;
        scene.heal().await;
    }
    panic!("kafka-{number} is not made a leader")
}
