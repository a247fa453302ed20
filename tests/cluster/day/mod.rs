//! One scripted day on both kinds of backends: first live on Kafka and Cassandra, then the records that Kafka kept, at
//! the offsets and times that it gave them, through the embedded log into the embedded store. What was judged and
//! told must be the same to the byte (invariant I1), since the engine sees records and nothing else.
//!
//! The day lasts a minute: its periods are seconds. `QP_SEED` repeats one.

mod grounds;
mod live;
mod replay;
mod rows;
mod script;

use grounds::Grounds;
use rows::Rows;
use suites::cases;
use suites::support::runner::Shown;

cases! {
    a_day_on_kafka_and_cassandra_is_the_same_day_on_one_machine,
}

async fn a_day_on_kafka_and_cassandra_is_the_same_day_on_one_machine() -> Shown {
    let seed = std::env::var("QP_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(rand::random::<u64>);
    println!("day: QP_SEED={seed}");
    let grounds = Grounds::prepare().await;
    let (day, monitors) = live::run(&grounds, seed).await;
    let live = Rows::read(grounds.store.as_ref(), &monitors).await;
    day.assert_has_everything();

    let replayed = replay::run(&day, seed).await;
    let embedded = Rows::read(replayed.store.as_ref(), &monitors).await;
    live.assert_tell_of_much();
    live.assert_equal(&embedded);
    // Not only as read back: the very cells that lie in the tables.
    let (stored, kept) = (rows::cells_of_cassandra(&grounds).await, rows::cells_of_sqlite(replayed.directory.path()));
    rows::assert_same_cells(&stored, &kept);
    // The comparison sees a single ping: without one of them it is another day.
    let other = replay::run(&day.without(live.failure()), seed).await;
    assert!(!live.is_equal(&Rows::read(other.store.as_ref(), &monitors).await));
    println!("day: {} records, {live}, and {} cells are the same on both", day.len(), stored.len());
    Ok(())
}
