//! Acknowledged writes survive a process that is killed.

use super::open;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use store::conformance::world::{BASE_MS, World, at};
use store::{ShardBatch, ShardTables, TenantReads};

const DIRECTORY: &str = "STORE_TEST_DIRECTORY";
const FIRST: &str = "STORE_TEST_FIRST_OFFSET";
const MONITOR: u64 = 42;
const ACKED_BEFORE_THE_KILL: usize = 150;

/// One step of the child: a ping and a delivery of one number.
fn step(world: &World, number: u64) -> ShardBatch {
    let mut ping = world.ping("m", number);
    ping.monitor.0 = MONITOR;
    ping.details.body = vec![number as u8; 3_000];
    let mut delivery = world.delivery(domain::ids::ChannelId(MONITOR), 0, BASE_MS + number as i64);
    delivery.id.0 = u128::from(number).to_be_bytes();
    ShardBatch { history: vec![ping], deliveries: vec![delivery], ..at(number as i64) }
}

#[tokio::test]
#[ignore = "the process that the test below kills"]
async fn child_that_writes_until_it_is_killed() {
    let directory = std::env::var(DIRECTORY).expect("started by the test below");
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    let store = open(Path::new(&directory));
    let world = World::new();
    let writer = async |lane: u64| {
        for number in (0..).map(|n| first + n * 4 + lane) {
            store.write(world.shard, step(&world, number)).await.unwrap();
            let mut out = std::io::stdout().lock();
            writeln!(out, "\nacked {number}").and_then(|()| out.flush()).unwrap();
        }
    };
    tokio::join!(writer(0), writer(1), writer(2), writer(3));
}

fn start_child(directory: &Path, first: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "durability::child_that_writes_until_it_is_killed", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What a child had acknowledged when it was killed.
fn acked_until_killed(mut child: Child) -> BTreeSet<u64> {
    let mut acked = BTreeSet::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        acked.extend(line.strip_prefix("acked ").map(|number| number.parse::<u64>().unwrap()));
        if acked.len() == ACKED_BEFORE_THE_KILL {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    acked
}

async fn stored(directory: &Path) -> (BTreeSet<u64>, BTreeSet<u64>) {
    let store = open(directory);
    let (mut pings, mut deliveries) = (BTreeSet::new(), BTreeSet::new());
    let mut after = None;
    loop {
        let page = store.history(domain::ids::MonitorId(MONITOR), 1_000, after.as_deref()).await.unwrap();
        pings.extend(page.rows.iter().map(|row| row.offset));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    loop {
        let channel = domain::ids::ChannelId(MONITOR);
        let page = store.deliveries(channel, 1_000, after.as_deref()).await.unwrap();
        deliveries.extend(page.rows.iter().map(|row| (row.created_ms - BASE_MS) as u64));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    (pings, deliveries)
}

#[tokio::test]
async fn acknowledged_writes_survive_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let mut acked = BTreeSet::new();
    for round in 0..4 {
        let killed = acked_until_killed(start_child(directory.path(), round * 1_000_000));
        assert!(killed.len() >= ACKED_BEFORE_THE_KILL, "the child ended by itself after {}", killed.len());
        acked.extend(killed);
        let (pings, deliveries) = stored(directory.path()).await;
        assert_eq!(acked.difference(&pings).collect::<Vec<_>>(), Vec::<&u64>::new(), "lost in round {round}");
        assert_eq!(pings, deliveries, "a step is there as a whole or not at all");
    }
}
