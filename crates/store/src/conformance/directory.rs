//! Tenants, keys, channels and revoked tokens.

use super::world::{World, at};
use crate::row::{ApiKeyRow, ChannelRow, Revocation, TenantRow};
use crate::{ShardBatch, Store, StoreError};
use domain::ids::ChannelId;

fn is_conflict<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Err(StoreError::Conflict(_)))
}

pub async fn a_tenant_is_replaced(store: &dyn Store) {
    let world = World::new();
    assert_eq!(store.tenant(world.tenant).await, Ok(None));
    let first = TenantRow { id: world.tenant, name: "default".into(), ping_key_generation: 0, created_ms: 5 };
    let second = TenantRow { ping_key_generation: 63, ..first.clone() };
    for row in [first, second] {
        store.put_tenant(row.clone()).await.unwrap();
        assert_eq!(store.tenant(world.tenant).await, Ok(Some(row)));
    }
}

pub async fn a_key_prefix_is_given_once(store: &dyn Store) {
    let world = World::new();
    let other = world.neighbour();
    let (ci, ops) = (world.api_key("ci"), world.api_key("ops"));
    assert_eq!(store.api_key(&ci.prefix).await, Ok(None));
    store.add_api_key(ci.clone()).await.unwrap();
    store.add_api_key(ops.clone()).await.unwrap();
    let taken = ApiKeyRow { tenant: other.tenant, ..ci.clone() };
    assert!(is_conflict(&store.add_api_key(taken).await));

    assert_eq!(store.api_key(&ci.prefix).await, Ok(Some(ci.clone())));
    assert_eq!(store.api_keys(other.tenant).await, Ok(vec![]));
    let mut keys = store.api_keys(world.tenant).await.unwrap();
    keys.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(keys, [ci, ops]);
}

pub async fn a_key_is_revoked_by_its_tenant_only(store: &dyn Store) {
    let world = World::new();
    let other = world.neighbour();
    let key = world.api_key("ci");
    store.add_api_key(key.clone()).await.unwrap();
    assert_eq!(store.revoke_api_key(other.tenant, &key.prefix).await, Ok(false));
    assert_eq!(store.api_key(&key.prefix).await, Ok(Some(key.clone())));

    let revoked = ApiKeyRow { revoked: true, ..key.clone() };
    for _ in 0..2 {
        assert_eq!(store.revoke_api_key(world.tenant, &key.prefix).await, Ok(true));
        assert_eq!(store.api_key(&key.prefix).await, Ok(Some(revoked.clone())));
    }
    assert_eq!(store.api_keys(world.tenant).await, Ok(vec![revoked]));
    assert_eq!(store.revoke_api_key(world.tenant, "qpk_nobody").await, Ok(false));
}

pub async fn a_channel_name_is_given_once_in_a_tenant(store: &dyn Store) {
    let world = World::new();
    let other = world.neighbour();
    let (b, a) = (world.channel("b"), world.channel("a"));
    assert_eq!(store.channel(b.id).await, Ok(None));
    store.add_channel(b.clone()).await.unwrap();
    store.add_channel(a.clone()).await.unwrap();
    store.add_channel(other.channel("b")).await.unwrap();
    let same_name = ChannelRow { id: ChannelId(world.id("else")), ..b.clone() };
    assert!(is_conflict(&store.add_channel(same_name.clone()).await));

    assert_eq!(store.channel(same_name.id).await, Ok(None));
    assert_eq!(store.channel(b.id).await, Ok(Some(b.clone())));
    assert_eq!(store.channel_by_name(world.tenant, "b").await, Ok(Some(b.clone())));
    assert_eq!(store.channel_by_name(world.tenant, "c").await, Ok(None));
    assert_eq!(store.channels(world.tenant).await, Ok(vec![a, b]));
}

pub async fn a_channel_changes_from_the_version_that_was_read(store: &dyn Store) {
    let world = World::new();
    let (first, taken) = (world.channel("ops"), world.channel("taken"));
    let second = ChannelRow { version: 2, name: "night".into(), settings: vec![9; 5_000], ..first.clone() };
    assert!(is_conflict(&store.update_channel(second.clone()).await), "nothing to change");
    store.add_channel(first.clone()).await.unwrap();
    store.add_channel(taken).await.unwrap();

    for version in [0, 1, 3] {
        assert!(is_conflict(&store.update_channel(ChannelRow { version, ..second.clone() }).await), "{version}");
    }
    let theirs = ChannelRow { tenant: world.neighbour().tenant, ..second.clone() };
    assert!(is_conflict(&store.update_channel(theirs).await), "a channel of another tenant");
    assert_eq!(store.channel(first.id).await, Ok(Some(first)));
    store.update_channel(second.clone()).await.unwrap();
    assert_eq!(store.channel(second.id).await, Ok(Some(second.clone())));
    assert_eq!(store.channel_by_name(world.tenant, "ops").await, Ok(None));
    assert_eq!(store.channel_by_name(world.tenant, "night").await, Ok(Some(second.clone())));

    assert!(is_conflict(&store.update_channel(second.clone()).await), "the version has moved on");
    let renamed = ChannelRow { version: 3, name: "taken".into(), ..second.clone() };
    assert!(is_conflict(&store.update_channel(renamed).await), "the name is taken");
    assert_eq!(store.channel(second.id).await, Ok(Some(second)));
}

pub async fn a_deleted_channel_frees_its_name(store: &dyn Store) {
    let world = World::new();
    let first = world.channel("ops");
    store.add_channel(first.clone()).await.unwrap();
    let deleted = ChannelRow { version: 2, deleted: true, ..first.clone() };
    store.update_channel(deleted.clone()).await.unwrap();
    assert_eq!(store.channels(world.tenant).await, Ok(vec![]));
    assert_eq!(store.channel_by_name(world.tenant, "ops").await, Ok(None));
    assert_eq!(store.channel(first.id).await, Ok(Some(deleted)));

    let second = ChannelRow { id: ChannelId(world.id("second")), ..first };
    store.add_channel(second.clone()).await.unwrap();
    assert_eq!(store.channel_by_name(world.tenant, "ops").await, Ok(Some(second)));
}

pub async fn one_of_two_racing_writers_wins(store: &dyn Store) {
    let world = World::new();
    let rival = |name: &str| ChannelRow { name: "ops".into(), ..world.channel(name) };
    let (a, b) = tokio::join!(store.add_channel(rival("a")), store.add_channel(rival("b")));
    assert!(a.is_ok() != b.is_ok() && (is_conflict(&a) || is_conflict(&b)), "{a:?} {b:?}");

    let winner = store.channel_by_name(world.tenant, "ops").await.unwrap().unwrap();
    let change = |disabled: &str| ChannelRow { version: 2, disabled: disabled.into(), ..winner.clone() };
    let (a, b) = tokio::join!(store.update_channel(change("a")), store.update_channel(change("b")));
    assert!(a.is_ok() != b.is_ok() && (is_conflict(&a) || is_conflict(&b)), "{a:?} {b:?}");
    let stored = store.channel(winner.id).await.unwrap().unwrap();
    assert_eq!(stored.disabled, if a.is_ok() { "a" } else { "b" });
}

/// Not the highest: a monitor that was deleted (63) may come back.
pub async fn the_latest_revocation_counts(store: &dyn Store) {
    let world = World::new();
    let (a, b) = (world.monitor_id("a"), world.monitor_id("b"));
    let revoke = |monitor, least_generation, tick| {
        let revocations = vec![Revocation { monitor, least_generation }];
        ShardBatch { revocations, ..at(tick) }
    };
    for batch in [revoke(a, 1, 1), revoke(b, 63, 2), revoke(a, 2, 3), revoke(a, 63, 2), revoke(b, 4, 9)] {
        world.write(store, batch).await;
    }
    let all = store.revocations().await.unwrap();
    let of =
        |monitor| all.iter().filter(|row| row.monitor == monitor).map(|row| row.least_generation).collect::<Vec<_>>();
    assert_eq!((of(a), of(b)), (vec![2], vec![4]));
}
