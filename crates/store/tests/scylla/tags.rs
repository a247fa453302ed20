//! A rare tag among many monitors.

use crate::support::open;
use store::conformance::world::{World, at, filter, slug_of};
use store::{ShardBatch, ShardTables, TenantReads};

const MANY: usize = 11_000;

#[tokio::test]
async fn a_rare_tag_is_found_in_bounded_steps() {
    let (store, world) = (open().await, World::new());
    let tags = |nth: usize| if nth == 3 || nth == MANY - 1 { vec!["rare"] } else { vec!["common"] };
    let monitors = (0..MANY).map(|nth| world.monitor(&format!("m{nth:05}"), &tags(nth))).collect();
    store.write(world.shard, ShardBatch { monitors, ..at(1) }).await.unwrap();

    let (mut found, mut pages, mut after) = (Vec::new(), 0, None);
    loop {
        let page = store.monitors(world.tenant, &filter(&["rare"]), 100, after.as_deref()).await.unwrap();
        found.extend(page.rows.iter().map(slug_of));
        (pages, after) = (pages + 1, page.next);
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, ["m00003", "m10999"]);
    assert!((2..=4).contains(&pages), "{pages} pages");
}
