//! What operators type, on the store and the topic that all processes share.

use suites::cases;
use suites::support::binaries;
use suites::support::runner::Shown;
use suites::support::server::Server;
use suites::support::settings::Settings;
use suites::support::tools;
use suites::support::topology::{Role, Shape, Topology};
use suites::support::wait::{secs, until};

cases! {
    keys_are_made_listed_and_revoked_in_the_shared_store,
    topic_and_schema_may_be_made_twice_and_say_what_they_are,
    a_process_that_does_not_fit_the_topic_is_refused,
}

/// One process of each role, which is enough for what is typed.
async fn small() -> std::sync::Arc<Topology> {
    let shape = Shape { ingest: 1, evaluators: 1, notifiers: 1, shards: 4, ..Shape::default() };
    Topology::start(shape, Settings::default()).await
}

/// Runs `quietpulse admin` with the API node's configuration, which must succeed.
async fn admin(topology: &Topology, arguments: &[&str]) -> String {
    let program = binaries::quietpulse().display().to_string();
    let config = topology.node(Role::Api, 0).config().display().to_string();
    tools::succeed(&program, &[&["admin", "--config", &config], arguments].concat(), &[]).await
}

async fn keys_are_made_listed_and_revoked_in_the_shared_store() -> Shown {
    let topology = small().await;
    let server = Server::over(&topology);
    server.create("job", &["--period", "1h"]).await;
    let key = admin(&topology, &["key", "create", "reader", "--scope", "read"]).await.trim().to_owned();
    topology.secret(&key);
    let code =
        async |arguments: &[&str]| server.qp_output(&[&["--api-key", &key], arguments].concat()).await.status.code();
    assert_eq!(code(&["monitor", "list"]).await, Some(0));
    assert_eq!(code(&["monitor", "delete", "job"]).await, Some(1), "it may only read");
    assert_eq!(server.status("job").await, "new", "and nothing was deleted");
    let list = admin(&topology, &["key", "list"]).await;
    let line = list.lines().find(|line| line.contains("reader")).unwrap_or_else(|| panic!("no reader in {list}"));
    let prefix =
        line.split_whitespace().find(|word| key.starts_with(word)).unwrap_or_else(|| panic!("no prefix in {line}"));
    assert!(!list.contains(&key), "a key is shown once");
    admin(&topology, &["key", "revoke", prefix]).await;
    until("the key is worthless", secs(31), async || (code(&["monitor", "list"]).await == Some(1)).then_some(())).await;
    Ok(())
}

async fn topic_and_schema_may_be_made_twice_and_say_what_they_are() -> Shown {
    let topology = small().await;
    admin(&topology, &["topic", "create"]).await;
    admin(&topology, &["schema", "apply"]).await;
    let findings = admin(&topology, &["topic", "check"]).await;
    for setting in ["message.timestamp.type", "min.insync.replicas", "retention.ms"] {
        assert!(findings.contains(setting), "{setting} is not in: {findings}");
    }
    assert!(!findings.contains("refused"), "{findings}");
    let steps = admin(&topology, &["schema", "status"]).await;
    assert!(steps.contains(" applied ") && !steps.contains("not applied"), "{steps}");
    let server = Server::over(&topology);
    let monitor = server.create("job", &["--period", "1h"]).await;
    server.ping(&monitor, "").await;
    assert_eq!(server.status("job").await, "up");
    Ok(())
}

async fn a_process_that_does_not_fit_the_topic_is_refused() -> Shown {
    let topology = small().await;
    let (ingest, other) = (topology.node(Role::Ingest, 0), topology.root().join("other.toml"));
    let program = binaries::quietpulse().display().to_string();
    let out = other.display().to_string();
    tools::succeed(&program, &["admin", "installation", "create", "--shards", "5", "--out", &out], &[]).await;
    assert!(ingest.term().await.success());
    ingest.configure(|settings| settings.text("installation", &out));
    let data = topology.root().join("stranger").display().to_string();
    let config = ingest.config().display().to_string();
    let output = tools::run(&program, &["serve", "--config", &config, "--data-dir", &data], &[]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let last = said.lines().last().unwrap_or_default();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(last.contains(topology.topic()) && last.contains('4') && last.contains('5'), "both numbers: {last}");
    Ok(())
}
