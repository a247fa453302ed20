//! How many rows a second the embedded store takes: `cargo bench -p quietpulse-store`.
//!
//! Beside each figure stands what bare SQLite does with the same cells in one transaction, so that the
//! ratio tells of the store and not of the machine.

use domain::engine::effects::HistoryRow;
use rusqlite::{Connection, params};
use std::path::Path;
use std::time::Instant;
use store::cell::Cell;
use store::conformance::world::{World, at};
use store::embedded::EmbeddedStore;
use store::{ShardBatch, ShardTables};

const ROWS: u64 = 200_000;
const ROUNDS: usize = 5;

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

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    for monitors in [100, 10_000, 100_000] {
        for _ in 0..ROUNDS {
            let world = World::new();
            let rows = rows(&world, monitors);
            let directory = tempfile::tempdir().unwrap();
            let bare = bare_sqlite(directory.path(), &rows);
            let figure = async |directory: &str, four: bool| {
                let store = EmbeddedStore::open(Path::new(directory)).unwrap();
                if four {
                    four_writers(&store, &world, rows.clone()).await
                } else {
                    one_batch(&store, &world, rows.clone()).await
                }
            };
            let place = |name: &str| directory.path().join(name).display().to_string();
            let one = runtime.block_on(figure(&place("one"), false));
            let four = runtime.block_on(figure(&place("four"), true));
            println!(
                "{monitors} monitors: bare SQLite {bare:.0} rows/s, one batch {one:.0} ({:.2}), four writers {four:.0} ({:.2})",
                one / bare,
                four / bare
            );
        }
    }
}
