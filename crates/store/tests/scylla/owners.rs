//! Invariant I6: whoever writes, as often as he likes and in whatever order, the same rows are there in the end,
//! byte for byte and with the same timestamps.

use crate::support::{OwnKeyspace, options};
use domain::command::Status;
use domain::delivery::{Delivery, DeliveryState};
use domain::engine::effects::MonitorRow;
use scylla::value::Row;
use store::conformance::world::{BASE_MS, World, at};
use store::row::Revocation;
use store::scylla::ScyllaStore;
use store::{ChunkKey, ShardBatch, ShardTables, SnapshotWrite};

/// Every table of shards' rows, with the timestamps of its cells.
const TABLES: [&str; 11] = [
    "SELECT shard, kind, grp, idx, epoch, bytes, WRITETIME(bytes) FROM {ks}.shard_chunk",
    "SELECT kind, id, name, cell, WRITETIME(cell) FROM {ks}.register",
    "SELECT tenant, bucket, slug, config, WRITETIME(config), status, WRITETIME(status) FROM {ks}.monitor",
    "SELECT * FROM {ks}.open_incident",
    "SELECT monitor, day, log_offset, cell, WRITETIME(cell) FROM {ks}.history",
    "SELECT * FROM {ks}.span",
    "SELECT monitor, month, log_offset, nth, id, cell, WRITETIME(cell) FROM {ks}.transition",
    "SELECT id, cell, WRITETIME(cell) FROM {ks}.transition_by_id",
    "SELECT * FROM {ks}.tenant_feed",
    "SELECT id, cell, WRITETIME(cell) FROM {ks}.delivery",
    "SELECT channel, month, created_ms, id, cell, WRITETIME(cell) FROM {ks}.channel_delivery",
];

async fn dump(keyspace: &OwnKeyspace) -> Vec<Vec<Row>> {
    let mut tables = Vec::new();
    for cql in TABLES {
        let answer = keyspace.session.query_unpaged(cql.replace("{ks}", &keyspace.name), ()).await.unwrap();
        let rows = answer.into_rows_result().unwrap();
        tables.push(rows.rows::<Row>().unwrap().collect::<Result<Vec<_>, _>>().unwrap());
    }
    tables
}

/// What one monitor and its neighbours go through, a record at a time. `tick` is the time of a record.
fn steps(world: &World) -> Vec<ShardBatch> {
    let channel = world.channel("ops").id;
    let monitor = |slug: &str, version, tags: &[&str]| MonitorRow { version, ..world.monitor(slug, tags) };
    let delivery = |nth, state| Delivery { state, ..world.delivery(channel, nth, BASE_MS + nth as i64) };
    let up = |nth, offset, opened_ms| {
        let mut row = world.transition("a", nth, offset);
        let id = row.id;
        (row.from, row.to) = (Status::Down, Status::Up);
        row.incident = Some(domain::transition::IncidentRef { id, opened_ms });
        row
    };
    let down = world.down("a", BASE_MS + 7);
    vec![
        ShardBatch { monitors: vec![monitor("a", 1, &["x"]), monitor("b", 1, &[])], ..at(10) },
        ShardBatch { history: (0..60).map(|offset| world.ping("a", offset)).collect(), ..at(20) },
        ShardBatch { monitors: vec![monitor("a", 2, &["y"])], statuses: vec![world.status("a", Status::Up)], ..at(30) },
        ShardBatch { transitions: vec![world.transition("a", 0, 70)], statuses: vec![down], ..at(40) },
        ShardBatch {
            deliveries: vec![delivery(0, DeliveryState::Queued), delivery(0, DeliveryState::Offered)],
            ..at(50)
        },
        ShardBatch {
            transitions: vec![up(1, 80, BASE_MS + 7)],
            statuses: vec![world.status("a", Status::Up)],
            ..at(60)
        },
        ShardBatch {
            deliveries: vec![delivery(0, DeliveryState::Delivered), delivery(1, DeliveryState::Queued)],
            ..at(70)
        },
        ShardBatch { statuses: vec![world.down("b", BASE_MS + 9)], ..at(80) },
        ShardBatch { revocations: vec![Revocation { monitor: world.monitor_id("b"), least_generation: 63 }], ..at(90) },
        ShardBatch { revocations: vec![Revocation { monitor: world.monitor_id("b"), least_generation: 2 }], ..at(95) },
        ShardBatch { history: (60..90).map(|offset| world.ping("b", offset)).collect(), ..at(100) },
    ]
}

fn snapshots() -> Vec<SnapshotWrite> {
    let key = |index, epoch| ChunkKey { kind: 0, index, epoch };
    let chunk = |index, epoch| (key(index, epoch), vec![epoch as u8; 5_000]);
    let snapshot = |tick, chunks, forget| SnapshotWrite {
        hlt_us: at(tick).hlt_us,
        chunks,
        manifest: format!("at {tick}").into_bytes(),
        forget,
    };
    vec![
        snapshot(35, vec![chunk(0, 1), chunk(1, 1), chunk(70, 1)], vec![]),
        snapshot(65, vec![chunk(0, 2), chunk(70, 2)], vec![key(0, 1), key(70, 1)]),
        snapshot(99, vec![chunk(1, 3)], vec![key(1, 1)]),
    ]
}

async fn write(store: &ScyllaStore, world: &World, batch: &ShardBatch) {
    store.write(world.shard, batch.clone()).await.unwrap();
}

async fn save(store: &ScyllaStore, world: &World, snapshot: &SnapshotWrite) {
    store.save_snapshot(world.shard, snapshot.clone()).await.unwrap();
}

/// One owner, in order, each step once.
async fn plainly(store: &ScyllaStore, world: &World) {
    for batch in &steps(world) {
        write(store, world, batch).await;
    }
    for snapshot in &snapshots() {
        save(store, world, snapshot).await;
    }
}

/// Two owners at different places, one of which starts over, and who write last what was first.
async fn by_two_owners(first: &ScyllaStore, second: &ScyllaStore, world: &World) {
    let (steps, snapshots) = (steps(world), snapshots());
    for (nth, batch) in steps.iter().enumerate() {
        write(first, world, batch).await;
        write(second, world, &steps[nth / 2]).await;
    }
    for nth in [0, 1, 0, 2, 1, 0] {
        tokio::join!(save(first, world, &snapshots[nth]), save(second, world, &snapshots[2]));
    }
    let (from_start, from_middle) = (
        async || {
            for b in &steps {
                write(second, world, b).await
            }
        },
        async || {
            for b in &steps[4..] {
                write(first, world, b).await;
            }
        },
    );
    tokio::join!(from_start(), from_middle());
    for batch in steps.iter().rev() {
        write(first, world, batch).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_owners_leave_the_rows_that_one_would_have_left() {
    let (one, two) = (OwnKeyspace::new().await, OwnKeyspace::new().await);
    one.apply().await;
    two.apply().await;
    let open = async |keyspace: &OwnKeyspace| ScyllaStore::open(options(&keyspace.name)).await.unwrap();
    let world = World::new();
    plainly(&*open(&one).await, &world).await;
    by_two_owners(&*open(&two).await, &*open(&two).await, &world).await;

    let (expected, found) = (dump(&one).await, dump(&two).await);
    let counts: Vec<_> = expected.iter().map(Vec::len).collect();
    assert_eq!(counts, [3, 3, 2, 1, 90, 4, 2, 2, 2, 2, 2], "what the story leaves");
    for ((cql, expected), found) in TABLES.iter().zip(expected).zip(found) {
        assert!(expected == found, "{cql}\n{expected:#?}\n{found:#?}");
    }
    one.remove().await;
    two.remove().await;
}
