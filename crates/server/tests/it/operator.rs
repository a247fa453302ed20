//! The operator's port, and that nothing of it is on the public one (G23).

use crate::harness::{Server, eventually, get, said};
use std::io::Read;
use std::net::TcpListener;
use std::time::Duration;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use wire::v1;
use wire::v1::shard_service_client::ShardServiceClient;

#[test]
fn metrics_health_and_readiness_are_on_the_admin_port_only() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    assert_eq!(get(&server.admin, "/healthz"), (200, "ok\n".to_owned()));
    let ready = eventually("ready", || {
        let (status, body) = get(&server.admin, "/readyz");
        (status == 200).then_some(body)
    });
    assert_eq!(ready, r#"{"ready":true,"missing":[]}"#);
    let (status, metrics) = get(&server.admin, "/metrics");
    assert_eq!(status, 200);
    for name in ["build_info{", "tzdb_info{", "process_open_fds ", "ready 1"] {
        assert!(metrics.lines().any(|line| line.starts_with(name)), "{name}: {metrics}");
    }
    for path in ["/metrics", "/healthz", "/readyz", "/admin", "/"] {
        assert_eq!(get(&server.http, path).0, 404, "{path}");
    }
    let (status, page) = get(&server.http, "/m/backup");
    assert!(status == 200 && page.contains("qp monitor get backup"), "{status} {page}");
    assert_eq!(get(&server.http, "/m/%3Cscript%3E").0, 404);
    assert_eq!(get(&server.admin, "/nothing").0, 404);
    assert_eq!(get(&server.http, "/nothing").1, "not found");
    server.stop();
}

/// `increase` in an alert rule does not see the step from no series to 1.
#[test]
fn counters_that_alerts_watch_begin_at_0() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let (_, metrics) = get(&server.admin, "/metrics");
    for series in [
        "api_owner_away_total",
        "canary_failures_total",
        "clock_quarantined_total",
        "db_unknown_outcomes_total",
        "delivery_terminal_total{state=\"failed\"}",
        "log_damaged_rows_total",
        "notifier_repeated_offers_total",
        "panics_total",
        "poison_records_total",
        "possibly_persisted_total",
        "producer_errors_total{kind=\"commit\"}",
        "store_damaged_rows_total{table=\"monitor\"}",
        "store_retries_total",
    ] {
        assert!(metrics.lines().any(|line| line == format!("{series} 0")), "{series}: {metrics}");
    }
    // These may have counted by now.
    for series in ["ingest_coalesced_total ", "log_records_appended_total ", "stale_write_rejected_total "] {
        assert!(metrics.lines().any(|line| line.starts_with(series)), "{series}: {metrics}");
    }
    server.stop();
}

#[test]
fn every_metric_has_a_type_a_help_and_no_label_of_a_tenant() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let (_, ping_key) = server.keys();
    assert!(get(&server.http, &format!("/ping/{ping_key}/labelled?create=1")).0 < 300);
    let (_, metrics) = get(&server.admin, "/metrics");
    let named = |kind: &str| -> Vec<String> {
        let lines = metrics.lines().filter_map(|line| line.strip_prefix(kind));
        lines.map(|rest| rest.split(' ').next().unwrap().to_owned()).collect()
    };
    let (types, helps) = (named("# TYPE "), named("# HELP "));
    assert!(types.len() > 10, "{metrics}");
    let bare: Vec<_> = types.iter().filter(|name| !helps.contains(name)).collect();
    assert!(bare.is_empty(), "without help: {bare:?}");
    assert!(!metrics.contains("labelled") && !metrics.contains(&ping_key), "{metrics}");
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn grpc_tells_its_health_and_guards_what_is_internal() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &[]);
    let url = format!("http://{}", server.grpc);
    let channel = tonic::transport::Endpoint::from_shared(url.clone()).unwrap().connect().await.unwrap();
    let mut health = HealthClient::new(channel);
    let start = std::time::Instant::now();
    loop {
        let reply = health.check(HealthCheckRequest::default()).await.unwrap().into_inner();
        if reply.status() == ServingStatus::Serving {
            break;
        }
        assert!(start.elapsed().as_secs() < 40);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let mut shards = ShardServiceClient::connect(url).await.unwrap();
    let refused = shards.read(v1::ShardReadRequest { shard: 0, monitors: vec![] }).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unauthenticated);
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_answers_only_when_asked_for() {
    for (setting, code) in [("false", Some(tonic::Code::Unimplemented)), ("true", None)] {
        let directory = tempfile::tempdir().unwrap();
        let config = directory.path().join("q.toml");
        std::fs::write(&config, format!("[grpc]\nreflection = {setting}\n")).unwrap();
        let server = Server::start(&directory.path().join("data"), &["--config", config.to_str().unwrap()]);
        let channel = tonic::transport::Endpoint::from_shared(format!("http://{}", server.grpc))
            .unwrap()
            .connect()
            .await
            .unwrap();
        let message_request = Some(MessageRequest::ListServices(String::new()));
        let ask = tokio_stream::once(ServerReflectionRequest { host: String::new(), message_request });
        let answer = ServerReflectionClient::new(channel).server_reflection_info(ask).await;
        match code {
            Some(code) => assert_eq!(answer.unwrap_err().code(), code),
            None => assert!(answer.unwrap().into_inner().message().await.unwrap().is_some()),
        }
        server.stop();
    }
}

/// The collector takes the connection and then says nothing: the worst kind.
#[test]
fn traces_go_to_the_collector_that_is_named_and_a_silent_one_does_not_hold_up_the_end() {
    let collector = TcpListener::bind("127.0.0.1:0").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("q.toml");
    let endpoint = collector.local_addr().unwrap();
    let text =
        format!("[telemetry]\nlog_filter = \"warn\"\notlp_endpoint = \"http://{endpoint}\"\notlp_sample = 1.0\n");
    std::fs::write(&config, text).unwrap();
    let data = directory.path().join("data");
    let server = Server::start(&data, &["--config", config.to_str().unwrap()]);
    assert_eq!(said(&["admin", "key", "list", "--data-dir", data.to_str().unwrap()]).status, Some(0));
    collector.set_nonblocking(true).unwrap();
    let listening = std::thread::spawn(move || {
        let (mut stream, _) = eventually("spans", || collector.accept().ok());
        stream.set_nonblocking(false).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        let mut preface = [0; 14];
        stream.read_exact(&mut preface).unwrap();
        (stream, preface)
    });
    server.stop();
    assert_eq!(&listening.join().unwrap().1, b"PRI * HTTP/2.0");
}
