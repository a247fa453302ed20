//! Orderly ends, and one that is cut short.

use crate::harness::{Server, eventually, get};
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};
use wire::v1;
use wire::v1::incident_service_client::IncidentServiceClient;

#[test]
fn sigterm_and_sigint_end_with_0_and_remove_the_ready_file() {
    for signal in ["TERM", "INT"] {
        let directory = tempfile::tempdir().unwrap();
        let mut server = Server::start(directory.path(), &[]);
        let asked = Instant::now();
        server.signal(signal);
        assert_eq!(server.ended().code(), Some(0), "{}", server.stderr());
        assert!(asked.elapsed() < Duration::from_secs(30));
        assert!(!directory.path().join("ready.json").exists());
        assert!(!server.stderr().contains("ERROR"), "{}", server.stderr());
    }
}

#[test]
fn sigterm_during_the_start_ends_with_0() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::spawn(directory.path(), &[]);
    eventually("the first log line", || server.stderr().contains("starting").then_some(()));
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0), "{}", server.stderr());
    assert!(!directory.path().join("ready.json").exists());
    // What was begun can be gone on with.
    Server::start(directory.path(), &[]).stop();
}

#[test]
fn while_the_end_is_delayed_it_serves_and_says_not_ready_and_a_second_signal_cuts_it_short() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("q.toml");
    fs::write(&config, "shutdown_delay = \"20s\"\n").unwrap();
    let data = directory.path().join("data");
    let mut server = Server::start(&data, &["--config", config.to_str().unwrap()]);
    let asked = Instant::now();
    server.signal("TERM");
    eventually("not ready", || (get(&server.admin, "/readyz").0 == 503).then_some(()));
    let (_, ping_key) = server.keys();
    assert!(matches!(get(&server.http, &format!("/ping/{ping_key}/late?create=1")).0, 200 | 201));
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(1));
    assert!(asked.elapsed() < Duration::from_secs(15));
    assert!(server.stderr().lines().last().unwrap().contains("a second signal"), "{}", server.stderr());
    assert!(!data.join("ready.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_never_end_do_not_hold_up_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::start(directory.path(), &[]);
    let (api_key, _) = server.keys();
    let mut incidents = IncidentServiceClient::connect(format!("http://{}", server.grpc)).await.unwrap();
    let mut request = tonic::Request::new(v1::WatchRequest::default());
    request.metadata_mut().insert("authorization", format!("Bearer {api_key}").parse().unwrap());
    let watch = incidents.watch(request).await.unwrap();
    let mut half = TcpStream::connect(&server.http).unwrap();
    half.write_all(b"GET /ping/").unwrap();
    let idle = [&server.http, &server.grpc, &server.admin].map(|address| TcpStream::connect(address).unwrap());
    let asked = Instant::now();
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0), "{}", server.stderr());
    assert!(asked.elapsed() < Duration::from_secs(20), "{:?}", asked.elapsed());
    drop((watch, half, idle));
}
