//! Who is let in: rotation, revocation, deletion, and the store away.

use crate::support::client::get;
use crate::support::{SLUG, Server, TENANT};
use domain::ids::{MonitorId, ShardCount};
use domain::token::KeyRing;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_genuine_token_needs_no_store() {
    let server = Server::start().await;
    server.store.set_away(true);
    assert_eq!(get(server.address, &format!("/ping/{}", server.token())).await, (200, "OK".into()));
    assert_eq!(server.store.reads.load(Ordering::Relaxed), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_thousand_tokens_are_a_thousand_pings() {
    let server = Server::start().await;
    let ids: Vec<_> = (0..1_000u64).map(|n| MonitorId(n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    for id in &ids {
        assert_eq!(get(server.address, &format!("/ping/{}", server.keys.token(*id, 3))).await.0, 200);
    }
    let found: Vec<_> = server.pings().iter().map(|ping| ping.monitor).collect();
    assert_eq!(found, ids);
    for (shard, _, body) in server.log.records() {
        let domain::record::Body::Ping(ping) = body else { panic!("{body:?}") };
        assert_eq!(server.keys.shard_of(ping.monitor), shard);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_token_of_a_retired_key_is_unknown() {
    let server = Server::start().await;
    let retired = KeyRing::new([1; 32], vec![[3; 32]], ShardCount::new(4).unwrap());
    let token = retired.token(server.monitor(), 0);
    assert_eq!(get(server.address, &format!("/ping/{token}")).await, (404, "not found".into()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_generation_is_unknown_within_seconds_and_the_next_one_is_not() {
    let server = Server::start().await;
    let (old, new) = (server.token(), server.keys.token(server.monitor(), 1));
    server.store.revoke(&server.keys, server.monitor(), 1).await;
    let stop = CancellationToken::new();
    let canaries = tokio::spawn(server.ingest.clone().run_canaries(stop.clone()));
    let mut last = (0, String::new());
    for _ in 0..400 {
        last = get(server.address, &format!("/ping/{old}")).await;
        if last.0 == 404 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(last, (404, "not found".into()));
    assert_eq!(get(server.address, &format!("/ping/{new}")).await.0, 200);
    assert_eq!(get(server.address, &format!("/ping/{}/{SLUG}", server.ping_key())).await.0, 200);
    stop.cancel();
    canaries.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_monitor_is_forgotten_by_slug_too() {
    let server = Server::start().await;
    let slug_url = format!("/ping/{}/{SLUG}", server.ping_key());
    assert_eq!(get(server.address, &slug_url).await.0, 200);
    server.store.add_monitor(&server.keys, TENANT, SLUG, true).await;
    let stop = CancellationToken::new();
    let canaries = tokio::spawn(server.ingest.clone().run_canaries(stop.clone()));
    let mut last = (0, String::new());
    for _ in 0..400 {
        last = get(server.address, &slug_url).await;
        if last.0 == 404 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(last, (404, "not found".into()));
    assert_eq!(get(server.address, &format!("/ping/{}", server.token())).await, (404, "not found".into()));
    stop.cancel();
    canaries.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_slug_is_looked_up_once() {
    let server = Server::start().await;
    let target = format!("/ping/{}/{SLUG}", server.ping_key());
    for _ in 0..20 {
        assert_eq!(get(server.address, &target).await.0, 200);
    }
    assert_eq!(server.store.reads.load(Ordering::Relaxed), 1);
    for _ in 0..20 {
        assert_eq!(get(server.address, &format!("/ping/{}/unknown", server.ping_key())).await.0, 404);
    }
    assert_eq!(server.store.reads.load(Ordering::Relaxed), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_slug_that_is_made_is_found_soon() {
    let server = Server::start().await;
    let target = format!("/ping/{}/fresh", server.ping_key());
    assert_eq!(get(server.address, &target).await.0, 404);
    server.store.add_monitor(&server.keys, TENANT, "fresh", false).await;
    let mut status = 404;
    for _ in 0..100 {
        status = get(server.address, &target).await.0;
        if status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn while_the_store_is_away_a_slug_ping_is_kept_rather_than_lost() {
    let server = Server::start().await;
    server.store.set_away(true);
    for slug in [SLUG, "nobody-knows"] {
        assert_eq!(get(server.address, &format!("/ping/{}/{slug}", server.ping_key())).await, (200, "OK".into()));
        assert_eq!(server.only_ping().monitor, server.keys.monitor_id(TENANT, slug));
    }
    let forged = server.ping_key().replace('a', "b");
    let forged = if forged == server.ping_key() { server.ping_key().replace('c', "d") } else { forged };
    assert_eq!(get(server.address, &format!("/ping/{forged}/{SLUG}")).await.0, 404);
    server.store.set_away(false);
    assert_eq!(get(server.address, &format!("/ping/{}/nobody-knows", server.ping_key())).await.0, 404);
}
