//! `explain`, `replay --verify`, `backtest` and the role `auditor`, on a server that runs and on one that does not.

use crate::harness::{Said, Server, eventually, get, said};
use domain::ids::{ShardId, TransitionId};
use domain::transition::TransitionKind;
use std::path::Path;
use store::embedded::EmbeddedStore;
use store::{ShardBatch, ShardTables, TenantReads};
use wire::v1::ListTransitionsRequest;
use wire::v1::monitor_service_client::MonitorServiceClient;

const SLUG: &str = "silent";

/// A server that saves its state every second, so that the auditor need not wait for it.
fn start(directory: &Path, roles: &str) -> Server {
    let config = directory.join("q.toml");
    std::fs::write(&config, "[engine]\nsnapshot_every = \"1s\"\n[auditor]\nbehind = \"1s\"\n").unwrap();
    Server::start(&directory.join("data"), &["--config", config.to_str().unwrap(), "--roles", roles])
}

const ALL: &str = "ingest,evaluator,notifier,api";
const AUDITED: &str = "ingest,evaluator,notifier,api,auditor";

fn command(directory: &Path, arguments: &[&str]) -> Said {
    let data = directory.join("data");
    let said = said(&[arguments, &["--data-dir", data.to_str().unwrap()]].concat());
    assert_eq!(said.status, Some(0), "{arguments:?}: {}\n{}", said.stdout, said.stderr);
    said
}

/// Makes a monitor that is heard once, and others that are heard all the time.
fn make_monitors(server: &Server) {
    let (_, ping_key) = server.keys();
    for slug in [SLUG, "one", "two", "three"] {
        let period = if slug == SLUG { "1s" } else { "1h" };
        let path = format!("/ping/{ping_key}/{slug}?create=1&period={period}&grace=1s");
        assert!(get(&server.http, &path).0 < 300);
    }
}

/// The transition by which a monitor went down, once it has.
async fn missed(server: &Server, slug: &str) -> TransitionId {
    let (api_key, _) = server.keys();
    let mut client = MonitorServiceClient::connect(format!("http://{}", server.grpc)).await.unwrap();
    let start = std::time::Instant::now();
    loop {
        let mut request = tonic::Request::new(ListTransitionsRequest { slug: slug.into(), ..Default::default() });
        request.metadata_mut().insert("authorization", format!("Bearer {api_key}").parse().unwrap());
        let listed = client.list_transitions(request).await.map_or(vec![], |reply| reply.into_inner().transitions);
        if let Some(down) = listed.iter().find(|one| one.r#type == "monitor.down") {
            return down.id.parse().unwrap();
        }
        assert!(start.elapsed().as_secs() < 40, "{slug} never went down");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

fn metric(server: &Server, name: &str) -> f64 {
    let (_, metrics) = get(&server.admin, "/metrics");
    let value = |line: &str| line.strip_prefix(name).and_then(|rest| rest.trim().parse().ok());
    metrics.lines().find_map(value).unwrap_or_else(|| panic!("{name}: {metrics}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_is_explained_states_are_verified_and_other_settings_tried() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(directory.path(), ALL);
    make_monitors(&server);
    let down = missed(&server, SLUG).await;
    // The delivery to the built-in channel is done when stdout has it.
    eventually("the alert", || server.stdout().lines().any(|line| line.contains(SLUG)).then_some(()));
    explains(directory.path(), down);
    let verified = command(directory.path(), &["replay", "--verify"]).stdout;
    assert_eq!(verified.matches("live, snapshot and log, log from its start").count(), 4, "{verified}");
    assert!(verified.ends_with("4 of 4 shards equal\n"), "{verified}");
    server.stop();
    explains(directory.path(), down);
    let verified = command(directory.path(), &["replay", "--verify", "--shard", "2"]).stdout;
    assert!(verified.contains("equal below offset") && !verified.contains("live"), "{verified}");
    backtests(directory.path());
    let unknown = format!("tr_{}", "0".repeat(32));
    let data = directory.path().join("data");
    let refused = said(&["explain", &unknown, "--data-dir", data.to_str().unwrap()]);
    assert_eq!(refused.status, Some(1));
    assert!(refused.last_line().contains("no such verdict"), "{}", refused.stderr);
}

fn explains(directory: &Path, down: TransitionId) {
    let text = command(directory, &["explain", &down.to_string()]).stdout;
    for part in [
        "every 1 s, grace 1 s",
        "ping 1: success",
        "the work was expected",
        "silence became a verdict",
        "heard before that: ",
        "heard after that: ",
        "no pause was longer than 3.0 s",
        "concluded at a tick",
        "up to down, monitor.down (missed)",
        "the built-in channel log: delivered after 1 attempt (dl_",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = command(directory, &["explain", &down.to_string(), "--json"]).stdout;
    let story: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&story["transition"]["slug"], &story["transition"]["reason"]), (&SLUG.into(), &"missed".into()));
    let events = story["events"].as_array().unwrap();
    let place =
        |what: &str| events.iter().position(|event| event["what"] == what).unwrap_or_else(|| panic!("{what}: {json}"));
    assert!(place("ping") < place("expected") && place("deadline") < place("concluded"), "{json}");
    assert!(place("concluded") < place("attempt") && place("attempt") < place("delivery"), "{json}");
    assert_eq!(story["notes"].as_array().unwrap().len(), 0, "{json}");
}

fn backtests(directory: &Path) {
    let asked = |more: &[&str]| {
        let json = command(directory, &[&["backtest", SLUG, "--json"], more].concat()).stdout;
        serde_json::from_str::<serde_json::Value>(&json).unwrap()
    };
    let count = |answer: &serde_json::Value, list: &str| answer[list].as_array().unwrap().len();
    let short = asked(&["--grace", "1s"]);
    assert_eq!((count(&short, "alertsThatCame"), count(&short, "alertsThatWouldHaveCome")), (1, 1), "{short}");
    assert_eq!(short["alertsThatCame"][0]["at"], short["alertsThatWouldHaveCome"][0]["at"]);
    let long = asked(&["--grace", "10m"]);
    assert_eq!((count(&long, "alertsThatCame"), count(&long, "alertsThatWouldHaveCome")), (1, 0), "{long}");
    let text = command(directory, &["backtest", SLUG, "--period", "2h"]).stdout;
    assert!(text.contains("proposed:  every 2 h, grace 1 s") && text.contains("suggested grace"), "{text}");
    let data = directory.join("data");
    let refused = said(&["backtest", SLUG, "--grace", "soon", "--data-dir", data.to_str().unwrap()]);
    assert_eq!((refused.status, refused.last_line().contains("--grace")), (Some(2), true), "{}", refused.stderr);
}

/// The one thing that an auditor is for.
#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_agrees_with_what_was_concluded_and_finds_what_was_tampered_with() {
    let directory = tempfile::tempdir().unwrap();
    let server = start(directory.path(), AUDITED);
    make_monitors(&server);
    let down = missed(&server, SLUG).await;
    // Five verdicts: four first pings, one miss.
    eventually("the verdicts checked", || (metric(&server, "auditor_checked_total ") >= 5.0).then_some(()));
    assert_eq!(metric(&server, "auditor_mismatch_total "), 0.0, "{}", server.stderr());
    assert_eq!(metric(&server, "ready "), 1.0);
    server.stop();

    let data = directory.path().join("data");
    let (shard, transition) = stored(&data, down).await;
    let file = rusqlite::Connection::open(data.join("store.sqlite")).unwrap();
    assert_eq!(file.execute("delete from transition where id = ?1", [&down.0[..]]).unwrap(), 1);
    drop(file);
    assert!(mismatch(directory.path()).contains("implied=\"monitor.down missed"));

    // Put back, with another one that nothing implies beside it.
    let mut forged = transition.clone();
    forged.id.0[0] ^= 0xff;
    forged.kind = TransitionKind::Warning;
    let store = EmbeddedStore::open(&data).unwrap();
    let transitions = vec![transition.clone(), forged.clone()];
    store.write(shard, ShardBatch { hlt_us: i64::MAX / 2, transitions, ..ShardBatch::default() }).await.unwrap();
    drop(store);
    let line = mismatch(directory.path());
    assert!(line.contains(&forged.id.to_string()), "{line}");
    assert!(!line.contains(SLUG), "{line}");
}

async fn stored(data: &Path, id: TransitionId) -> (ShardId, domain::transition::Transition) {
    let store = EmbeddedStore::open(data).unwrap();
    let transition = store.transition_by_id(domain::ids::TenantId(1), id).await.unwrap().unwrap();
    (domain::ids::ShardCount::new(4).unwrap().shard_of(transition.monitor), transition)
}

/// Starts an audited server and gives the one line that it says about a mismatch.
fn mismatch(directory: &Path) -> String {
    let server = start(directory, AUDITED);
    eventually("a mismatch", || (metric(&server, "auditor_mismatch_total ") >= 1.0).then_some(()));
    assert_eq!(metric(&server, "auditor_mismatch_total "), 1.0, "{}", server.stderr());
    let said = server.stderr();
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("not what the log implies")).collect();
    assert_eq!(lines.len(), 1, "{said}");
    let line = lines[0].to_owned();
    server.stop();
    line
}
