//! Open incidents of a tenant.

use super::pages::read_all;
use super::world::{BASE_MS, World, at, slug_of};
use crate::{ShardBatch, Store};
use domain::command::Status;
use domain::engine::effects::MonitorRow;

async fn open(world: &World, store: &dyn Store, limit: u32) -> Vec<String> {
    let rows = read_all(limit, async |after| store.open_incidents(world.tenant, limit, after.as_deref()).await).await;
    rows.iter().map(slug_of).collect()
}

/// Those that opened at the same time come by slug.
pub async fn open_incidents_come_oldest_first(store: &dyn Store) {
    let world = World::new();
    let slugs = ["e", "d", "c", "b", "a", "up"];
    let monitors = slugs.iter().map(|slug| world.monitor(slug, &[])).collect();
    let opened = |slug, after| world.down(slug, BASE_MS + after);
    let mut statuses = vec![opened("e", 1), opened("c", 2), opened("b", 2), opened("d", -3), opened("a", 40)];
    statuses.push(world.status("up", Status::Up));
    world.write(store, ShardBatch { monitors, statuses, ..at(1) }).await;
    for limit in 1..=6 {
        assert_eq!(open(&world, store, limit).await, ["d", "e", "b", "c", "a"], "pages of {limit}");
    }
}

pub async fn closed_and_deleted_ones_are_gone(store: &dyn Store) {
    let world = World::new();
    let monitors = ["a", "b", "c"].iter().map(|slug| world.monitor(slug, &[])).collect();
    let statuses = vec![world.down("a", BASE_MS), world.down("b", BASE_MS), world.down("c", BASE_MS)];
    world.write(store, ShardBatch { monitors, statuses, ..at(1) }).await;

    let deleted = MonitorRow { deleted: true, ..world.monitor("b", &[]) };
    let statuses = vec![world.status("a", Status::Up)];
    world.write(store, ShardBatch { monitors: vec![deleted], statuses, ..at(2) }).await;
    assert_eq!(open(&world, store, 10).await, ["c"]);

    world.write(store, ShardBatch { statuses: vec![world.down("a", BASE_MS + 9)], ..at(3) }).await;
    assert_eq!(open(&world, store, 10).await, ["c", "a"]);
}
