//! `Watch`: one stream over all shards, its cursors, and a store that is away for a while.

use crate::support::{OTHER, World, bad, limits, refusal};
use api::Limits;
use domain::ping::PingKind;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use store::row::Scope;
use tokio_stream::StreamExt;
use tonic::transport::Channel;
use tonic::{Response, Status, Streaming};
use wire::v1::incident_service_client::IncidentServiceClient;
use wire::v1::{self, Monitor, Transition};

type News = Streaming<Transition>;

async fn world_with(limits: Limits, monitors: usize) -> World {
    let world = World::with(limits).await;
    for slug in (0..monitors).map(slug) {
        world.create(Monitor { slug, ..Monitor::default() }).await.unwrap();
    }
    world.pass(1).await;
    world
}

fn slug(n: usize) -> String {
    format!("m{n}")
}

async fn ask(
    world: &World,
    client: &mut IncidentServiceClient<Channel>,
    cursor: &str,
) -> Result<Response<News>, Status> {
    client.watch(world.ask(v1::WatchRequest { cursor: cursor.into() })).await
}

async fn watch(world: &World, cursor: &str) -> News {
    ask(world, &mut world.incidents(), cursor).await.unwrap().into_inner()
}

async fn take(news: &mut News, count: usize) -> Vec<Transition> {
    let mut taken = Vec::new();
    let all = async {
        while taken.len() < count {
            taken.push(news.next().await.expect("the stream lasts").expect("no error"));
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.expect("news by now");
    taken
}

/// Whether nothing comes for a while.
async fn is_quiet(news: &mut News) -> bool {
    tokio::time::timeout(Duration::from_millis(300), news.next()).await.is_err()
}

/// Each monitor fails, in all shards.
async fn all_fail(world: &World, monitors: usize) {
    for slug in (0..monitors).map(slug) {
        world.ping(&slug, PingKind::Fail, b"").await;
    }
}

fn ids(news: &[Transition]) -> Vec<String> {
    news.iter().map(|transition| transition.id.clone()).collect()
}

#[tokio::test]
async fn every_cursor_leads_on_without_gap_or_overlap_at_any_node() {
    let world = world_with(limits(), 12).await;
    let shards: std::collections::BTreeSet<_> =
        (0..12).map(|n| world.keys.shard_of(world.monitor_id(&slug(n)))).collect();
    assert!(shards.len() >= 3, "{shards:?}");
    let mut first = watch(&world, "").await;
    all_fail(&world, 12).await;
    let news = take(&mut first, 12).await;
    let mut elsewhere = IncidentServiceClient::new(world.second_node().await);
    for (nth, transition) in news.iter().enumerate() {
        let cursor = transition.cursor.clone().expect("a cursor with each");
        let mut resumed = ask(&world, &mut elsewhere, &cursor).await.unwrap().into_inner();
        assert_eq!(ids(&take(&mut resumed, 11 - nth).await), ids(&news[nth + 1..]), "after {nth}");
        assert!(is_quiet(&mut resumed).await, "after {nth}");
    }
    // All in one page now, so these cursors lead into the middle of it.
    let last = news[11].cursor.clone().unwrap();
    for n in 0..12 {
        world.ping(&slug(n), PingKind::Success, b"").await;
    }
    let mut whole = watch(&world, &last).await;
    let page = take(&mut whole, 12).await;
    for nth in [0, 5, 10, 11] {
        let mut resumed = ask(&world, &mut elsewhere, page[nth].cursor.as_ref().unwrap()).await.unwrap().into_inner();
        assert_eq!(ids(&take(&mut resumed, 11 - nth).await), ids(&page[nth + 1..]), "after {nth}");
        assert!(is_quiet(&mut resumed).await, "after {nth}");
    }
}

/// With many shards a page read again may have other transitions in between, and another order.
#[tokio::test]
async fn a_cursor_within_a_page_leads_on_however_the_page_comes_out_again() {
    let world = world_with(limits(), 12).await;
    let mut first = watch(&world, "").await;
    for n in 0..8 {
        world.ping(&slug(n), PingKind::Fail, b"").await;
    }
    take(&mut first, 8).await;
    let begun = ask(&world, &mut world.incidents(), "").await.unwrap();
    let start = begun.metadata().get("watch-cursor").unwrap().to_str().unwrap().to_owned();
    for n in 0..8 {
        world.ping(&slug(n), PingKind::Success, b"").await;
    }
    let page = take(&mut watch(&world, &start).await, 8).await;
    // A shard that lagged adds its own, and they come out first.
    for n in 8..12 {
        world.ping(&slug(n), PingKind::Fail, b"").await;
    }
    let mut all = ids(&take(&mut watch(&world, &start).await, 12).await);
    all.sort_unstable();
    world.switch.reversed.store(true, Ordering::SeqCst);
    for (nth, transition) in page.iter().enumerate() {
        let mut resumed = watch(&world, transition.cursor.as_ref().unwrap()).await;
        let rest = take(&mut resumed, 11 - nth).await;
        assert!(is_quiet(&mut resumed).await, "after {nth}");
        // Cut off again in the middle of it, and once more.
        let Some(middle) = rest.get(rest.len() / 2) else { continue };
        let mut again = watch(&world, middle.cursor.as_ref().unwrap()).await;
        let tail = take(&mut again, rest.len() - rest.len() / 2 - 1).await;
        assert_eq!(ids(&tail), ids(&rest[rest.len() / 2 + 1..]), "after {nth}");
        assert!(is_quiet(&mut again).await, "after {nth}");
        let mut told = [ids(&page[..=nth]), ids(&rest)].concat();
        told.sort_unstable();
        assert_eq!(told, all, "after {nth}");
    }
}

#[tokio::test]
async fn a_backlog_of_many_pages_comes_at_once() {
    let world = world_with(Limits { watch_every: Duration::from_secs(5), ..limits() }, 1).await;
    let start = ask(&world, &mut world.incidents(), "").await.unwrap();
    let start = start.metadata().get("watch-cursor").unwrap().to_str().unwrap().to_owned();
    for n in 0..250 {
        let kind = if n % 2 == 0 { PingKind::Fail } else { PingKind::Success };
        world.ping("m0", kind, b"").await;
    }
    let begun = Instant::now();
    let news = take(&mut watch(&world, &start).await, 250).await;
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert!(news.iter().enumerate().all(|(n, row)| row.to == if n % 2 == 0 { "down" } else { "up" }));
    // What a client that stopped anywhere in it goes on with.
    let middle = news[149].cursor.as_ref().unwrap();
    assert_eq!(ids(&take(&mut watch(&world, middle).await, 100).await), ids(&news[150..]));
}

#[tokio::test]
async fn the_beginning_has_a_cursor_before_there_is_news() {
    let world = world_with(limits(), 2).await;
    let begun = ask(&world, &mut world.incidents(), "").await.unwrap();
    let start = begun.metadata().get("watch-cursor").unwrap().to_str().unwrap().to_owned();
    drop(begun);
    all_fail(&world, 2).await;
    assert_eq!(take(&mut watch(&world, &start).await, 2).await.len(), 2);
}

#[tokio::test]
async fn a_cursor_that_leads_nowhere_is_refused() {
    let world = world_with(limits(), 1).await;
    let mut stream = watch(&world, "").await;
    all_fail(&world, 1).await;
    let own = take(&mut stream, 1).await[0].cursor.clone().unwrap();
    for cursor in ["x", ":x", "tr_1:x", "AAAA:x", "\u{1}"] {
        assert_eq!(refusal(ask(&world, &mut world.incidents(), cursor).await), bad("cursor"), "{cursor:?}");
    }
    let foreign = world.key(OTHER, Scope::Read).await.0;
    let ask = World::ask_with(&foreign, v1::WatchRequest { cursor: own });
    assert_eq!(refusal(world.incidents().watch(ask).await), bad("cursor"), "another tenant's");
}

#[tokio::test]
async fn a_store_that_is_away_makes_the_stream_wait_and_is_not_pressed() {
    let world = world_with(limits(), 3).await;
    let mut stream = watch(&world, "").await;
    all_fail(&world, 2).await;
    let before = take(&mut stream, 2).await;
    world.switch.set_away(true);
    world.ping("m2", PingKind::Fail, b"").await;
    let pressed = || world.switch.looks.load(Ordering::SeqCst) + world.switch.keys.load(Ordering::SeqCst);
    let before_pause = pressed();
    assert!(tokio::time::timeout(Duration::from_secs(2), stream.next()).await.is_err(), "it waits");
    // At its usual pace of 20 ms it would have been a hundred times.
    let times = pressed() - before_pause;
    assert!((3..=15).contains(&times), "{times} questions to the store");
    world.switch.set_away(false);
    let after = take(&mut stream, 1).await;
    assert_eq!(after[0].slug, "m2");
    assert!(!ids(&before).contains(&after[0].id));
    assert!(is_quiet(&mut stream).await, "nothing twice");
}

#[tokio::test]
async fn a_quiet_stream_asks_the_store_at_its_pace() {
    let world = world_with(Limits { watch_every: Duration::from_millis(100), ..limits() }, 1).await;
    let mut stream = watch(&world, "").await;
    let looks = world.switch.looks.load(Ordering::SeqCst);
    assert!(tokio::time::timeout(Duration::from_secs(1), stream.next()).await.is_err());
    // News that come one by one do not make it look more often.
    for n in 0..20 {
        let kind = if n % 2 == 0 { PingKind::Fail } else { PingKind::Success };
        world.ping("m0", kind, b"").await;
    }
    take(&mut stream, 20).await;
    let looked = world.switch.looks.load(Ordering::SeqCst) - looks;
    assert!((5..=20).contains(&looked), "{looked} looks in {:?}", looks);
}
