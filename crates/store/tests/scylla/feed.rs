//! Cursors over the transitions of a tenant that owners of 64 shards store, each at its own pace.

use crate::support::{PATIENCE, open};
use domain::ids::TransitionId;
use domain::transition::Transition;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use store::conformance::world::{BASE_MS, World, at};
use store::scylla::ScyllaStore;
use store::{ShardBatch, ShardTables, TenantReads};
use tokio::task::JoinSet;

const SHARDS: usize = 64;
const EACH: usize = 12;
/// How far behind in its log one shard is.
const LAG_US: i64 = 50 * 86_400 * 1_000_000;

/// A monitor in each shard.
fn slugs(world: &World) -> Vec<String> {
    let shards = domain::ids::ShardCount::new(SHARDS as u16).unwrap();
    let mut slugs = BTreeMap::new();
    for nth in 0.. {
        let slug = format!("m{nth}");
        slugs.entry(shards.shard_of(world.monitor_id(&slug)).0).or_insert(slug);
        if slugs.len() == SHARDS {
            break;
        }
    }
    slugs.into_values().collect()
}

fn rows(world: &World, slug: &str) -> Vec<Transition> {
    (0..EACH).map(|nth| world.transition(slug, nth, 10 + nth as u64)).collect()
}

/// Batches of a shard's transitions, cut after every `size`; the time of a batch is that of its last record.
fn batches(rows: &[Transition], size: usize, lag_us: i64) -> Vec<ShardBatch> {
    let hlt = |last: &Transition| (BASE_MS + last.offset as i64) * 1_000 - lag_us;
    let batch =
        |rows: &[Transition]| ShardBatch { transitions: rows.to_vec(), hlt_us: hlt(rows.last().unwrap()), ..at(0) };
    rows.chunks(size).map(batch).collect()
}

async fn write(store: &ScyllaStore, world: &World, batches: Vec<ShardBatch>) {
    for batch in batches {
        store.write(world.shard, batch).await.unwrap();
    }
}

struct Watcher {
    store: Arc<ScyllaStore>,
    cursor: Option<String>,
    limit: u32,
    seen: Vec<Transition>,
}

impl Watcher {
    async fn from_now(store: &Arc<ScyllaStore>, world: &World, limit: u32) -> Self {
        let page = store.transitions_since(world.tenant, limit, None).await.unwrap();
        assert_eq!(page.rows, []);
        Self { store: store.clone(), cursor: page.next, limit, seen: Vec::new() }
    }

    async fn look(&mut self, world: &World) {
        let page = self.store.transitions_since(world.tenant, self.limit, self.cursor.as_deref()).await.unwrap();
        assert!(page.rows.len() <= self.limit as usize && page.next.is_some());
        self.cursor = page.next;
        self.seen.extend(page.rows);
    }

    /// Looks until it has seen so many, and then once more.
    async fn until(&mut self, world: &World, count: usize) {
        let enough = async {
            while self.seen.len() < count {
                self.look(world).await;
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            self.look(world).await;
        };
        let in_time = tokio::time::timeout(PATIENCE, enough).await.is_ok();
        assert!(in_time, "{} of {count} seen, in pages of {}", self.seen.len(), self.limit);
    }

    fn check(&self, expected: &[Transition]) {
        let mut ids: Vec<TransitionId> = self.seen.iter().map(|row| row.id).collect();
        let mut expected: Vec<_> = expected.iter().map(|row| row.id).collect();
        ids.sort_unstable();
        expected.sort_unstable();
        assert!(ids == expected, "{} of {} seen, in pages of {}", ids.len(), expected.len(), self.limit);
        let mut last: BTreeMap<_, u64> = BTreeMap::new();
        for row in &self.seen {
            let before = last.insert(row.monitor, row.offset);
            assert!(before.is_none_or(|before| before < row.offset), "a monitor's transitions out of order");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_transition_of_64_shards_is_seen_once_though_one_lags() {
    let (store, world) = (open().await, Arc::new(World::new()));
    let slugs = slugs(&world);
    // One shard has written before anybody watches, the lagging one has not begun.
    write(&store, &world, batches(&rows(&world, &slugs[1])[..2], 1, 0)).await;
    let mut narrow = Watcher::from_now(&store, &world, 3).await;
    let mut wide = Watcher::from_now(&store, &world, 500).await;

    let mut owners = JoinSet::new();
    for (nth, slug) in slugs.iter().enumerate().skip(1) {
        let (store, world, rows) = (store.clone(), world.clone(), rows(&world, slug));
        owners.spawn(async move { write(&store, &world, batches(&rows, nth % 5 + 1, 0)).await });
    }
    let all: Vec<_> = slugs.iter().flat_map(|slug| rows(&world, slug)).collect();
    let others = all.len() - EACH - 2;
    tokio::join!(narrow.until(&world, others), wide.until(&world, others));
    owners.join_all().await;

    // Now the shard that was behind stores what happened seven weeks before.
    write(&store, &world, batches(&rows(&world, &slugs[0]), 5, LAG_US)).await;
    let new: Vec<_> =
        all.iter().filter(|row| row.monitor != world.monitor_id(&slugs[1]) || row.offset >= 12).cloned().collect();
    tokio::join!(narrow.until(&world, new.len()), wide.until(&world, new.len()));
    narrow.check(&new);
    wide.check(&new);
}

/// A replay cuts its batches otherwise, and so gives them other times; a second owner does so at the same moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replays_and_second_owners_show_nothing_twice() {
    let (first, second) = (open().await, open().await);
    let world = Arc::new(World::new());
    let rows = rows(&world, "m");
    let mut watcher = Watcher::from_now(&first, &world, 1).await;
    write(&first, &world, batches(&rows[..6], 4, 0)).await;
    watcher.until(&world, 3).await;

    // An owner that knows nothing of what was written goes on from before that, beside the one that wrote it.
    let both = async {
        tokio::join!(write(&first, &world, batches(&rows, 3, 0)), write(&second, &world, batches(&rows, 5, 0)))
    };
    let (_, ()) = tokio::join!(both, watcher.until(&world, rows.len()));
    let third = open().await;
    write(&third, &world, batches(&rows, 1, 0)).await;
    watcher.look(&world).await;
    watcher.check(&rows);
}

/// A log that was lost begins anew at offset 0.
#[tokio::test]
async fn a_log_that_begins_anew_is_followed() {
    let (store, world) = (open().await, World::new());
    let old = rows(&world, "m");
    let mut watcher = Watcher::from_now(&store, &world, 100).await;
    write(&store, &world, batches(&old, 5, 0)).await;
    let new: Vec<_> = (0..20).map(|nth| world.transition("m", 100 + nth, nth as u64)).collect();
    let later = -86_400 * 1_000_000;
    write(&store, &world, batches(&new[..10], 3, later)).await;
    // Its owner restarts in between, and replays.
    let restarted = open().await;
    write(&restarted, &world, batches(&new[..10], 2, later)).await;
    write(&restarted, &world, batches(&new[10..], 4, later)).await;
    watcher.until(&world, old.len() + new.len()).await;
    let seen: Vec<_> = watcher.seen.iter().map(|row| row.id).collect();
    let expected: Vec<_> = old.iter().chain(&new).map(|row| row.id).collect();
    assert!(seen == expected, "{} of {} seen", seen.len(), expected.len());
}

/// A cursor is text; a changed or shortened one is refused, whatever it says.
#[tokio::test]
async fn a_cursor_that_was_not_given_is_refused() {
    let (store, world) = (open().await, World::new());
    let slugs = slugs(&world);
    let transitions = slugs.iter().map(|slug| world.transition(slug, 0, 7)).collect();
    store.write(world.shard, ShardBatch { transitions, ..at(1) }).await.unwrap();
    let cursor = store.transitions_since(world.tenant, 9, None).await.unwrap().next.unwrap();
    assert!(cursor.len() < 64 * 40, "{} characters for 64 lanes", cursor.len());
    assert!(store.transitions_since(world.tenant, 9, Some(&cursor)).await.is_ok());
    let changed = cursor.replacen(&cursor[40..41], if &cursor[40..41] == "A" { "B" } else { "A" }, 1);
    for bad in [&cursor[..cursor.len() - 4], &changed, "", &format!("{cursor}{cursor}")] {
        let answer = store.transitions_since(world.tenant, 9, Some(bad)).await;
        assert!(matches!(answer, Err(store::StoreError::Conflict(_))), "{answer:?}");
    }
}
