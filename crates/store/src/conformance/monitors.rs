//! Monitors by slug and as lists.

use super::pages::read_all;
use super::world::{World, at, filter, slug_of};
use crate::{ShardBatch, Store, StoreError, StoredMonitor};
use domain::command::Status;
use domain::engine::effects::MonitorRow;

pub async fn a_monitor_is_found_by_its_slug(store: &dyn Store) {
    let world = World::new();
    assert_eq!(world.stored(store, "backup").await, None);

    let row = world.monitor("backup", &["db"]);
    world.write(store, ShardBatch { monitors: vec![row.clone()], ..at(1) }).await;
    assert_eq!(world.stored(store, "backup").await, Some(StoredMonitor { row: row.clone(), status: None }));

    let status = world.status("backup", Status::Up);
    world.write(store, ShardBatch { statuses: vec![status.clone()], ..at(2) }).await;
    assert_eq!(world.stored(store, "backup").await, Some(StoredMonitor { row, status: Some(status) }));
    assert_eq!(world.stored(store, "backup2").await, None);
}

pub async fn writing_twice_is_writing_once(store: &dyn Store) {
    let world = World::new();
    let batch = ShardBatch {
        monitors: vec![world.monitor("a", &["x"]), world.monitor("b", &[])],
        statuses: vec![world.down("a", 7)],
        history: vec![world.ping("a", 1), world.ping("a", 2)],
        transitions: vec![world.transition("a", 1, 2)],
        deliveries: vec![world.delivery(world.channel("c").id, 1, 9)],
        ..at(1)
    };
    world.write(store, batch.clone()).await;
    world.write(store, batch.clone()).await;

    assert_eq!(world.listed(store, &[]).await, ["a", "b"]);
    assert_eq!(world.listed(store, &["x"]).await, ["a"]);
    assert_eq!(store.open_incidents(world.tenant, 10, None).await.unwrap().rows.len(), 1);
    assert_eq!(store.history(world.monitor_id("a"), 10, None).await.unwrap().rows.len(), 2);
    assert_eq!(store.transitions(world.monitor_id("a"), 10, None).await.unwrap().rows, batch.transitions);
    assert_eq!(store.deliveries(world.channel("c").id, 10, None).await.unwrap().rows, batch.deliveries);
}

/// Also what two believed owners come to: whoever is last, the later state stays.
pub async fn an_older_write_loses(store: &dyn Store) {
    let world = World::new();
    let old = world.monitor("a", &["old"]);
    let new = MonitorRow { version: 2, ..world.monitor("a", &["new"]) };
    let (up, down) = (world.status("a", Status::Up), world.down("a", 5));
    let older = ShardBatch { monitors: vec![old], statuses: vec![down], ..at(1) };
    let newer = ShardBatch { monitors: vec![new.clone()], statuses: vec![up.clone()], ..at(2) };
    for batch in [&older, &newer, &older, &newer, &older] {
        world.write(store, batch.clone()).await;
    }

    assert_eq!(world.stored(store, "a").await, Some(StoredMonitor { row: new, status: Some(up) }));
    assert_eq!(world.listed(store, &["old"]).await, Vec::<String>::new());
    assert_eq!(world.listed(store, &["new"]).await, ["a"]);
    assert_eq!(store.open_incidents(world.tenant, 10, None).await.unwrap().rows, []);
}

/// 23 monitors whose slugs sort byte by byte.
async fn many(world: &World, store: &dyn Store) -> Vec<String> {
    let mut slugs: Vec<String> = (0..20).map(|n| format!("job-{}", n * 7 % 20)).collect();
    slugs.extend(["_".to_owned(), "0".to_owned(), "z".repeat(100)]);
    let tags = |slug: &String| if slug.len().is_multiple_of(2) { vec!["even", "all"] } else { vec!["all"] };
    let monitors = slugs.iter().map(|slug| world.monitor(slug, &tags(slug))).collect();
    let statuses = slugs.iter().map(|slug| world.status(slug, Status::Up)).collect();
    world.write(store, ShardBatch { monitors, statuses, ..at(1) }).await;
    slugs.sort_unstable();
    slugs
}

async fn paged(world: &World, store: &dyn Store, tags: &[&str], limit: u32) -> Vec<String> {
    let filter = filter(tags);
    let rows =
        read_all(limit, async |after| store.monitors(world.tenant, &filter, limit, after.as_deref()).await).await;
    rows.iter().map(slug_of).collect()
}

pub async fn pages_neither_skip_nor_repeat(store: &dyn Store) {
    let world = World::new();
    let slugs = many(&world, store).await;
    for limit in 1..=slugs.len() as u32 + 1 {
        assert_eq!(paged(&world, store, &[], limit).await, slugs, "pages of {limit}");
    }
    assert!(world.stored(store, "0").await.is_some_and(|stored| stored.status.is_some()));
}

pub async fn pages_go_on_while_monitors_come_and_go(store: &dyn Store) {
    let world = World::new();
    let put = |slug: &str, tick| ShardBatch { monitors: vec![world.monitor(slug, &[])], ..at(tick) };
    for slug in ["b", "d", "f"] {
        world.write(store, put(slug, 1)).await;
    }
    let first = store.monitors(world.tenant, &filter(&[]), 2, None).await.unwrap();
    assert_eq!(first.rows.iter().map(slug_of).collect::<Vec<_>>(), ["b", "d"]);

    // Before the cursor, its own place deleted, and after it.
    world.write(store, put("a", 2)).await;
    let gone = MonitorRow { deleted: true, ..world.monitor("d", &[]) };
    world.write(store, ShardBatch { monitors: vec![gone], ..at(2) }).await;
    world.write(store, put("e", 2)).await;
    let second = store.monitors(world.tenant, &filter(&[]), 2, first.next.as_deref()).await.unwrap();
    assert_eq!(second.rows.iter().map(slug_of).collect::<Vec<_>>(), ["e", "f"]);
}

pub async fn all_tags_of_a_filter_must_match(store: &dyn Store) {
    let world = World::new();
    let slugs = many(&world, store).await;
    let even: Vec<String> = slugs.iter().filter(|slug| slug.len().is_multiple_of(2)).cloned().collect();
    for limit in 1..=even.len() as u32 + 1 {
        assert_eq!(paged(&world, store, &["even"], limit).await, even, "pages of {limit}");
        assert_eq!(paged(&world, store, &["all", "even", "all"], limit).await, even, "pages of {limit}");
    }
    assert_eq!(world.listed(store, &["even", "odd"]).await, Vec::<String>::new());
    assert_eq!(world.listed(store, &["eve"]).await, Vec::<String>::new());

    let retagged = MonitorRow { version: 2, ..world.monitor(&even[0], &["odd"]) };
    world.write(store, ShardBatch { monitors: vec![retagged], ..at(2) }).await;
    assert_eq!(world.listed(store, &["even"]).await, even[1..]);
    assert_eq!(world.listed(store, &["odd"]).await, even[..1]);
}

pub async fn deleted_monitors_are_found_but_not_listed(store: &dyn Store) {
    let world = World::new();
    let (kept, row) = (world.monitor("kept", &["t"]), world.monitor("gone", &["t"]));
    world.write(store, ShardBatch { monitors: vec![kept, row.clone()], ..at(1) }).await;
    let deleted = MonitorRow { deleted: true, version: 2, ..row.clone() };
    world.write(store, ShardBatch { monitors: vec![deleted.clone()], ..at(2) }).await;

    assert_eq!(world.stored(store, "gone").await.map(|stored| stored.row), Some(deleted));
    assert_eq!(world.listed(store, &[]).await, ["kept"]);
    assert_eq!(world.listed(store, &["t"]).await, ["kept"]);

    let again = MonitorRow { version: 3, ..row };
    world.write(store, ShardBatch { monitors: vec![again], ..at(3) }).await;
    assert_eq!(world.listed(store, &["t"]).await, ["gone", "kept"]);
}

pub async fn tenants_do_not_see_each_other(store: &dyn Store) {
    let ours = World::new();
    let theirs = ours.neighbour();
    for world in [&ours, &theirs] {
        let statuses = vec![world.down("same", 5)];
        world.write(store, ShardBatch { monitors: vec![world.monitor("same", &["t"])], statuses, ..at(1) }).await;
    }
    for world in [&ours, &theirs] {
        assert_eq!(world.stored(store, "same").await.map(|s| s.row.monitor), Some(world.monitor_id("same")));
        let page = store.monitors(world.tenant, &filter(&["t"]), 10, None).await.unwrap();
        assert_eq!(page.rows.iter().map(|s| s.row.monitor).collect::<Vec<_>>(), [world.monitor_id("same")]);
        let open = store.open_incidents(world.tenant, 10, None).await.unwrap();
        assert_eq!(open.rows.iter().map(|s| s.row.monitor).collect::<Vec<_>>(), [world.monitor_id("same")]);
    }
}

pub async fn a_token_that_was_not_given_is_refused(store: &dyn Store) {
    let world = World::new();
    let other = world.neighbour();
    many(&world, store).await;
    let page = store.monitors(world.tenant, &filter(&[]), 2, None).await.unwrap();
    let token = page.next.unwrap();
    let cut = &token[..token.len() - 1];
    for bad in ["", "x", "job-3", "../../etc/passwd", "\u{0}", cut, &"A".repeat(5_000)] {
        let answer = store.monitors(world.tenant, &filter(&[]), 2, Some(bad)).await;
        assert!(matches!(answer, Err(StoreError::Conflict(_))), "`{bad}` gave {answer:?}");
    }
    let elsewhere = store.monitors(other.tenant, &filter(&[]), 2, Some(&token)).await;
    assert!(matches!(elsewhere, Err(StoreError::Conflict(_))));
    let another_list = store.open_incidents(world.tenant, 2, Some(&token)).await;
    assert!(matches!(another_list, Err(StoreError::Conflict(_))));
}
