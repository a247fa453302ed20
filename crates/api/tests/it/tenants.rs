//! Nothing crosses tenants.

use crate::support::{OTHER, World, code, refusal};
use domain::ping::PingKind;
use store::row::Scope;
use tonic::Code;
use wire::v1::{self, Monitor, channel::Settings};

/// A world in which tenant 1 has a monitor `m` that is down and a channel `ops`, and a key of tenant 2.
async fn world() -> (World, String) {
    let world = World::start().await;
    let settings = Some(Settings::Log(v1::LogSettings {}));
    world.create_channel(v1::Channel { name: "ops".into(), settings, ..Default::default() }).await.unwrap();
    world.create(Monitor { slug: "m".into(), channels: vec!["ops".into()], ..Monitor::default() }).await.unwrap();
    world.pass(1).await;
    world.ping("m", PingKind::Fail, b"canary").await;
    let key = world.key(OTHER, Scope::Admin).await.0;
    (world, key)
}

#[tokio::test]
async fn anothers_monitors_are_not_there() {
    let (world, key) = world().await;
    let (slug, mut monitors) = ("m".to_owned(), world.monitors());
    macro_rules! absent {
        ($($method:ident($message:expr)),+) => {
            $(assert_eq!(code(monitors.$method(World::ask_with(&key, $message)).await), Code::NotFound, stringify!($method));)+
        };
    }
    let edit = Some(Monitor { slug: slug.clone(), name: "mine".into(), ..Monitor::default() });
    absent!(
        get_monitor(v1::GetMonitorRequest { slug: slug.clone() }),
        update_monitor(v1::UpdateMonitorRequest { monitor: edit, ..Default::default() }),
        pause_monitor(v1::PauseMonitorRequest { slug: slug.clone(), ..Default::default() }),
        resume_monitor(v1::ResumeMonitorRequest { slug: slug.clone(), ..Default::default() }),
        rotate_ping_token(v1::RotatePingTokenRequest { slug: slug.clone(), ..Default::default() }),
        delete_monitor(v1::DeleteMonitorRequest { slug: slug.clone(), ..Default::default() }),
        list_pings(v1::ListPingsRequest { slug: slug.clone(), ..Default::default() }),
        list_transitions(v1::ListTransitionsRequest { slug: slug.clone(), ..Default::default() })
    );
    let listed = monitors.list_monitors(World::ask_with(&key, v1::ListMonitorsRequest::default())).await.unwrap();
    assert_eq!(listed.into_inner().monitors, []);
    assert_eq!(world.get("m").await.unwrap().name, "m");
}

#[tokio::test]
async fn anothers_channels_are_not_there() {
    let (world, key) = world().await;
    let (name, mut channels) = ("ops".to_owned(), world.channels());
    macro_rules! absent {
        ($($method:ident($message:expr)),+) => {
            $(assert_eq!(code(channels.$method(World::ask_with(&key, $message)).await), Code::NotFound, stringify!($method));)+
        };
    }
    let edit = Some(v1::Channel { name: name.clone(), disabled_reason: "x".into(), ..Default::default() });
    absent!(
        get_channel(v1::GetChannelRequest { name: name.clone() }),
        update_channel(v1::UpdateChannelRequest { channel: edit, ..Default::default() }),
        delete_channel(v1::DeleteChannelRequest { name: name.clone() }),
        test_channel(v1::TestChannelRequest { name: name.clone() }),
        list_deliveries(v1::ListDeliveriesRequest { channel: name.clone(), ..Default::default() })
    );
    assert!(world.tester.tested.lock().is_empty());
    let taken = Monitor { slug: "theirs".into(), channels: vec![name], ..Monitor::default() };
    let create = v1::CreateMonitorRequest { monitor: Some(taken), ..Default::default() };
    let refused = refusal(world.monitors().create_monitor(World::ask_with(&key, create)).await);
    assert_eq!(refused, (Code::InvalidArgument, "channels".into()));
    let get = v1::GetMonitorRequest { slug: "theirs".into() };
    assert_eq!(code(world.monitors().get_monitor(World::ask_with(&key, get)).await), Code::NotFound);
}

#[tokio::test]
async fn anothers_incidents_and_deliveries_are_not_there() {
    let (world, key) = world().await;
    let id = world.get("m").await.unwrap().incident_id;
    let list = v1::ListIncidentsRequest::default();
    assert_eq!(world.incidents().list_incidents(World::ask_with(&key, list)).await.unwrap().into_inner().incidents, []);
    for slug in ["m", ""] {
        let acknowledge = v1::AcknowledgeIncidentRequest { id: id.clone(), slug: slug.into(), ..Default::default() };
        assert_eq!(
            code(world.incidents().acknowledge_incident(World::ask_with(&key, acknowledge)).await),
            Code::NotFound
        );
    }
    assert!(!world.get("m").await.unwrap().acknowledged);
    // The built-in channel is everybody's; its deliveries are not.
    world.create(Monitor { slug: "plain".into(), ..Monitor::default() }).await.unwrap();
    world.ping("plain", PingKind::Fail, b"").await;
    let deliveries = || v1::ListDeliveriesRequest { channel: "log".into(), ..Default::default() };
    let own = world.channels().list_deliveries(world.ask(deliveries())).await.unwrap().into_inner();
    assert_eq!(own.deliveries.len(), 1);
    let theirs = world.channels().list_deliveries(World::ask_with(&key, deliveries())).await.unwrap().into_inner();
    assert_eq!(theirs.deliveries, []);
}

#[tokio::test]
async fn one_slug_is_two_monitors_in_two_tenants() {
    let (world, key) = world().await;
    let monitor = Some(Monitor { slug: "m".into(), name: "Theirs".into(), ..Monitor::default() });
    let create = v1::CreateMonitorRequest { monitor, ..Default::default() };
    let theirs = world.monitors().create_monitor(World::ask_with(&key, create)).await.unwrap().into_inner();
    let ours = world.get("m").await.unwrap();
    assert!(theirs.id != ours.id && theirs.ping_url != ours.ping_url && ours.name == "m");
}
