//! No ping token, ping key or API key reaches a log line, however much is asked to be logged (L2).

use crate::harness::{Server, get, request};
use std::fs;
use tonic::Request;
use wire::v1;
use wire::v1::monitor_service_client::MonitorServiceClient;
use wire::v1::ping_service_client::PingServiceClient;

#[tokio::test(flavor = "multi_thread")]
async fn the_most_talkative_log_holds_no_secret() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("q.toml");
    fs::write(&config, "[telemetry]\nlog_filter = \"trace\"\n").unwrap();
    let server = Server::start(&directory.path().join("data"), &["--config", config.to_str().unwrap()]);
    let (api_key, ping_key) = server.keys();
    assert!(get(&server.http, &format!("/ping/{ping_key}/secretive?create=1&period=1m")).0 < 300);

    let token = token_of(&server, &api_key, "secretive").await;
    let forged = "01234567-89ab-8def-8123-456789abcdef";
    let dead = token.replace(&token[..8], "deadbeef");
    for target in [token.as_str(), forged, &dead, &token.to_uppercase()] {
        for tail in ["", "/start", "/fail", "/0", "/300", "/log", "/nonsense", "?rid=x", "%00", "%0d%0aX"] {
            get(&server.http, &format!("/ping/{target}{tail}"));
        }
    }
    get(&server.http, &format!("/{token}"));
    request(&server.http, &format!("POST /ping/{token} HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"));
    request(&server.http, &format!("BREW /ping/{token} HTTP/9.9\r\n\r\n"));
    let mut pings = PingServiceClient::connect(format!("http://{}", server.grpc)).await.unwrap();
    for target in [token.clone(), dead.clone(), format!("{ping_key}/secretive")] {
        let _answer = pings.ping(v1::PingRequest { target, ..Default::default() }).await;
    }
    let mut server = server;
    server.signal("TERM");
    assert_eq!(server.ended().code(), Some(0));
    let log = server.stderr();
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "the log is not talkative");
    for (name, secret) in [
        ("token", &*token),
        ("forged token", forged),
        ("changed token", &dead),
        ("ping key", &ping_key),
        ("API key", &api_key),
    ] {
        let line = log.lines().find(|line| line.to_lowercase().contains(&secret.to_lowercase()));
        assert!(line.is_none(), "{name} in: {line:?}");
    }
}

async fn token_of(server: &Server, api_key: &str, slug: &str) -> String {
    let mut monitors = MonitorServiceClient::connect(format!("http://{}", server.grpc)).await.unwrap();
    let mut request = Request::new(v1::GetMonitorRequest { slug: slug.to_owned() });
    request.metadata_mut().insert("authorization", format!("Bearer {api_key}").parse().unwrap());
    let monitor = monitors.get_monitor(request).await.unwrap().into_inner();
    monitor.ping_url.rsplit('/').next().unwrap().to_owned()
}
