//! How many rows a second the embedded store takes: `cargo bench -p quietpulse-store`.
//!
//! Beside each figure stands what bare SQLite does with the same pings, a row each, in one transaction, so that the
//! ratio tells of the store and not of the machine.

use domain::engine::effects::HistoryRow;
use domain::ids::ShardId;
use rusqlite::{Connection, params};
use std::path::Path;
use std::time::Instant;
use store::cell::Cell;
use store::conformance::world::{World, at};
use store::embedded::EmbeddedStore;
use store::{ShardBatch, ShardTables};

const ROWS: u64 = 200_000;
const ROUNDS: usize = 3;
/// Pings of a step under load: two seconds of a shard's share of 30,000 pings a second.
const HELD_PINGS: usize = 15_000;

fn rows(world: &World, monitors: u64) -> Vec<HistoryRow> {
    let slugs: Vec<_> = (0..monitors).map(|n| format!("m{n}")).collect();
    (0..ROWS).map(|offset| world.ping(&slugs[(offset * 7_919 % monitors) as usize], offset)).collect()
}

/// Rows a second.
fn rate(started: Instant) -> f64 {
    ROWS as f64 / started.elapsed().as_secs_f64()
}

fn bare_sqlite(directory: &Path, rows: &[HistoryRow]) -> f64 {
    let cells: Vec<_> = rows.iter().map(|row| (row.monitor.0 as i64, row.offset as i64, row.to_cell())).collect();
    let connection = Connection::open(directory.join("bare")).unwrap();
    let setup = "pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -32768;
        create table h (m integer, o integer, c blob, primary key (m, o desc)) strict, without rowid; begin";
    let started = Instant::now();
    connection.execute_batch(setup).unwrap();
    let mut insert = connection.prepare("insert into h values (?1, ?2, ?3)").unwrap();
    for (monitor, offset, cell) in &cells {
        insert.execute(params![monitor, offset, cell]).unwrap();
    }
    connection.execute_batch("commit").unwrap();
    rate(started)
}

async fn one_batch(store: &EmbeddedStore, world: &World, history: Vec<HistoryRow>) -> f64 {
    let started = Instant::now();
    store.write(world.shard, ShardBatch { history, ..at(1) }).await.unwrap();
    rate(started)
}

/// Four shards' owners, each writing steps of 500 and waiting for each.
async fn four_writers(store: &EmbeddedStore, world: &World, history: Vec<HistoryRow>) -> f64 {
    let started = Instant::now();
    let writer = async |lane: usize| {
        for step in history.chunks(500).skip(lane).step_by(4) {
            store.write(world.shard, ShardBatch { history: step.to_vec(), ..at(1) }).await.unwrap();
        }
    };
    tokio::join!(writer(0), writer(1), writer(2), writer(3));
    rate(started)
}

/// Four shards' owners that hold the pings of two seconds back, so that a monitor has several in a step.
async fn four_holding(store: &EmbeddedStore, history: Vec<HistoryRow>) -> f64 {
    let mut shards: [Vec<HistoryRow>; 4] = Default::default();
    history.into_iter().for_each(|row| shards[(row.monitor.0 >> 62) as usize].push(row));
    let started = Instant::now();
    let writer = async |shard: u16, rows: &[HistoryRow]| {
        for step in rows.chunks(HELD_PINGS) {
            store.write(ShardId(shard), ShardBatch { history: step.to_vec(), ..at(1) }).await.unwrap();
        }
    };
    let [a, b, c, d] = &shards;
    tokio::join!(writer(0, a), writer(1, b), writer(2, c), writer(3, d));
    rate(started)
}

#[derive(Clone, Copy)]
enum Case {
    One,
    Four,
    Held,
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for monitors in [100, 10_000, 100_000] {
        for _ in 0..ROUNDS {
            let world = World::new();
            let rows = rows(&world, monitors);
            let directory = tempfile::tempdir().unwrap();
            let bare = bare_sqlite(directory.path(), &rows);
            let figure = async |case: Case, name: &str| {
                let store = EmbeddedStore::open(&directory.path().join(name)).unwrap();
                match case {
                    Case::One => one_batch(&store, &world, rows.clone()).await,
                    Case::Four => four_writers(&store, &world, rows.clone()).await,
                    Case::Held => four_holding(&store, rows.clone()).await,
                }
            };
            let one = runtime.block_on(figure(Case::One, "one"));
            let four = runtime.block_on(figure(Case::Four, "four"));
            let held = runtime.block_on(figure(Case::Held, "held"));
            println!(
                "{monitors} monitors: bare SQLite {bare:.0} rows/s, one batch {one:.0} ({:.2}), four writers {four:.0} ({:.2}), four holding {held:.0} ({:.2})",
                one / bare,
                four / bare,
                held / bare
            );
        }
    }
}
