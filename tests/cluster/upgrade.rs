//! From one release to the next, and back: two builds own shards side by side, one of which does not know the other's
//! snapshots. Nobody who pings notices, nobody is accused, nobody is forgotten.

use crate::crowd::Crowd;
use domain::engine::snapshot::Manifest;
use domain::ids::ShardId;
use std::sync::Arc;
use store::ShardTables;
use store::scylla::ScyllaStore;
use suites::cases;
use suites::support::binaries;
use suites::support::runner::{Shown, Skipped};
use suites::support::server::Server;
use suites::support::settings::Settings;
use suites::support::topology::{Haproxy, Role, Shape, Topology};
use suites::support::wait::{secs, until};

cases! {
    an_upgrade_and_a_new_format_are_noticed_by_nobody,
    a_release_that_does_not_know_a_snapshot_says_so_and_loses_nothing,
}

async fn an_upgrade_and_a_new_format_are_noticed_by_nobody() -> Shown {
    if Haproxy::program().is_none() {
        return Err(Skipped("haproxy is absent (apt: haproxy)".into()));
    }
    let topology = Topology::prepare(Shape { haproxy: true, ..Shape::default() }, quick()).await;
    let old = binaries::quietpulse_of_format_1();
    topology.nodes().for_each(|node| node.run(Some(old.clone())));
    topology.start_all().await;
    let mut crowd = Crowd::gather(&topology).await;

    // First the new release, which writes what the old one reads.
    for node in topology.nodes() {
        crowd.replace(node, |node| node.run(None)).await;
    }
    // Then, when all are of it, the new format.
    for node in topology.of(Role::Evaluator) {
        crowd.replace(node, |node| node.configure(|settings| settings.raw("engine.snapshot_format", "2"))).await;
    }
    let everywhere = async || formats(&topology).await.iter().all(|format| *format == 2).then_some(());
    until("every shard is saved in format 2", secs(30), everywhere).await;
    // And back: the old format first, then the old release.
    for node in topology.of(Role::Evaluator) {
        crowd.replace(node, |node| node.configure(|settings| settings.raw("engine.snapshot_format", "1"))).await;
    }
    crowd.replace(topology.node(Role::Api, 0), |node| node.run(Some(old.clone()))).await;
    println!("upgrade: {}", crowd.ends_well().await);
    Ok(())
}

async fn a_release_that_does_not_know_a_snapshot_says_so_and_loses_nothing() -> Shown {
    let shape = Shape { ingest: 1, evaluators: 1, notifiers: 1, shards: 2, ..Shape::default() };
    let topology = Topology::start(shape, quick().raw("engine.snapshot_format", "2")).await;
    let server = Server::over(&topology);
    let monitor = server.create("job", &["--period", "1h"]).await;
    server.ping(&monitor, "").await;
    until("snapshots", secs(30), async || formats(&topology).await.iter().all(|format| *format == 2).then_some(()))
        .await;
    let evaluator = topology.node(Role::Evaluator, 0);
    assert!(evaluator.term().await.success());
    evaluator.run(Some(binaries::quietpulse_of_format_1()));
    evaluator.configure(|settings| settings.raw("engine.snapshot_format", "1"));
    // The log still begins at its beginning: the old release replays it, and says why. Where it no longer does, the
    // shard would stand still.
    evaluator.start().await;
    evaluator.until_ready().await;
    assert!(evaluator.stderr().contains("format version 2 is not known"), "{}", evaluator.stderr());
    server.ping(&monitor, "").await;
    assert!(evaluator.term().await.success());
    evaluator.run(None);
    evaluator.start().await;
    evaluator.until_ready().await;
    server.until_pings("job", 2).await;
    Ok(())
}

/// Snapshots every second, and time for HAProxy to believe what /readyz says.
fn quick() -> Settings {
    Settings::default().text("shutdown_delay", "3s").text("engine.snapshot_every", "1s")
}

/// The format of each shard's newest manifest; 0: none yet.
async fn formats(topology: &Arc<Topology>) -> Vec<u8> {
    let store = topology.store().await;
    let mut formats = Vec::new();
    for shard in 0..topology.shape().shards {
        formats.push(format_of(&store, ShardId(shard)).await);
    }
    formats
}

async fn format_of(store: &ScyllaStore, shard: ShardId) -> u8 {
    let manifest = store.load_manifest(shard).await.expect("the store answers");
    let Some(bytes) = manifest else { return 0 };
    assert!(Manifest::decode(&bytes).is_ok(), "this build reads both");
    bytes.get(1).copied().unwrap_or(0)
}
