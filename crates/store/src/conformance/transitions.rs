//! Transitions by id, of a monitor, and as a tenant watches them.

use super::pages::read_all;
use super::world::{World, at};
use crate::{ShardBatch, Store, StoreError};
use domain::ids::{TenantId, TransitionId};
use domain::transition::Transition;
use std::time::Duration;

/// How long a stored transition may take to reach a cursor; a backend with several writers holds back a little.
const WATCH_DELAY: Duration = Duration::from_secs(20);

pub async fn a_transition_is_found_by_its_id(store: &dyn Store) {
    let world = World::new();
    let other = world.neighbour();
    let row = world.transition("m", 1, 5);
    assert_eq!(store.transition(world.shard, row.known_ms, row.id).await, Ok(None));
    world.write(store, ShardBatch { transitions: vec![row.clone()], ..at(1) }).await;
    assert_eq!(store.transition(world.shard, row.known_ms, row.id).await, Ok(Some(row.clone())));
    assert_eq!(store.transition_by_id(world.tenant, row.id).await, Ok(Some(row.clone())));
    assert_eq!(store.transition_by_id(other.tenant, row.id).await, Ok(None));
    assert_eq!(store.transition_by_id(world.tenant, TransitionId([0; 16])).await, Ok(None));
}

/// One record may conclude several: those share an offset, and none is lost between pages.
pub async fn transitions_come_newest_first(store: &dyn Store) {
    let world = World::new();
    let offsets = [1, 2, 2, 2, 300, 70_000];
    let transitions = offsets.iter().enumerate().map(|(nth, offset)| world.transition("m", nth, *offset)).collect();
    world.write(store, ShardBatch { transitions, ..at(1) }).await;
    world.write(store, ShardBatch { transitions: vec![world.transition("n", 0, 9)], ..at(2) }).await;

    let monitor = world.monitor_id("m");
    for limit in 1..=7 {
        let rows = read_all(limit, async |after| store.transitions(monitor, limit, after.as_deref()).await).await;
        assert!(rows.is_sorted_by(|a, b| a.offset >= b.offset), "pages of {limit}");
        let mut ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((rows.len(), ids.len()), (6, 6), "pages of {limit}");
    }
}

pub async fn a_rewritten_transition_is_the_later_one(store: &dyn Store) {
    let world = World::new();
    let first = world.transition("m", 1, 5);
    let second = Transition { detail: "two of three".into(), ..first.clone() };
    let older = ShardBatch { transitions: vec![first], ..at(1) };
    let newer = ShardBatch { transitions: vec![second.clone()], ..at(2) };
    for batch in [&older, &newer, &older] {
        world.write(store, batch.clone()).await;
    }
    let listed = store.transitions(world.monitor_id("m"), 10, None).await.unwrap().rows;
    assert_eq!(listed, std::slice::from_ref(&second));
    assert_eq!(store.transition_by_id(world.tenant, second.id).await, Ok(Some(second)));
}

/// A reader of a tenant's transitions.
struct Watcher<'s> {
    store: &'s dyn Store,
    tenant: TenantId,
    cursor: String,
}

impl<'s> Watcher<'s> {
    async fn from_now(store: &'s dyn Store, tenant: TenantId) -> Self {
        let page = store.transitions_since(tenant, 10, None).await.unwrap();
        assert_eq!(page.rows, []);
        Self { store, tenant, cursor: page.next.unwrap() }
    }

    async fn page(&mut self, limit: u32) -> Vec<Transition> {
        let page = self.store.transitions_since(self.tenant, limit, Some(&self.cursor)).await.unwrap();
        assert!(page.rows.len() <= limit as usize);
        self.cursor = page.next.expect("a cursor to go on from");
        page.rows
    }

    /// Reads on until it has as many as it waits for.
    async fn until(&mut self, count: usize, limit: u32) -> Vec<Transition> {
        let mut seen = Vec::new();
        let all = async {
            while seen.len() < count {
                seen.extend(self.page(limit).await);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(WATCH_DELAY, all).await.is_ok();
        assert!(in_time, "{} of {count} transitions seen", seen.len());
        seen
    }
}

pub async fn a_cursor_sees_each_transition_once(store: &dyn Store) {
    let world = World::new();
    let transition = |nth: usize| world.transition("m", nth, nth as u64);
    world.write(store, ShardBatch { transitions: vec![transition(0)], ..at(1) }).await;
    let mut watcher = Watcher::from_now(store, world.tenant).await;
    assert_eq!(watcher.page(10).await, []);

    for limit in [1, 2, 100] {
        let some = (1..=5).map(|nth| transition(limit as usize * 10 + nth)).collect::<Vec<_>>();
        for one in &some {
            world.write(store, ShardBatch { transitions: vec![one.clone()], ..at(2) }).await;
        }
        assert_eq!(watcher.until(5, limit).await, some, "pages of {limit}");
    }

    // A rewrite is no news.
    world.write(store, ShardBatch { transitions: vec![transition(0)], ..at(3) }).await;
    world.write(store, ShardBatch { transitions: vec![transition(7)], ..at(3) }).await;
    assert_eq!(watcher.until(1, 100).await, [transition(7)]);

    let refused = store.transitions_since(world.tenant, 10, Some("0")).await;
    assert!(matches!(refused, Err(StoreError::Conflict(_))));
}

pub async fn a_cursor_sees_its_tenant_only(store: &dyn Store) {
    let ours = World::new();
    let theirs = ours.neighbour();
    let mut watcher = Watcher::from_now(store, ours.tenant).await;
    for nth in 0..3 {
        for world in [&theirs, &ours] {
            let transitions = vec![world.transition("m", nth, nth as u64)];
            world.write(store, ShardBatch { transitions, ..at(nth as i64) }).await;
        }
    }
    let seen = watcher.until(3, 2).await;
    assert_eq!(seen, (0..3).map(|nth| ours.transition("m", nth, nth as u64)).collect::<Vec<_>>());
    let foreign = store.transitions_since(theirs.tenant, 10, Some(&watcher.cursor)).await;
    assert!(matches!(foreign, Err(StoreError::Conflict(_))));
}
