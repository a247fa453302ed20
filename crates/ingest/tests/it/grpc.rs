//! The gRPC door.

use crate::support::log::Mode;
use crate::support::{SLUG, Server};
use domain::ping::{Metric, PingKind};
use eventlog::AppendError;
use futures::StreamExt;
use tonic::Code;
use tonic::transport::Channel;
use wire::v1::PingRequest;
use wire::v1::ping_service_client::PingServiceClient;

async fn client(server: &Server) -> PingServiceClient<Channel> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let incoming = tokio_stream::wrappers::TcpListenerStream::new(listener);
    tokio::spawn(
        tonic::transport::Server::builder().add_service(server.ingest.ping_service()).serve_with_incoming(incoming),
    );
    PingServiceClient::connect(format!("http://{address}")).await.unwrap()
}

fn ping(target: &str, kind: &str) -> PingRequest {
    PingRequest { target: target.into(), kind: kind.into(), ..PingRequest::default() }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_ping_carries_everything() {
    let server = Server::start().await;
    let mut client = client(&server).await;
    let request = PingRequest {
        target: format!("{}/{SLUG}", server.ping_key()),
        kind: "7".into(),
        rid: "0a1b2c3d-0000-1000-8000-00000000000f".into(),
        metrics: [("count".to_owned(), 3.0), ("bad name".to_owned(), 1.0)].into(),
        duration_ms: Some(12),
        body: vec![b'x'; 10_001],
        msg: "m".into(),
        env: "e".into(),
        host: "h".into(),
    };
    client.ping(request).await.unwrap();
    let ping = server.only_ping();
    assert_eq!((ping.kind, ping.duration_ms, ping.run.is_some()), (PingKind::Exit(7), Some(12), true));
    assert_eq!(ping.metrics, [Metric { name: "count".into(), value: 3.0 }]);
    let details = ping.details.unwrap();
    assert_eq!((details.body.len(), details.body_cut, details.method.as_str()), (10_000, true, "grpc"));
    assert_eq!(details.client, "127.0.0.1");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_have_codes_and_the_route_s_texts() {
    let server = Server::start().await;
    let mut client = client(&server).await;
    let token = server.token();
    let canary = server.keys.canary_token(domain::ids::ShardId(0));
    let cases = [
        (ping("x", ""), Code::NotFound, "not found"),
        (ping(&token.to_uppercase(), ""), Code::NotFound, "not found"),
        (ping(&canary, ""), Code::NotFound, "not found"),
        (ping(&format!("{}/unknown", server.ping_key()), "256"), Code::NotFound, "not found"),
        (ping(&token, "256"), Code::InvalidArgument, "kind: allowed are success, start, fail, log and 0 to 255"),
        (PingRequest { rid: "x".into(), ..ping(&token, "") }, Code::InvalidArgument, "invalid uuid format"),
    ];
    for (request, code, text) in cases {
        let status = client.ping(request).await.unwrap_err();
        assert_eq!((status.code(), status.message()), (code, text));
    }
    server.log.set(Mode::Fail(AppendError::Busy));
    assert_eq!(client.ping(ping(&token, "")).await.unwrap_err().code(), Code::Unavailable);
    let large = PingRequest { body: vec![0; 70_000], ..ping(&token, "") };
    assert_eq!(client.ping(large).await.unwrap_err().code(), Code::OutOfRange);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_counts_and_names_refusals() {
    let server = Server::start().await;
    let mut client = client(&server).await;
    let token = server.token();
    let pings: Vec<_> = (0..2_000).map(|n| ping(if n % 10 == 3 { "x" } else { &token }, "fail")).collect();
    let reply = client.push(futures::stream::iter(pings)).await.unwrap().into_inner();
    assert_eq!((reply.accepted, reply.refused_count, reply.refused.len()), (1_800, 200, 100));
    assert_eq!((reply.refused[1].index, reply.refused[1].error.as_str()), (13, "not found"));
    assert_eq!(server.pings().len(), 1_800);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_answers_each_in_order_when_it_is_durable() {
    let server = Server::start().await;
    let mut client = client(&server).await;
    let token = server.token();
    let words = ["start", "bad", "7", ""];
    let pings: Vec<_> = words.iter().map(|word| ping(&token, word)).collect();
    server.log.set(Mode::Hold);
    // An endless tail keeps the stream open while the first acknowledgements are awaited.
    let requests = futures::stream::iter(pings).chain(futures::stream::pending());
    let mut acks = client.stream(requests).await.unwrap().into_inner();
    crate::support::eventually("all are in the log", || server.log.held() == 3).await;
    assert!(tokio::time::timeout(std::time::Duration::from_millis(50), acks.next()).await.is_err());
    server.log.release_held();
    for (index, word) in words.iter().enumerate() {
        let ack = acks.next().await.unwrap().unwrap();
        assert_eq!((ack.index, ack.error.is_empty()), (index as u64, *word != "bad"));
    }
    assert_eq!(server.kinds(), [PingKind::Start, PingKind::Exit(7), PingKind::Success]);
}
