//! Incidents and news.

use crate::support::{OTHER, TENANT, World, bad, code, refusal};
use domain::ping::PingKind;
use std::time::Duration;
use store::Directory;
use store::row::Scope;
use tokio_stream::StreamExt;
use tonic::{Code, Streaming};
use wire::v1::{self, Monitor};

async fn world_with_two_down() -> World {
    let world = World::start().await;
    for slug in ["a", "b", "c"] {
        world.create(Monitor { slug: slug.into(), name: slug.to_uppercase(), ..Monitor::default() }).await.unwrap();
    }
    world.pass(1).await;
    world.ping("b", PingKind::Fail, b"").await;
    world.pass(1).await;
    world.ping("a", PingKind::Exit(3), b"").await;
    world
}

async fn list(world: &World, page_size: u32, page_token: String) -> v1::ListIncidentsResponse {
    let ask = v1::ListIncidentsRequest { page_size, page_token };
    world.incidents().list_incidents(world.ask(ask)).await.unwrap().into_inner()
}

#[tokio::test]
async fn open_incidents_are_listed_oldest_first() {
    let world = world_with_two_down().await;
    let first = list(&world, 1, String::new()).await;
    let rest = list(&world, 9, first.next_page_token).await;
    let shown = |incident: &v1::Incident| {
        (incident.slug.clone(), incident.name.clone(), incident.reason.clone(), incident.acknowledged)
    };
    assert_eq!(
        first.incidents.iter().map(shown).collect::<Vec<_>>(),
        [("b".into(), "B".into(), "failed".into(), false)]
    );
    assert_eq!(
        rest.incidents.iter().map(shown).collect::<Vec<_>>(),
        [("a".into(), "A".into(), "failed".into(), false)]
    );
    assert_eq!(
        (rest.next_page_token.as_str(), rest.incidents[0].id.clone()),
        ("", world.get("a").await.unwrap().incident_id)
    );
}

#[tokio::test]
async fn an_incident_is_acknowledged_by_its_id() {
    let world = world_with_two_down().await;
    let ask = |id: &str, slug: &str| {
        world.ask(v1::AcknowledgeIncidentRequest { id: id.into(), slug: slug.into(), ..Default::default() })
    };
    let id = world.get("a").await.unwrap().incident_id;
    let known = world.incidents().acknowledge_incident(ask(&id, "a")).await.unwrap().into_inner();
    assert_eq!(
        (known.id.as_str(), known.slug.as_str(), known.acknowledged, known.reason.as_str()),
        (id.as_str(), "a", true, "failed")
    );
    assert!(world.get("a").await.unwrap().acknowledged);
    // The slug may be left out.
    let id = world.get("b").await.unwrap().incident_id;
    assert!(world.incidents().acknowledge_incident(ask(&id, "")).await.unwrap().into_inner().acknowledged);

    let never = format!("tr_{}", "0".repeat(32));
    assert_eq!(refusal(world.incidents().acknowledge_incident(ask("x", "a")).await), bad("id"));
    assert_eq!(refusal(world.incidents().acknowledge_incident(ask(&never, "a")).await), (Code::NotFound, "id".into()));
    assert_eq!(refusal(world.incidents().acknowledge_incident(ask(&never, "")).await), (Code::NotFound, "id".into()));
    assert_eq!(refusal(world.incidents().acknowledge_incident(ask(&id, "Ü")).await), bad("slug"));
    assert_eq!(code(world.incidents().acknowledge_incident(ask(&id, "c")).await), Code::NotFound);
}

async fn next(stream: &mut Streaming<v1::Transition>) -> Option<Result<v1::Transition, tonic::Status>> {
    tokio::time::timeout(Duration::from_secs(10), stream.next()).await.expect("news by now")
}

#[tokio::test]
async fn news_come_as_they_are_concluded_and_from_now_on() {
    let world = world_with_two_down().await;
    let other = world.key(OTHER, Scope::Read).await.0;
    let mut stream = world.incidents().watch(world.ask(v1::WatchRequest::default())).await.unwrap().into_inner();
    let mut foreign =
        world.incidents().watch(World::ask_with(&other, v1::WatchRequest::default())).await.unwrap().into_inner();
    world.pass(1).await;
    world.ping("a", PingKind::Success, b"").await;
    world.ping("c", PingKind::Fail, b"").await;
    let mut news = Vec::new();
    while news.len() < 2 {
        let transition = next(&mut stream).await.unwrap().unwrap();
        news.push((transition.slug, transition.r#type));
    }
    news.sort();
    assert_eq!(news, [("a".into(), "monitor.up".into()), ("c".into(), "monitor.down".into())]);
    let silence = tokio::time::timeout(Duration::from_millis(200), foreign.next()).await;
    assert!(silence.is_err(), "{silence:?}");
}

#[tokio::test]
async fn a_stream_ends_when_its_key_is_revoked() {
    let world = world_with_two_down().await;
    let (key, row) = world.key(TENANT, Scope::Read).await;
    let mut stream =
        world.incidents().watch(World::ask_with(&key, v1::WatchRequest::default())).await.unwrap().into_inner();
    world.store.revoke_api_key(TENANT, &row.prefix).await.unwrap();
    let last = next(&mut stream).await.unwrap().unwrap_err();
    assert_eq!(last.code(), Code::Unauthenticated);
    assert!(next(&mut stream).await.is_none());
    world.ping("c", PingKind::Fail, b"").await;
    assert_eq!(
        code(world.incidents().watch(World::ask_with(&key, v1::WatchRequest::default())).await),
        Code::Unauthenticated
    );
}
