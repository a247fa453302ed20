//! Owners that move, hang and lose answers; commands whose outcome is not known, and what repeating them does.

use crate::support::{World, code, limits, until};
use api::Limits;
use domain::ping::PingKind;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tonic::{Code, Status};
use tonic_types::StatusExt;
use wire::v1::{self, Monitor};

const ID: &str = "cm_000000000000000000000000000000c1";
const OTHER_ID: &str = "cm_000000000000000000000000000000c2";

fn m() -> Monitor {
    Monitor { slug: "m".into(), ..Monitor::default() }
}

async fn rename(world: &World, name: &str) -> Result<Monitor, Status> {
    let update_mask = Some(prost_types::FieldMask { paths: vec!["name".into()] });
    let monitor = Some(Monitor { name: name.into(), ..m() });
    let ask = v1::UpdateMonitorRequest { monitor, update_mask, ..Default::default() };
    world.monitors().update_monitor(world.ask(ask)).await.map(tonic::Response::into_inner)
}

async fn rotate(world: &World, command_id: &str) -> Result<Monitor, Status> {
    let ask = v1::RotatePingTokenRequest { slug: "m".into(), command_id: command_id.into() };
    world.monitors().rotate_ping_token(world.ask(ask)).await.map(tonic::Response::into_inner)
}

async fn pause(world: &World, command_id: &str) -> Result<Monitor, Status> {
    let ask = v1::PauseMonitorRequest { slug: "m".into(), command_id: command_id.into(), ..Default::default() };
    world.monitors().pause_monitor(world.ask(ask)).await.map(tonic::Response::into_inner)
}

async fn resume(world: &World, command_id: &str) -> Result<Monitor, Status> {
    let ask = v1::ResumeMonitorRequest { slug: "m".into(), command_id: command_id.into() };
    world.monitors().resume_monitor(world.ask(ask)).await.map(tonic::Response::into_inner)
}

async fn delete(world: &World, command_id: &str) -> Result<(), Status> {
    let ask = v1::DeleteMonitorRequest { slug: "m".into(), command_id: command_id.into() };
    world.monitors().delete_monitor(world.ask(ask)).await.map(drop)
}

/// The id that a status of unknown outcome tells, which must be the same in all three places.
#[track_caller]
fn told_id(status: &Status) -> String {
    let trailer = status.metadata().get("command-id").map(|id| id.to_str().unwrap().to_owned()).unwrap_or_default();
    let info = status.get_details_error_info().unwrap_or_else(|| panic!("no ErrorInfo: {status}"));
    assert_eq!((info.reason.as_str(), info.domain.as_str()), ("COMMAND_OUTCOME_UNKNOWN", "quietpulse"));
    assert_eq!(info.metadata.get("command_id"), Some(&trailer));
    assert!(trailer.starts_with("cm_") && status.message().contains(&trailer), "{status}");
    trailer
}

#[tokio::test]
async fn a_command_is_answered_by_whoever_owns_the_shard_by_then() {
    type Failing = fn(&World);
    let failures: [(&str, Failing); 3] = [
        ("behind", |world| world.owner.set_behind(true)),
        ("hanging", |world| world.owner.set_hanging(true)),
        ("away", |world| world.owner.set_away(true)),
    ];
    for (what, fail) in failures {
        let world = World::start().await;
        let next = world.second_owner();
        world.create(m()).await.unwrap();
        fail(&world);
        let begun = Instant::now();
        let (edited, ()) = tokio::join!(rename(&world, "New"), async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            world.set_owner(next.clone()).await;
        });
        let edited = edited.unwrap_or_else(|status| panic!("{what}: {status}"));
        assert_eq!((edited.name.as_str(), edited.version), ("New", 2), "{what}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{what}: {:?}", begun.elapsed());
        assert_eq!(world.get("m").await.unwrap().state_age, None, "{what}: the next owner is asked from then on");
        world.owner.set_behind(false);
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_with_its_owner_is_had_by_repeating_the_command() {
    let world = World::start().await;
    world.owner.lose_answers(1);
    assert_eq!(world.create(m()).await.unwrap().version, 1);
    world.owner.lose_answers(2);
    let edited = rename(&world, "New").await.unwrap();
    assert_eq!((edited.name.as_str(), edited.version), ("New", 2));
    world.owner.lose_answers(1);
    let rotated = rotate(&world, "").await.unwrap().ping_url;
    let second = world.keys.token(world.monitor_id("m"), 1);
    assert_eq!(rotated, format!("https://ping.example.org/ping/{second}"), "rotated once");
    world.owner.lose_answers(1);
    delete(&world, "").await.unwrap();
    // A refusal is remembered like a success.
    world.owner.lose_answers(1);
    assert_eq!(code(delete(&world, "").await), Code::NotFound);
    // It ends somewhere.
    world.owner.lose_answers(100);
    told_id(&world.create(m()).await.unwrap_err());
}

#[tokio::test]
async fn a_command_of_unknown_outcome_tells_its_id_and_counts_once() {
    let world = World::with(Limits { answer: Duration::from_millis(200), ..limits() }).await;
    world.create(m()).await.unwrap();
    world.owner.set_behind(true);
    let late = rotate(&world, ID).await.unwrap_err();
    assert_eq!((late.code(), told_id(&late).as_str()), (Code::DeadlineExceeded, ID));
    // One that the server drew is told as well.
    let drawn = told_id(&rotate(&world, "").await.unwrap_err());
    assert_ne!(drawn, ID);
    world.owner.set_behind(false);
    for id in [&drawn, ID, &drawn] {
        let url = until(|| async { rotate(&world, id).await.ok() }).await.ping_url;
        let third = world.keys.token(world.monitor_id("m"), 2);
        assert_eq!(url, format!("https://ping.example.org/ping/{third}"), "two rotations, however often they are told");
    }
}

#[tokio::test]
async fn the_id_is_told_before_the_call_is_cut_off() {
    // The call's own limit is shorter than the patience with the owner, and then with the log.
    let world = World::with(Limits { call: Duration::from_millis(400), ..limits() }).await;
    world.owner.set_hanging(true);
    let begun = Instant::now();
    assert_eq!(told_id(&world.create_under(ID, m()).await.unwrap_err()), ID);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn an_id_is_bound_to_its_verb_and_monitor() {
    let world = World::start().await;
    world.create_under(ID, m()).await.unwrap();
    assert_eq!(pause(&world, ID).await.unwrap().status, "paused");
    assert_eq!(resume(&world, ID).await.unwrap().status, "new");
    // The same call again: what came of the first, which is no longer in force.
    assert_eq!(pause(&world, ID).await.unwrap().status, "new");
    assert_eq!(pause(&world, OTHER_ID).await.unwrap().status, "paused");
    assert_eq!(code(pause(&world, "cm_x").await), Code::InvalidArgument);
    delete(&world, ID).await.unwrap();
    delete(&world, ID).await.unwrap();
    assert_eq!(code(delete(&world, OTHER_ID).await), Code::NotFound);
}

#[tokio::test]
async fn an_acknowledgement_repeats_too() {
    let world = World::start().await;
    world.create(m()).await.unwrap();
    world.pass(1).await;
    world.ping("m", PingKind::Fail, b"").await;
    let id = world.get("m").await.unwrap().incident_id;
    for _ in 0..2 {
        let ask = v1::AcknowledgeIncidentRequest { id: id.clone(), slug: "m".into(), command_id: ID.into() };
        assert!(world.incidents().acknowledge_incident(world.ask(ask)).await.unwrap().into_inner().acknowledged);
    }
}

#[tokio::test]
async fn any_node_repeats_the_command_of_another() {
    let world = World::start().await;
    let first = world.create_under(ID, m()).await.unwrap();
    let mut elsewhere = v1::monitor_service_client::MonitorServiceClient::new(world.second_node().await);
    let ask = v1::CreateMonitorRequest { monitor: Some(m()), command_id: ID.into() };
    assert_eq!(elsewhere.create_monitor(world.ask(ask)).await.unwrap().into_inner(), first);
    assert_eq!(rename(&world, "New").await.unwrap().version, 2);
    let seen = elsewhere.get_monitor(world.ask(v1::GetMonitorRequest { slug: "m".into() })).await.unwrap().into_inner();
    assert_eq!((seen.name.as_str(), seen.state_age), ("New", None));
}

async fn many(world: &World, count: usize) {
    let made = (0..count).map(|n| world.create(Monitor { slug: format!("m{n:03}"), ..Monitor::default() }));
    let made: Vec<_> = futures::StreamExt::collect(futures::StreamExt::buffered(futures::stream::iter(made), 50)).await;
    assert!(made.iter().all(Result::is_ok));
    world.owner.reads.lock().clear();
}

async fn list(world: &World, page_size: u32) -> Vec<Monitor> {
    let ask = v1::ListMonitorsRequest { page_size, ..Default::default() };
    world.monitors().list_monitors(world.ask(ask)).await.unwrap().into_inner().monitors
}

#[tokio::test]
async fn a_list_asks_all_owners_at_once_and_each_once() {
    let world = World::start().await;
    many(&world, 60).await;
    world.owner.set_slow(Duration::from_millis(400));
    let begun = Instant::now();
    let listed = list(&world, 100).await;
    assert_eq!(listed.len(), 60);
    assert!(listed.iter().all(|monitor| monitor.state_age.is_none()));
    assert!(begun.elapsed() < Duration::from_millis(1_200), "four reads of 400 ms took {:?}", begun.elapsed());
    let mut reads = world.owner.reads.lock().clone();
    reads.sort_unstable();
    assert_eq!(reads, [0, 1, 2, 3]);
}

#[tokio::test]
async fn a_long_list_waits_once_for_an_owner_that_hangs() {
    let world = World::with(Limits { read: Duration::from_millis(500), ..limits() }).await;
    many(&world, 350).await;
    world.owner.set_hanging(true);
    let begun = Instant::now();
    let listed = list(&world, 1_000).await;
    assert_eq!(listed.len(), 350);
    assert!(listed.iter().all(|monitor| monitor.state_age.is_some() && monitor.status == "new"));
    assert!(begun.elapsed() < Duration::from_millis(1_400), "four pieces took {:?}", begun.elapsed());
    // It comes to itself, and is asked again.
    world.owner.set_hanging(false);
    until(|| async { list(&world, 1).await[0].state_age.is_none().then_some(()) }).await;
}

#[tokio::test]
async fn reads_follow_the_owner() {
    let world = World::start().await;
    let next = world.second_owner();
    world.create(m()).await.unwrap();
    assert_eq!(world.get("m").await.unwrap().state_age, None);
    world.owner.set_away(true);
    assert!(world.get("m").await.unwrap().state_age.is_some());
    world.set_owner(Arc::clone(&next)).await;
    assert_eq!(world.get("m").await.unwrap().state_age, None, "the successor is asked at once");
}
