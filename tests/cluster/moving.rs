//! `quietpulse migrate`: an installation of one machine goes on in a cluster while its jobs go on pinging. No ping is
//! lost, no URL changes, nobody is accused, and who was silent is told once.

use crate::traffic::Traffic;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use suites::cases;
use suites::support::http;
use suites::support::peer::{Mode, Received};
use suites::support::qp::Monitor;
use suites::support::receiver::Receiver;
use suites::support::runner::{Shown, lock};
use suites::support::server::Server;
use suites::support::settings::Settings;
use suites::support::topology::{Role, Shape, Topology};
use suites::support::wait::{holds, secs, until};
use suites::support::{binaries, tools};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Jobs that ping throughout.
const LIVING: usize = 6;

cases! {
    monitors_move_to_a_cluster_while_their_jobs_go_on,
    a_directory_that_nobody_serves_moves_as_well,
    a_cluster_with_other_secrets_is_refused,
}

async fn monitors_move_to_a_cluster_while_their_jobs_go_on() -> Shown {
    let (topology, old) = side_by_side().await;
    let (receiver, deaf) = (Receiver::listen().await, Receiver::answering(Mode::status(503)).await);
    old.webhook("ops", &receiver.url()).await;
    old.webhook("deaf", &deaf.url()).await;
    let extra = old.qp(&["channel", "list"]).await;
    let flags = ["--period", "2s", "--grace", "3s", "--channel", "ops"];
    let mut living = Vec::new();
    for number in 0..LIVING {
        let one = old.create(&format!("living-{number}"), &flags).await;
        living.push((Traffic::start(old.http, &one.path, Duration::from_millis(100)), one));
    }
    let broken = old.create("broken", &["--period", "1h", "--channel", "ops", "--channel", "deaf"]).await;
    old.ping(&broken, "/fail").await;
    receiver.message("monitor.down", "broken", secs(20)).await;
    let running = old.create("running", &["--period", "1h", "--max-runtime", "20m", "--channel", "ops"]).await;
    old.ping(&running, "/start").await;
    old.create("resting", &["--period", "2s", "--grace", "1s", "--channel", "ops"]).await;
    old.qp(&["monitor", "pause", "resting"]).await;
    let silent = old.create("silent", &["--period", "1h", "--grace", "1m", "--channel", "ops"]).await;
    old.ping(&silent, "").await;
    let (before, incident) = (listed(&old).await, old.monitor("broken").await["incidentId"].clone());
    let history_before = old.pings("broken").await;

    // The directory must outlive its server.
    let home = Arc::clone(&old.home);
    let mut moving = Moving::of(&topology, &home.data());
    moving.until_said("caught up").await;
    // What `migrate` asks of people: pings go to the cluster from here on.
    let new = Server::over(&topology);
    let mut told = Vec::new();
    for (traffic, one) in &mut living {
        told.push(settled(traffic, one).await);
        *traffic = Traffic::start(topology.front(), &one.path, Duration::from_millis(100));
    }
    assert!(old.term().await.success(), "the old server drains");
    let said = moving.ended().await;
    assert!(said.contains(&format!("{} monitors moved", LIVING + 4)), "{said}");

    assert_eq!(listed(&new).await, before, "the same monitors, at the same URLs");
    assert_eq!(new.qp(&["channel", "list"]).await, extra, "the same channels");
    assert_eq!(new.monitor("broken").await["incidentId"], incident, "the incident goes on");
    assert_eq!(new.monitor("running").await["running"], true);
    assert_eq!(new.status("resting").await, "paused");
    assert_eq!(without_place(new.pings("broken").await), without_place(history_before), "history is there");
    new.ping(&broken, "").await;
    let up = receiver.message("monitor.up", "broken", secs(20)).await.json();
    assert_eq!(up["incident"]["id"], incident);
    silence_is_told_once(&new, &receiver, &silent).await;
    for ((traffic, one), earlier) in living.iter_mut().zip(told) {
        let acked = earlier + settled(traffic, one).await;
        let counted = new.monitor(&one.slug).await["pingCount"].as_u64().expect("pings");
        assert_eq!(counted, acked as u64, "{}: every acknowledged ping was counted once", one.slug);
        assert!(new.transitions_of(&one.slug, "monitor.down").await.is_empty(), "{} was never silent", one.slug);
    }
    let ids: BTreeSet<String> = deaf.find("monitor.down", "broken").iter().map(id_of).collect();
    assert_eq!(ids.len(), 1, "attempts keep their id across the move");
    Ok(())
}

async fn a_directory_that_nobody_serves_moves_as_well() -> Shown {
    let (topology, old) = side_by_side().await;
    let monitor = old.create("nightly", &["--period", "1d"]).await;
    old.ping(&monitor, "").await;
    let (api_key, ping_key) = (old.home.key("api_key"), old.home.key("ping_key"));
    let home = Arc::clone(&old.home);
    assert!(old.term().await.success());
    let moving = Moving::of(&topology, &home.data());
    let said = moving.ended().await;
    assert!(said.contains("1 monitors moved"), "{said}");
    let new = Server::over(&topology);
    let shown = new.qp(&["--api-key", &api_key, "monitor", "get", "nightly"]).await;
    assert_eq!(shown["status"], "up");
    let reply = http::get(topology.front(), &format!("/ping/{ping_key}/nightly")).await;
    assert_eq!(reply.status, 200, "the old ping key opens the new door");
    new.until_pings("nightly", 2).await;
    // A second move of the same directory changes nothing.
    Moving::of(&topology, &home.data()).ended().await;
    assert_eq!(new.monitor("nightly").await["pingCount"], 2);
    let mut serve = Command::new(binaries::quietpulse());
    serve.args(["serve", "--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--data-dir"]);
    let refused = serve.arg(home.data()).kill_on_drop(true).output().await.expect("it runs");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("have moved to the topic"), "{said}");
    Ok(())
}

async fn a_cluster_with_other_secrets_is_refused() -> Shown {
    let topology = Topology::start(small(), Settings::default()).await;
    let old = Server::over(&topology).home.beside(Settings::default()).start().await;
    let output = migrate(&topology, &old.home.data()).output().await.expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let last = said.lines().last().unwrap_or_default();
    assert!(last.contains("installation") && last.contains("other secrets"), "{last}");
    let monitor = old.create("job", &["--period", "1h"]).await;
    old.ping(&monitor, "").await;
    assert_eq!(old.status("job").await, "up", "and the old server goes on as it was");
    Ok(())
}

fn small() -> Shape {
    Shape { ingest: 1, evaluators: 1, notifiers: 1, shards: 4, ..Shape::default() }
}

/// A server on one machine, and a cluster that was made with its secrets.
async fn side_by_side() -> (Arc<Topology>, Server) {
    let topology = Topology::prepare(Shape { notifiers: 1, ..Shape::default() }, Settings::default()).await;
    let settings = Settings::default().raw("log.shards", "4");
    let old = Server::over(&topology).home.beside(settings).start().await;
    let (program, from) = (binaries::quietpulse().display().to_string(), old.home.data().display().to_string());
    for node in topology.nodes() {
        let out = node.directory().join("installation.toml");
        std::fs::remove_file(&out).expect("the secrets it was made with");
        let (shards, out) = (topology.shape().shards.to_string(), out.display().to_string());
        let arguments = ["admin", "installation", "create", "--from", &from, "--shards", &shards, "--out", &out];
        tools::succeed(&program, &arguments, &[]).await;
    }
    topology.start_all().await;
    (topology, old)
}

fn migrate(topology: &Topology, data: &std::path::Path) -> Command {
    let mut command = Command::new(binaries::quietpulse());
    command.args(["migrate", "--from", "embedded", "--to", "cluster", "--config"]);
    command.arg(topology.node(Role::Ingest, 0).config()).arg("--data-dir").arg(data);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// A move under way, and what it said.
struct Moving {
    child: Child,
    said: Arc<std::sync::Mutex<String>>,
}

impl Moving {
    fn of(topology: &Topology, data: &std::path::Path) -> Self {
        let mut child = migrate(topology, data).spawn().expect("migrate starts");
        let said = Arc::<std::sync::Mutex<String>>::default();
        let (out, err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
        for (stream, said) in [
            (Box::new(out) as Box<dyn tokio::io::AsyncRead + Send + Unpin>, Arc::clone(&said)),
            (Box::new(err), Arc::clone(&said)),
        ] {
            tokio::spawn(async move {
                let mut lines = BufReader::new(stream).lines();
                while let Ok(Some(line)) = lines.next_line().await {
                    lock(&said).push_str(&format!("{line}\n"));
                }
            });
        }
        Self { child, said }
    }

    async fn until_said(&mut self, words: &str) {
        let what = format!("migrate says {words:?}");
        until(&what, secs(90), async || {
            let said = lock(&self.said).clone();
            if let Some(status) = self.child.try_wait().expect("a child") {
                panic!("migrate ended with {status}:\n{said}");
            }
            said.contains(words).then_some(())
        })
        .await;
    }

    /// It ends well; what it said.
    async fn ended(mut self) -> String {
        let status = tokio::time::timeout(secs(90), self.child.wait()).await;
        let said = lock(&self.said).clone();
        let status = status.unwrap_or_else(|_| panic!("migrate does not end:\n{said}")).expect("a child");
        assert!(status.success(), "{status}:\n{said}");
        until("its last line", secs(5), async || Some(lock(&self.said).clone()).filter(|s| s.contains(" moved, ")))
            .await
    }
}

/// The monitors as `list` shows them, without what goes on.
async fn listed(server: &Server) -> Vec<Value> {
    let list = server.qp(&["monitor", "list"]).await;
    let of = |monitor: &Value| {
        let path = monitor["pingUrl"].as_str().and_then(|url| url.rsplit_once('/')).map(|(_, token)| token.to_owned());
        serde_json::json!({"slug": monitor["slug"], "id": monitor["id"], "token": path, "version": monitor["version"]})
    };
    list.as_array().expect("a list").iter().map(of).collect()
}

/// Pings without the address they came from, which is the forwarder's here.
fn without_place(mut pings: Vec<Value>) -> Vec<Value> {
    for ping in &mut pings {
        ping.as_object_mut().expect("a ping").remove("client");
    }
    pings
}

fn id_of(received: &Received) -> String {
    received.header("webhook-id").to_owned()
}

/// How many pings were taken; none was refused.
fn all_good(traffic: &Traffic, monitor: &Monitor) -> usize {
    let told = traffic.told();
    assert!(told.bad.is_empty(), "{}: {:?}", monitor.slug, told.bad);
    told.acked
}

/// As [`all_good`], after the job has stopped: no ping is on its way any more.
async fn settled(traffic: &mut Traffic, monitor: &Monitor) -> usize {
    traffic.stop().await;
    all_good(traffic, monitor)
}

/// A job that falls silent on the new side alerts once.
async fn silence_is_told_once(new: &Server, receiver: &Receiver, silent: &Monitor) {
    new.qp(&["monitor", "update", &silent.slug, "--period", "1s", "--grace", "1s"]).await;
    receiver.message("monitor.down", &silent.slug, secs(60)).await;
    holds("one word of it", secs(3), async || receiver.find("monitor.down", &silent.slug).len() == 1).await;
    assert_eq!(new.transitions_of(&silent.slug, "monitor.down").await.len(), 1);
}
