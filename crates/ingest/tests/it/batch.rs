//! `POST /api/ping/batch`.

use crate::support::client::{Reply, ask, exchange, request};
use crate::support::log::Mode;
use crate::support::{SLUG, Server};
use domain::ping::{Metric, PingKind};
use eventlog::AppendError;

const PATH: &str = "/api/ping/batch";

async fn post(server: &Server, lines: &str) -> Reply {
    exchange(server.address, request("POST", PATH, "", lines.as_bytes())).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn lines_become_pings_in_their_order() {
    let server = Server::start().await;
    let (token, slug) = (server.token(), format!("{}/{SLUG}", server.ping_key()));
    let rid = "0a1b2c3d-0000-1000-8000-00000000000f";
    let lines = format!(
        "{{\"target\":\"{token}\"}}\n\n{{\"target\":\"{slug}\",\"kind\":\"start\",\"rid\":\"{rid}\"}}\r\n\
         {{\"target\":\"{token}\",\"kind\":3,\"metrics\":{{\"count\":7,\"1\":2}},\"duration\":\"1.5s\",\"body\":\"l\\u00f6g\",\"msg\":\"m\",\"env\":\"e\",\"host\":\"h\",\"more\":[1]}}\n\
         {{\"target\":\"{token}\",\"kind\":\"0\",\"duration\":2}}"
    );
    let reply = post(&server, &lines).await;
    assert_eq!(reply.said(), (200, "{\"accepted\":4,\"refused\":[]}"));
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(server.kinds(), [PingKind::Success, PingKind::Start, PingKind::Exit(3), PingKind::Exit(0)]);
    let pings = server.pings();
    assert_eq!((pings[0].generation, pings[1].generation, pings[1].run.is_some()), (Some(0), None, true));
    assert_eq!((pings[2].duration_ms, pings[3].duration_ms), (Some(1_500), Some(2_000)));
    assert_eq!(pings[2].metrics, [Metric { name: "count".into(), value: 7.0 }]);
    let details = pings[2].details.as_deref().unwrap();
    assert_eq!((details.body.as_slice(), details.method.as_str()), ("lög".as_bytes(), "batch"));
    assert_eq!((details.message.as_str(), details.environment.as_str(), details.host.as_str()), ("m", "e", "h"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_refused_line_does_not_stop_the_others() {
    let server = Server::start().await;
    let token = server.token();
    let deep = format!("{{\"target\":\"{token}\",\"more\":{}", "[".repeat(100_000));
    let lines = [
        format!("{{\"target\":\"{token}\"}}"),
        "not json".into(),
        deep,
        "{\"kind\":\"fail\"}".into(),
        "{\"target\":\"x\"}".into(),
        format!("{{\"target\":\"{}\"}}", server.keys.canary_token(domain::ids::ShardId(0))),
        format!("{{\"target\":\"{}/unknown\"}}", server.ping_key()),
        format!("{{\"target\":\"{token}\",\"kind\":256}}"),
        format!("{{\"target\":\"{token}\",\"kind\":\"restart\"}}"),
        format!("{{\"target\":\"{token}\",\"rid\":\"x\"}}"),
        format!("{{\"target\":\"{token}\",\"duration\":-1}}"),
        format!("{{\"target\":\"{token}\",\"metrics\":{{\"a\":\"b\"}}}}"),
        format!("{{\"target\":\"{token}\",\"kind\":\"fail\"}}"),
    ];
    let reply = post(&server, &lines.join("\n")).await;
    let answer: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!((reply.status, answer["accepted"].as_u64()), (200, Some(2)));
    let refused: Vec<_> = answer["refused"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["line"].as_u64().unwrap(), r["error"].as_str().unwrap()))
        .collect();
    assert_eq!(refused.iter().map(|(line, _)| *line).collect::<Vec<_>>(), (2..=12).collect::<Vec<_>>());
    let text = |line| refused.iter().find(|(l, _)| *l == line).unwrap().1;
    assert!(text(2) == "not a JSON object" && text(3).starts_with("not a JSON object, column"));
    assert_eq!(text(4), "target: missing");
    assert_eq!((text(5), text(6), text(7)), ("not found", "not found", "not found"));
    assert!(text(8).starts_with("kind: ") && text(9).starts_with("kind: "));
    assert_eq!(text(10), "invalid uuid format");
    assert!(text(11).starts_with("duration: "));
    assert!(!reply.body.contains(&token));
    assert_eq!(server.kinds(), [PingKind::Success, PingKind::Fail]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_refusal_names_the_field() {
    let server = Server::start().await;
    let cases = [
        ("{}", "target: missing"),
        ("{\"target\":7}", "target: not a text"),
        ("{\"target\":null}", "target: not a text"),
        ("{\"target\":\"x\",\"kind\":[]}", "kind: not a text or a number"),
        ("{\"target\":\"x\",\"duration\":true}", "duration: not a text or a number"),
        ("{\"target\":\"x\",\"rid\":1}", "rid: not a text"),
        ("{\"target\":\"x\",\"metrics\":{\"a\":\"b\"}}", "metrics: not numbers by name"),
        ("{\"target\":\"x\",\"metrics\":[1]}", "metrics: not numbers by name"),
        ("{\"target\":\"x\",\"body\":{}}", "body: not a text"),
        ("{\"target\":\"x\",\"msg\":1}", "msg: not a text"),
        ("{\"target\":\"x\",\"env\":1}", "env: not a text"),
        ("{\"target\":\"x\",\"host\":1,\"rid\":null}", "host: not a text"),
        ("{\"target\":\"x\",\"target\":\"x\"}", "a field is there twice"),
    ];
    let reply = post(&server, &cases.map(|(line, _)| line).join("\n")).await;
    let answer: serde_json::Value = serde_json::from_str(&reply.body).unwrap();
    for (place, (line, error)) in cases.into_iter().enumerate() {
        assert_eq!(answer["refused"][place]["error"].as_str(), Some(error), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_batch_is_bounded() {
    let server = Server::start().await;
    let line = format!("{{\"target\":\"{}\"}}\n", server.token());
    assert_eq!(post(&server, &line.repeat(10_000)).await.said(), (200, "{\"accepted\":10000,\"refused\":[]}"));
    assert_eq!(server.pings().len(), 10_000);
    server.log.clear();
    assert_eq!(post(&server, &line.repeat(10_001)).await.status, 413);
    assert_eq!(post(&server, &" ".repeat((8 << 20) + 1)).await.status, 413);
    assert_eq!(server.pings(), []);
    assert_eq!(post(&server, "").await.said(), (200, "{\"accepted\":0,\"refused\":[]}"));
    let reply = ask(server.address, "GET", PATH).await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST, OPTIONS")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_batch_that_is_not_durable_is_503() {
    let server = Server::start().await;
    server.log.set(Mode::Fail(AppendError::Busy));
    let reply = post(&server, &format!("{{\"target\":\"x\"}}\n{{\"target\":\"{}\"}}", server.token())).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
}
