//! How much one key may ask, how long a call may take, and what is counted.

use crate::support::{OTHER, World, code, counted, limits, until};
use api::Limits;
use bytes::Bytes;
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use std::time::{Duration, Instant};
use store::row::Scope;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt;
use wire::v1::{self, Monitor};

async fn list(world: &World, request: Request<v1::ListMonitorsRequest>) -> Result<(), Status> {
    world.monitors().list_monitors(request).await.map(drop)
}

#[tokio::test]
async fn one_key_has_so_many_calls_at_once() {
    let world = World::with(Limits { calls_at_once: 2, ..limits() }).await;
    let watch = || async { world.incidents().watch(world.ask(v1::WatchRequest::default())).await.unwrap() };
    let streams = (watch().await, watch().await);
    assert_eq!(code(list(&world, world.ask(Default::default())).await), Code::ResourceExhausted);
    assert_eq!(code(world.incidents().watch(world.ask(v1::WatchRequest::default())).await), Code::ResourceExhausted);
    // Another key is not concerned.
    let other = world.key(OTHER, Scope::Read).await.0;
    list(&world, World::ask_with(&other, Default::default())).await.unwrap();
    drop(streams);
    until(|| async { list(&world, world.ask(Default::default())).await.ok() }).await;
}

#[tokio::test]
async fn a_hundred_streams_of_one_key_and_no_more() {
    let world = World::start().await;
    let mut streams = Vec::new();
    for _ in 0..100 {
        streams.push(world.incidents().watch(world.ask(v1::WatchRequest::default())).await.unwrap());
    }
    // Long after the calls that opened them have returned, and from another connection as well.
    let mut elsewhere = v1::incident_service_client::IncidentServiceClient::new(world.connect());
    assert_eq!(code(world.incidents().watch(world.ask(v1::WatchRequest::default())).await), Code::ResourceExhausted);
    assert_eq!(code(elsewhere.watch(world.ask(v1::WatchRequest::default())).await), Code::ResourceExhausted);
    drop(streams.pop());
    until(|| async { world.incidents().watch(world.ask(v1::WatchRequest::default())).await.ok() }).await;
}

#[tokio::test]
async fn one_key_has_so_many_calls_a_second() {
    let world = World::with(Limits { calls_per_second: 5, ..limits() }).await;
    let calls = (0..20).map(|_| list(&world, world.ask(Default::default())));
    let refused: Vec<Status> = futures::future::join_all(calls).await.into_iter().filter_map(Result::err).collect();
    assert!(!refused.is_empty() && refused.len() <= 15, "{}", refused.len());
    assert!(refused.iter().all(|status| status.code() == Code::ResourceExhausted));
    let wait = refused[0].get_details_retry_info().and_then(|info| info.retry_delay).unwrap();
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
}

#[tokio::test]
async fn a_call_ends_within_the_clients_deadline_and_the_servers() {
    let world = World::with(Limits { call: Duration::from_millis(300), ..limits() }).await;
    world.owner.set_behind(true);
    let create = || {
        world.ask(v1::CreateMonitorRequest {
            monitor: Some(Monitor { slug: "m".into(), ..Default::default() }),
            ..Default::default()
        })
    };
    let begun = Instant::now();
    assert_eq!(code(world.monitors().create_monitor(create()).await), Code::DeadlineExceeded);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let create = create().into_inner();
    for deadline in ["100m", "99999999H"] {
        let code = call_by_hand(&world, deadline, "/quietpulse.v1.MonitorService/CreateMonitor", &create).await;
        assert_eq!(code, Code::DeadlineExceeded, "{deadline}");
    }
    world.owner.set_behind(false);
}

#[tokio::test]
async fn a_call_whose_time_is_up_does_nothing() {
    let world = World::start().await;
    let settings = Some(v1::channel::Settings::Log(v1::LogSettings {}));
    let create =
        v1::CreateChannelRequest { channel: Some(v1::Channel { name: "ops".into(), settings, ..Default::default() }) };
    assert_eq!(
        call_by_hand(&world, "1n", "/quietpulse.v1.ChannelService/CreateChannel", &create).await,
        Code::DeadlineExceeded
    );
    let get = v1::GetChannelRequest { name: "ops".into() };
    assert_eq!(code(world.channels().get_channel(world.ask(get)).await), Code::NotFound);
}

/// A call with a deadline. By hand: tonic's client keeps the time itself and would answer before the server.
async fn call_by_hand(world: &World, deadline: &str, path: &str, message: &impl Message) -> Code {
    let bytes = message.encode_to_vec();
    let frame = [&[0][..], &(bytes.len() as u32).to_be_bytes(), &bytes].concat();
    let request = hyper::Request::post(format!("http://{}{path}", world.address))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {}", world.admin))
        .header("grpc-timeout", deadline)
        .body(Full::new(Bytes::from(frame)));
    let socket = TokioIo::new(tokio::net::TcpStream::connect(world.address).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), socket).await.unwrap();
    tokio::spawn(connection);
    let response = sender.send_request(request.unwrap()).await.unwrap();
    Status::from_header_map(response.headers()).expect("a status without a message").code()
}

#[tokio::test]
async fn calls_are_counted_by_method_and_code() {
    let ok = "api_requests_total{method=ListChannels,code=ok}";
    let refused = "api_requests_total{method=ListChannels,code=unauthenticated}";
    let before = (counted(ok), counted(refused));
    let world = World::start().await;
    for _ in 0..3 {
        world.channels().list_channels(world.ask(v1::ListChannelsRequest::default())).await.unwrap();
    }
    world.channels().list_channels(Request::new(v1::ListChannelsRequest::default())).await.unwrap_err();
    assert!(counted(ok) >= before.0 + 3 && counted(refused) > before.1);
}
