//! What the database was given, as numbers.

use crate::support::counts::counted;
use crate::support::open;
use store::conformance::world::{World, at};
use store::{ShardBatch, ShardTables};

#[tokio::test]
async fn rows_and_bytes_are_counted_by_table() {
    let store = open().await;
    let world = World::new();
    let names = ["rows", "bytes"].map(|what| format!("store_{what}_written_total{{table=history}}"));
    let before = names.each_ref().map(|name| counted(name));
    let mut ping = world.ping("m", 0);
    ping.details.body = vec![7; 10_000];
    let history = (0..100).map(|offset| world.ping("n", offset)).chain([ping]).collect();
    store.write(world.shard, ShardBatch { history, ..at(1) }).await.unwrap();
    let [rows, bytes] = names.each_ref().map(|name| counted(name));
    assert!(rows - before[0] >= 101 && bytes - before[1] >= 10_000 + 101 * 40, "{rows} rows, {bytes} bytes");
}
