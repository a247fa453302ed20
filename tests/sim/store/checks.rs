//! Each fault of the simulated store does what it says, and nothing else.

use crate::store::{SimStore, SimStoreClient, StoreFaults};
use ::store::conformance::world::{BASE_MS, World, at};
use ::store::row::ShardOwner;
use ::store::{ChunkKey, Directory, ShardBatch, ShardTables, SnapshotWrite, Store, StoreError, TenantReads};
use domain::delivery::{Delivery, DeliveryState};
use domain::engine::effects::HistoryRow;
use domain::transition::Transition;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

const HOUR: Duration = Duration::from_secs(3_600);

fn store(seed: u64) -> (Arc<SimStore>, Arc<SimStoreClient>, World) {
    let store = SimStore::new(seed);
    let client = store.client("evaluator-1");
    (store, client, World::new())
}

fn faulty(faults: StoreFaults) -> (Arc<SimStore>, Arc<SimStoreClient>, World) {
    let made = store(1);
    made.1.set_faults(faults);
    made
}

fn is_busy<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Busy(_)))
}

/// The `nth` state of one transition.
fn transition(world: &World, nth: usize) -> Transition {
    Transition { detail: nth.to_string(), ..world.transition("m", 1, 5) }
}

fn step(world: &World, nth: usize) -> ShardBatch {
    ShardBatch { transitions: vec![transition(world, nth)], ..at(nth as i64) }
}

fn details(rows: &[Transition]) -> Vec<&str> {
    rows.iter().map(|row| row.detail.as_str()).collect()
}

async fn timed<T>(future: impl Future<Output = T>) -> (T, u128) {
    let begun = Instant::now();
    let value = future.await;
    (value, begun.elapsed().as_millis())
}

fn chunk(index: u32) -> (ChunkKey, Vec<u8>) {
    (ChunkKey { kind: 1, index, epoch: 7 }, vec![index as u8; 9])
}

fn snapshot(tick: i64, chunks: std::ops::Range<u32>) -> SnapshotWrite {
    let (chunks, manifest) = (chunks.map(chunk).collect(), format!("manifest {tick}").into_bytes());
    SnapshotWrite { hlt_us: at(tick).hlt_us, chunks, manifest, forget: vec![] }
}

#[tokio::test(start_paused = true)]
async fn a_slow_write_is_applied_halfway() {
    let (store, client, world) = faulty(StoreFaults { delay_ms: (800, 800), ..StoreFaults::default() });
    let writing = tokio::spawn({
        let batch = step(&world, 1);
        async move { timed(client.write(world.shard, batch)).await }
    });
    sleep(Duration::from_millis(399)).await;
    assert!(store.transitions().is_empty());
    sleep(Duration::from_millis(2)).await;
    assert_eq!(store.transitions().len(), 1);
    assert_eq!(writing.await.unwrap(), (Ok(()), 800));
}

#[tokio::test(start_paused = true)]
async fn a_busy_store_has_done_nothing() {
    let (store, client, world) = faulty(StoreFaults { busy: 1.0, ..StoreFaults::default() });
    assert!(is_busy(&client.write(world.shard, step(&world, 1)).await));
    assert!(is_busy(&client.ping().await) && is_busy(&client.monitor(world.tenant, "m").await));
    assert!(store.transitions().is_empty());
    assert_eq!(store.client("api").ping().await, Ok(()), "the faults are the client's own");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_a_write_that_was_done() {
    let (store, client, world) = faulty(StoreFaults { unknown: 1.0, ..StoreFaults::default() });
    assert!(is_busy(&client.write(world.shard, step(&world, 1)).await));
    assert_eq!(store.transitions(), [transition(&world, 1)]);
    assert!(is_busy(&client.add_channel(world.channel("c")).await));
    client.set_faults(StoreFaults::default());
    let again = client.add_channel(world.channel("c")).await;
    assert!(matches!(again, Err(StoreError::Conflict(_))), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn a_torn_step_is_there_in_part_and_whole_when_repeated() {
    let (store, client, world) = faulty(StoreFaults { torn: 1.0, ..StoreFaults::default() });
    let history: Vec<_> = (0..100).map(|offset| world.ping("m", offset)).collect();
    let batch = ShardBatch { history, ..at(1) };
    assert!(is_busy(&client.write(world.shard, batch.clone()).await));
    let there = store.history(world.monitor_id("m")).len();
    assert!((20..80).contains(&there), "{there} of 100");
    client.set_faults(StoreFaults::default());
    client.write(world.shard, batch.clone()).await.unwrap();
    assert_eq!(store.history(world.monitor_id("m")), batch.history);
    assert!(store.conflicting_writes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_torn_snapshot_has_some_chunks_and_does_not_count() {
    let (_store, client, world) = faulty(StoreFaults { torn: 1.0, ..StoreFaults::default() });
    assert!(is_busy(&client.save_snapshot(world.shard, snapshot(1, 0..40)).await));
    client.set_faults(StoreFaults::default());
    assert_eq!(client.load_manifest(world.shard).await, Ok(None));
    let mut there = 0;
    for index in 0..40 {
        there += usize::from(client.load_chunks(world.shard, &[chunk(index).0]).await.is_ok());
    }
    assert!((5..35).contains(&there), "{there} of 40");
}

#[tokio::test(start_paused = true)]
async fn for_a_cut_client_everything_is_busy_after_a_second() {
    let (store, client, world) = store(1);
    client.write(world.shard, step(&world, 1)).await.unwrap();
    client.cut(true);
    let (answer, after_ms) = timed(client.write(world.shard, step(&world, 2))).await;
    assert!(is_busy(&answer) && after_ms == 1_000, "{answer:?} after {after_ms} ms");
    let (answer, after_ms) = timed(client.transitions(world.monitor_id("m"), 9, None)).await;
    assert!(is_busy(&answer) && after_ms == 1_000, "{answer:?} after {after_ms} ms");
    client.cut(false);
    assert_eq!(details(&store.transitions()), ["1"]);
    assert_eq!(timed(client.ping()).await, (Ok(()), 0));
}

#[tokio::test(start_paused = true)]
async fn a_cut_before_the_answer_leaves_the_write() {
    let (store, client, world) = faulty(StoreFaults { delay_ms: (800, 800), ..StoreFaults::default() });
    let cutting = async {
        sleep(Duration::from_millis(500)).await;
        client.cut(true);
    };
    let (answer, ()) = tokio::join!(client.write(world.shard, step(&world, 1)), cutting);
    assert!(is_busy(&answer));
    assert_eq!(details(&store.transitions()), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn a_frozen_client_writes_when_it_thaws_and_what_is_newer_stays() {
    let (store, client, world) = store(1);
    client.freeze(true);
    let late = tokio::spawn({
        let (client, batch, shard) = (client.clone(), step(&world, 1), world.shard);
        async move { client.write(shard, batch).await }
    });
    assert!(timeout(HOUR, client.ping()).await.is_err());
    assert!(store.transitions().is_empty());
    store.client("evaluator-2").write(world.shard, step(&world, 2)).await.unwrap();
    client.freeze(false);
    assert_eq!(late.await.unwrap(), Ok(()));
    assert_eq!(details(&store.transitions()), ["2"]);
}

/// What stale reads of a row that was written five times answer: one, two or three writes back.
#[tokio::test(start_paused = true)]
async fn a_stale_read_looks_a_few_writes_back() {
    let (_store, client, world) = faulty(StoreFaults { stale_read: 1.0, ..StoreFaults::default() });
    for nth in 1..=5 {
        client.write(world.shard, step(&world, nth)).await.unwrap();
        client.claim_shard(world.shard, owner(nth as i64)).await.unwrap();
    }
    let id = transition(&world, 1).id;
    let (mut seen, mut listed, mut owners) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..60 {
        seen.push(client.transition_by_id(world.tenant, id).await.unwrap().unwrap().detail);
        let page = client.transitions(world.monitor_id("m"), 9, None).await.unwrap();
        listed.push(page.rows[0].detail.clone());
        owners.push(client.shard_owner(world.shard).await.unwrap().unwrap().since_ms);
    }
    for all in [&mut seen, &mut listed] {
        all.sort();
        all.dedup();
        assert_eq!(*all, ["2", "3", "4"]);
    }
    owners.sort();
    owners.dedup();
    assert_eq!(owners, [2, 3, 4]);
    let own = client.transition(world.shard, BASE_MS, id).await.unwrap().unwrap();
    assert_eq!(own.detail, "5", "what an owner wrote is what it reads");
}

fn owner(since_ms: i64) -> ShardOwner {
    ShardOwner { address: "127.0.0.1:1".into(), node: 1, since_ms }
}

#[tokio::test(start_paused = true)]
async fn a_stale_page_lacks_the_last_rows() {
    let (_store, client, world) = store(1);
    let channel = world.channel("c").id;
    for nth in 0..6 {
        let batch = ShardBatch {
            monitors: vec![world.monitor(&format!("m{nth}"), &[])],
            history: vec![world.ping("m", nth)],
            deliveries: vec![world.delivery(channel, nth as usize, BASE_MS + nth as i64)],
            ..at(nth as i64)
        };
        client.write(world.shard, batch).await.unwrap();
    }
    client.set_faults(StoreFaults { stale_read: 1.0, ..StoreFaults::default() });
    let mut short = [[false; 3]; 3];
    for _ in 0..60 {
        let history = client.history(world.monitor_id("m"), 9, None).await.unwrap().rows;
        let deliveries = client.deliveries(channel, 9, None).await.unwrap().rows;
        let monitors = client.monitors(world.tenant, &Default::default(), 9, None).await.unwrap().rows;
        assert_eq!(history.last(), Some(&world.ping("m", 0)));
        for (list, rows) in [history.len(), deliveries.len(), monitors.len()].into_iter().enumerate() {
            short[list][rows - 3] = true;
        }
    }
    assert_eq!(short, [[true; 3]; 3], "each list with 3, 4 and 5 of its 6 rows");
}

#[tokio::test(start_paused = true)]
async fn what_must_not_be_stale_is_not() {
    let (_store, client, world) = faulty(StoreFaults { stale_read: 1.0, ..StoreFaults::default() });
    let cursor = client.transitions_since(world.tenant, 9, None).await.unwrap().next.unwrap();
    for nth in 1..=3 {
        client.write(world.shard, step(&world, nth)).await.unwrap();
        client.save_snapshot(world.shard, snapshot(nth as i64, 0..1)).await.unwrap();
    }
    client.add_channel(world.channel("c")).await.unwrap();
    for _ in 0..20 {
        let since = client.transitions_since(world.tenant, 9, Some(&cursor)).await.unwrap();
        assert_eq!(details(&since.rows), ["3"]);
        assert_eq!(client.load_manifest(world.shard).await, Ok(Some(b"manifest 3".to_vec())));
        assert_eq!(client.channels(world.tenant).await.unwrap().len(), 1);
    }
    client.set_faults(StoreFaults { stale_manifest: 1.0, stale_outbox: 1.0, ..StoreFaults::default() });
    assert_ne!(client.load_manifest(world.shard).await, Ok(Some(b"manifest 3".to_vec())));
    let own = client.transition(world.shard, BASE_MS, transition(&world, 1).id).await.unwrap();
    assert_ne!(own.map(|row| row.detail).as_deref(), Some("3"));
}

#[tokio::test(start_paused = true)]
async fn a_corrupted_snapshot_differs_in_one_byte() {
    let (store, client, world) = store(1);
    assert_eq!(store.corrupt_snapshot(world.shard), None);
    client.save_snapshot(world.shard, snapshot(1, 0..3)).await.unwrap();
    let read = async || {
        let keys: Vec<_> = (0..3).map(|index| chunk(index).0).collect();
        let mut blobs = client.load_chunks(world.shard, &keys).await.unwrap();
        blobs.extend(client.load_manifest(world.shard).await.unwrap());
        blobs.concat()
    };
    let (mut before, mut damaged) = (read().await, Vec::new());
    for _ in 0..30 {
        damaged.push(store.corrupt_snapshot(world.shard).unwrap());
        let after = read().await;
        assert_eq!(before.iter().zip(&after).filter(|(a, b)| a != b).count(), 1);
        before = after;
    }
    assert!(damaged.iter().any(|what| what.contains("manifest")) && damaged.iter().any(|what| what.contains("Chunk")));
    assert!(client.load_manifest(world.neighbour().shard).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn every_state_of_a_delivery_is_known_in_the_order_of_writing() {
    let (store, client, world) = store(1);
    let other = store.client("evaluator-2");
    let queued = world.delivery(world.channel("c").id, 1, BASE_MS);
    let delivered = Delivery { state: DeliveryState::Delivered, ..queued.clone() };
    let write = |row: &Delivery, tick| ShardBatch { deliveries: vec![row.clone()], ..at(tick) };
    client.write(world.shard, write(&queued, 1)).await.unwrap();
    client.write(world.shard, write(&delivered, 2)).await.unwrap();
    other.write(world.shard, write(&queued, 1)).await.unwrap();

    let writes = store.delivery_writes().remove(&queued.id).unwrap();
    let told: Vec<_> = writes.iter().map(|write| (&*write.by, write.row.state, write.stood)).collect();
    let (one, two) = ("evaluator-1", "evaluator-2");
    let (early, late) = (DeliveryState::Queued, DeliveryState::Delivered);
    assert_eq!(told, [(one, early, true), (one, late, true), (two, early, false)]);
    assert_eq!(writes[1].hlt_us, at(2).hlt_us);
    assert_eq!(store.deliveries(), [delivered]);
}

#[tokio::test(start_paused = true)]
async fn rows_that_differ_under_one_time_are_named() {
    let (store, client, world) = store(1);
    let other = store.client("evaluator-2");
    let batch = |coalesced: u32| ShardBatch {
        monitors: vec![world.monitor("m", &["t"])],
        statuses: vec![world.down("m", 1)],
        history: vec![HistoryRow { coalesced, ..world.ping("m", 1) }],
        transitions: vec![transition(&world, 1)],
        deliveries: vec![world.delivery(world.channel("c").id, 1, BASE_MS)],
        ..at(1)
    };
    for writer in [&client, &other, &client] {
        writer.write(world.shard, batch(0)).await.unwrap();
        writer.save_snapshot(world.shard, snapshot(1, 0..2)).await.unwrap();
    }
    // Another time is another write, and of two states in one step the last counts.
    let twice = ShardBatch { transitions: vec![transition(&world, 3), transition(&world, 1)], ..at(1) };
    other.write(world.shard, twice).await.unwrap();
    other.write(world.shard, step(&world, 2)).await.unwrap();
    assert!(store.conflicting_writes().is_empty());

    other.write(world.shard, batch(1)).await.unwrap();
    other.save_snapshot(world.shard, SnapshotWrite { manifest: b"else".to_vec(), ..snapshot(1, 0..2) }).await.unwrap();
    let conflicts = store.conflicting_writes();
    assert_eq!(conflicts.len(), 2, "{conflicts:?}");
    assert!(conflicts[0].starts_with("history ") && conflicts[1].starts_with("snapshot_manifest "), "{conflicts:?}");
    assert!(conflicts[0].contains("evaluator-2") && conflicts[0].contains("evaluator-1"));
}

#[tokio::test(start_paused = true)]
async fn what_expired_is_gone_for_all_but_the_checker() {
    let (store, client, world) = store(1);
    let channel = world.channel("c").id;
    let done = Delivery { state: DeliveryState::Failed, ..world.delivery(channel, 1, BASE_MS) };
    let open = world.delivery(channel, 2, BASE_MS);
    let batch = ShardBatch {
        monitors: vec![world.monitor("m", &[])],
        statuses: vec![world.down("m", BASE_MS)],
        history: vec![world.ping("m", 1), world.ping("m", 9_000)],
        transitions: vec![transition(&world, 1)],
        deliveries: vec![done.clone(), open.clone()],
        ..at(1)
    };
    client.write(world.shard, batch).await.unwrap();
    assert_eq!(client.expire(BASE_MS + 5_000, BASE_MS + 10_000).await, Ok(3));
    assert_eq!(client.expire(BASE_MS + 5_000, BASE_MS + 10_000).await, Ok(0));
    assert_eq!(store.history(world.monitor_id("m")), [world.ping("m", 9_000)]);
    assert_eq!(client.transition_by_id(world.tenant, transition(&world, 1).id).await, Ok(None));
    assert!(client.transitions(world.monitor_id("m"), 9, None).await.unwrap().rows.is_empty());
    assert_eq!(client.delivery(done.id).await, Ok(None));
    assert_eq!(client.deliveries(channel, 9, None).await.unwrap().rows, [open]);
    assert_eq!((store.transitions().len(), store.deliveries().len()), (1, 2));
    assert_eq!((store.monitors(), store.statuses()), (vec![world.monitor("m", &[])], vec![world.down("m", BASE_MS)]));
}

/// What 300 calls of two clients come to.
async fn story(seed: u64, world: &World) -> Vec<String> {
    let (store, one, _) = store(seed);
    let other = store.client("evaluator-2");
    let faults = StoreFaults {
        delay_ms: (0, 9),
        busy: 0.1,
        unknown: 0.1,
        torn: 0.1,
        stale_read: 0.3,
        stale_manifest: 0.2,
        stale_outbox: 0.2,
    };
    one.set_faults(faults);
    other.set_faults(StoreFaults { busy: 0.4, ..faults });
    let mut story = Vec::new();
    for nth in 1..=100 {
        let client = if nth % 3 == 0 { &other } else { &one };
        let (written, manifest, read) = tokio::join!(
            client.write(world.shard, step(world, nth)),
            client.save_snapshot(world.shard, snapshot(nth as i64, 0..4)),
            one.transitions(world.monitor_id("m"), 9, None)
        );
        story.push(format!("{written:?} {manifest:?} {read:?} {:?}", one.load_manifest(world.shard).await));
    }
    story.extend(store.corrupt_snapshot(world.shard));
    story
}

#[tokio::test(start_paused = true)]
async fn a_seed_tells_the_same_story_again() {
    let world = World::new();
    let first = story(5, &world).await;
    assert_eq!(first, story(5, &world).await);
    assert_ne!(first, story(6, &world).await);
}
