//! What outlives a process: acknowledged records (I10), at whatever moment `kill -9` strikes. And what does not:
//! its hold on the directory.

mod support;

use domain::ids::ShardId;
use eventlog::EventLog;
use eventlog::embedded::{DirectoryLock, OpenError};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use support::{Options, open, read_all, within};

const DIRECTORY: &str = "QUIETPULSE_TEST_KILL_DIRECTORY";
const ROUND: &str = "QUIETPULSE_TEST_KILL_ROUND";
const TASKS: u64 = 32;

/// Not a rule of its own: what the test below starts and kills. Does nothing unless it was started so.
#[test]
fn appending_child() {
    let (Ok(directory), Ok(round)) = (std::env::var(DIRECTORY), std::env::var(ROUND)) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(append_for_ever(Path::new(&directory), &round));
}

async fn append_for_ever(directory: &Path, round: &str) {
    let log = open(directory, &Arc::default(), Options::default());
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let (log, round) = (log.clone(), round.to_owned());
            tokio::spawn(async move {
                for n in 0u64.. {
                    let shard = ShardId((task % 4) as u16);
                    let payload = format!("{round}/{task}/{n}");
                    let appended = log.append(shard, payload.clone().into_bytes()).await.unwrap();
                    acknowledge(&format!("acked {shard} {} {payload}\n", appended.offset));
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

/// One write per line: what the parent reads whole was acknowledged.
fn acknowledge(line: &str) {
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

#[tokio::test]
async fn acknowledged_records_survive_kill_9() {
    let directory = tempfile::tempdir().unwrap();
    let mut acked = BTreeMap::new();
    // When to strike, in acknowledged records: while the log is opened, at the first, in full flow, and past
    // several checkpoints.
    for (round, strike) in [0, 1, 2_500, 37, 811, 6_000, 5].into_iter().enumerate() {
        let before = acked.len();
        strike_after(strike, spawn_child("appending_child", directory.path(), round), &mut acked);
        assert!(acked.len() >= before + strike, "the child did its work");
        verify(directory.path(), &acked).await;
    }
}

/// Not a rule of its own either.
#[test]
fn locking_child() {
    let (Ok(directory), Ok(_)) = (std::env::var(DIRECTORY), std::env::var(ROUND)) else { return };
    let _lock = DirectoryLock::take(Path::new(&directory)).unwrap();
    acknowledge("locked\n");
    loop {
        std::thread::park();
    }
}

#[test]
fn a_directory_belongs_to_one_process_until_that_dies() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = spawn_child("locking_child", directory.path(), 0);
    let output = BufReader::new(child.stdout.take().unwrap());
    assert!(output.lines().any(|line| line.unwrap().ends_with("locked")));
    let refusal = DirectoryLock::take(directory.path()).unwrap_err();
    assert!(matches!(&refusal, OpenError::Locked { pid, .. } if *pid == Some(child.id())), "{refusal}");
    child.kill().unwrap();
    child.wait().unwrap();
    DirectoryLock::take(directory.path()).unwrap();
}

fn spawn_child(name: &str, directory: &Path, round: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(DIRECTORY, directory)
        .env(ROUND, round.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Kills the child at its `strike`-th acknowledgement, and notes all it had given until it died.
fn strike_after(strike: usize, mut child: Child, acked: &mut BTreeMap<(u16, u64), String>) {
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let (mut line, mut seen) = (String::new(), 0);
    loop {
        if seen == strike {
            child.kill().unwrap();
        }
        line.clear();
        output.read_line(&mut line).unwrap();
        if line.is_empty() {
            break;
        }
        seen += usize::from(note(&line, acked));
    }
    child.wait().unwrap();
}

/// False for a line that is no acknowledgement, or that death cut short.
fn note(line: &str, acked: &mut BTreeMap<(u16, u64), String>) -> bool {
    let Some(line) = line.strip_suffix('\n') else { return false };
    let Some((_, line)) = line.split_once("acked ") else { return false };
    let mut words = line.split(' ');
    let (shard, offset, payload) = (words.next().unwrap(), words.next().unwrap(), words.next().unwrap());
    let place = (shard.parse().unwrap(), offset.parse().unwrap());
    assert_eq!(acked.insert(place, payload.to_owned()), None, "an offset was given out twice");
    true
}

async fn verify(directory: &Path, acked: &BTreeMap<(u16, u64), String>) {
    let log = open(directory, &Arc::default(), Options::default());
    let mut found = BTreeMap::new();
    for shard in log.shards().all() {
        for record in read_all(&log, shard).await {
            found.insert((shard.0, record.offset), String::from_utf8(record.payload.to_vec()).unwrap());
        }
    }
    for (place, payload) in acked {
        assert_eq!(found.get(place), Some(payload), "shard and offset {place:?}");
    }
    within(log.close()).await;
}
