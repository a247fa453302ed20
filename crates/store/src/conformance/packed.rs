//! Many pings of a monitor in one step, which a backend may keep together. However it does: they are listed
//! one by one, and each of them once, also when a replay, or a second owner, cuts its steps otherwise.

use super::pages::read_all;
use super::world::{World, at};
use crate::{ShardBatch, Store};
use domain::engine::effects::HistoryRow;
use std::ops::Range;

/// Enough for several rows of any sensible size.
const MANY: u64 = 150;

/// One step with the pings of `offsets`.
async fn step(world: &World, store: &dyn Store, tick: i64, offsets: Range<u64>) {
    let history = offsets.map(|offset| world.ping("m", offset)).collect();
    world.write(store, ShardBatch { history, ..at(tick) }).await;
}

async fn listed(world: &World, store: &dyn Store, slug: &str, limit: u32) -> Vec<HistoryRow> {
    let monitor = world.monitor_id(slug);
    read_all(limit, async |after| store.history(monitor, limit, after.as_deref()).await).await
}

/// Pages of these sizes show exactly the pings below `end`, newest first.
async fn check(world: &World, store: &dyn Store, end: u64, limits: impl IntoIterator<Item = u32>) {
    let expected: Vec<_> = (0..end).rev().map(|offset| world.ping("m", offset)).collect();
    for limit in limits {
        let read = listed(world, store, "m", limit).await;
        let offsets: Vec<_> = read.iter().map(|row| row.offset).collect();
        assert!(read == expected, "pages of {limit}: {offsets:?}");
    }
}

pub async fn many_pings_of_one_step_are_listed_one_by_one(store: &dyn Store) {
    let world = World::new();
    step(&world, store, 1, 0..MANY).await;
    check(&world, store, MANY, 1..=MANY as u32 + 1).await;
}

pub async fn monitors_of_one_step_do_not_mix(store: &dyn Store) {
    let world = World::new();
    let slugs = ["a", "b", "c"];
    let ping = |offset: u64| world.ping(slugs[(offset * offset % 7 % 3) as usize], offset);
    for steps in 0..3 {
        let history = (0..100).map(|offset| ping(steps * 100 + offset)).collect();
        world.write(store, ShardBatch { history, ..at(steps as i64) }).await;
    }
    for slug in slugs {
        let expected: Vec<_> = (0..300).rev().map(ping).filter(|row| row.monitor == world.monitor_id(slug)).collect();
        assert!(!expected.is_empty());
        for limit in [1, 7, 1_000] {
            assert!(listed(&world, store, slug, limit).await == expected, "{slug} in pages of {limit}");
        }
    }
}

pub async fn the_same_step_twice_is_one(store: &dyn Store) {
    let world = World::new();
    for _ in 0..2 {
        step(&world, store, 1, 0..MANY).await;
    }
    check(&world, store, MANY, [1, 10, 1_000]).await;
}

/// Steps of every size over steps of every other, down to one ping a step.
pub async fn a_replay_in_other_steps_shows_each_ping_once(store: &dyn Store) {
    for (first, second) in [(9, 5), (5, 9), (1, 30), (30, 1), (7, 8)] {
        let world = World::new();
        for (tick, size) in [(1, first), (2, second), (3, first)] {
            for begin in (0..30).step_by(size) {
                step(&world, store, tick, begin..(begin + size as u64).min(30)).await;
            }
            check(&world, store, 30, 1..=31).await;
        }
    }
}

pub async fn a_replay_of_the_end_of_a_step_keeps_its_beginning(store: &dyn Store) {
    let world = World::new();
    step(&world, store, 1, 0..10).await;
    for begin in [5, 9, 3] {
        step(&world, store, 2, begin..10).await;
        check(&world, store, 10, 1..=11).await;
    }
}

/// Two believed owners, each slow or fast by turns: rows overlap without containing each other.
pub async fn two_owners_with_steps_of_their_own_show_each_ping_once(store: &dyn Store) {
    let world = World::new();
    let one = [0..9, 9..11, 11..40, 40..60];
    let other = [0..3, 3..10, 10..25, 25..60];
    for (one, other) in one.into_iter().zip(other) {
        step(&world, store, one.end as i64, one).await;
        step(&world, store, other.end as i64, other).await;
    }
    check(&world, store, 60, 1..=61).await;
}

/// Whichever of the steps is longer, and whichever is written first.
pub async fn the_later_of_two_writes_of_a_ping_counts_in_any_step(store: &dyn Store) {
    for (older, newer) in [(0..8, 2..6), (0..6, 3..8), (3..8, 0..6), (2..6, 0..8)] {
        for newer_first in [true, false] {
            let world = World::new();
            let counted = |offset, coalesced| HistoryRow { coalesced, ..world.ping("m", offset) };
            let rows = |offsets: Range<u64>, coalesced| offsets.map(|offset| counted(offset, coalesced)).collect();
            let older_step = ShardBatch { history: rows(older.clone(), 0), ..at(1) };
            let newer_step = ShardBatch { history: rows(newer.clone(), 9), ..at(2) };
            let steps = if newer_first { [newer_step, older_step] } else { [older_step, newer_step] };
            for step in steps {
                world.write(store, step).await;
            }
            let expected: Vec<_> =
                (0..8).rev().map(|offset| counted(offset, if newer.contains(&offset) { 9 } else { 0 })).collect();
            for limit in 1..=9 {
                assert_eq!(listed(&world, store, "m", limit).await, expected, "{newer:?} over {older:?}");
            }
        }
    }
}

pub async fn a_replay_between_two_pages_neither_skips_nor_repeats(store: &dyn Store) {
    for limit in 1..=20 {
        let world = World::new();
        let monitor = world.monitor_id("m");
        step(&world, store, 1, 0..20).await;
        let mut replayed = 0;
        let read = read_all(limit, async |after| {
            let page = store.history(monitor, limit, after.as_deref()).await;
            let end = (replayed + 3).min(20);
            step(&world, store, 2, replayed..end).await;
            replayed = end % 20;
            page
        });
        let offsets: Vec<_> = read.await.iter().map(|row| row.offset).collect();
        assert_eq!(offsets, (0..20).rev().collect::<Vec<_>>(), "pages of {limit}");
    }
}

pub async fn large_and_small_pings_of_one_step_come_back(store: &dyn Store) {
    let world = World::new();
    let ping = |offset: u64| {
        let mut row = world.ping("m", offset);
        row.details.body = vec![offset as u8; [0, 100_000, 3, 20_000, 20_000, 0, 9_000][(offset % 7) as usize]];
        row
    };
    world.write(store, ShardBatch { history: (0..42).map(ping).collect(), ..at(1) }).await;
    let expected: Vec<_> = (0..42).rev().map(ping).collect();
    for limit in [1, 2, 5, 1_000] {
        assert!(listed(&world, store, "m", limit).await == expected, "pages of {limit}");
    }
}
