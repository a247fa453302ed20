//! Evaluators that end, die, freeze, vanish and arrive. Whoever owns a shard, each silence is told once and nobody who
//! pings is accused (invariants I1 to I3 and I6).
//!
//! `QP_LONG=1` freezes an evaluator for ninety seconds instead of twenty.

use crate::traffic::Traffic;
use domain::engine::snapshot::Manifest;
use domain::ids::{ShardCount, ShardId};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::ShardTables;
use store::scylla::ScyllaStore;
use suites::cases;
use suites::support::qp::Monitor;
use suites::support::receiver::Receiver;
use suites::support::runner::Shown;
use suites::support::server::Server;
use suites::support::settings::Settings;
use suites::support::topology::{Node, Role, Shape, Topology};
use suites::support::wait::{holds, secs, until};

const SHARDS: u16 = 8;
/// Jobs of each kind: enough that most shards have some.
const JOBS: usize = 6;

cases! {
    an_evaluator_that_was_frozen_does_no_harm,
    an_evaluator_that_ends_in_order_hands_over_at_once,
    an_evaluator_that_is_killed_is_replaced,
    alerts_survive_evaluators_that_vanish,
    a_third_evaluator_takes_its_share_and_no_more,
    an_evaluator_too_many_is_ready_and_steps_in,
}

/// A session lasts for a minute here: what is quicker than that was handed over and not waited for.
async fn an_evaluator_that_ends_in_order_hands_over_at_once() -> Shown {
    let scene = Scene::with(2, Settings::default().text("kafka.session_timeout", "60s")).await;
    let (leaving, staying) = (scene.evaluator(0), scene.evaluator(1));
    let event = async {
        scene.silence();
        let began = Instant::now();
        let ending = leaving.term();
        let (status, ()) = tokio::join!(ending, owns(staying, SHARDS));
        assert!(status.success(), "{status}\n{}", leaving.stderr());
        began.elapsed()
    };
    let took = scene.answered_throughout(event).await;
    println!("takeover: {took:.1?} after SIGTERM, until the other one owns all {SHARDS} shards");
    assert!(took < secs(20), "{took:?}");
    scene.each_silence_is_told_once().await;
    Ok(())
}

async fn an_evaluator_that_is_killed_is_replaced() -> Shown {
    let scene = Scene::set(2).await;
    let (dying, staying) = (scene.evaluator(0), scene.evaluator(1));
    let event = async {
        scene.silence();
        let began = Instant::now();
        dying.kill().await;
        owns(staying, SHARDS).await;
        began.elapsed()
    };
    let took = scene.answered_throughout(event).await;
    println!("takeover: {took:.1?} after kill -9, until the other one owns all {SHARDS} shards");
    assert!(took < secs(45), "{took:?}");
    scene.each_silence_is_told_once().await;
    Ok(())
}

async fn a_third_evaluator_takes_its_share_and_no_more() -> Shown {
    let scene = Scene::set(3).await;
    let (first, second, third) = (scene.evaluator(0), scene.evaluator(1), scene.evaluator(2));
    assert!(third.term().await.success());
    until("two share the shards evenly", secs(60), async || {
        (owned(first).await == 4.0 && owned(second).await == 4.0).then_some(())
    })
    .await;
    // Nobody but the newcomer may gain a shard, at any moment.
    let most = Cell::new((4.0, 4.0));
    let watching = async {
        loop {
            let now = (owned(first).await, owned(second).await);
            assert!(now.0 <= most.get().0 && now.1 <= most.get().1, "{:?}, then {now:?}", most.get());
            most.set(now);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let joining = async {
        third.start().await;
        third.until_metric("shards_owned", |shards| shards == 2.0).await;
        until("all shards are owned", secs(60), async || {
            (owned(first).await == 3.0 && owned(second).await == 3.0).then_some(())
        })
        .await;
    };
    tokio::select! {
        () = watching => {}
        () = joining => {}
    }
    println!("a third evaluator: 4 + 4 shards became 3 + 3 + 2, so 2 of 8 moved");
    scene.silence();
    scene.each_silence_is_told_once().await;
    Ok(())
}

async fn an_evaluator_too_many_is_ready_and_steps_in() -> Shown {
    let shape = Shape { ingest: 1, evaluators: 2, notifiers: 1, shards: 1, ..Shape::default() };
    let topology = Topology::start(shape, Settings::default()).await;
    let owners: Vec<f64> =
        vec![owned(topology.node(Role::Evaluator, 0)).await, owned(topology.node(Role::Evaluator, 1)).await];
    let (busy, spare) = if owners[0] == 1.0 { (0, 1) } else { (1, 0) };
    assert_eq!(owners[busy], 1.0, "one of them has the only shard");
    topology.node(Role::Evaluator, busy).kill().await;
    owns(topology.node(Role::Evaluator, spare), 1).await;
    Ok(())
}

async fn an_evaluator_that_was_frozen_does_no_harm() -> Shown {
    let scene = Scene::set(2).await;
    let (frozen, other) = (scene.evaluator(0), scene.evaluator(1));
    let frozen_for = secs(if std::env::var("QP_LONG").is_ok_and(|value| value == "1") { 90 } else { 20 });
    let event = async {
        frozen.signal("STOP");
        scene.silence();
        let began = Instant::now();
        owns(other, SHARDS).await;
        println!("takeover: {:.1?} after SIGSTOP", began.elapsed());
        tokio::time::sleep(frozen_for.saturating_sub(began.elapsed())).await;
        frozen.signal("CONT");
        until("the frozen one is back and has shards", secs(60), async || {
            (owned(frozen).await == 4.0 && owned(other).await == 4.0).then_some(())
        })
        .await;
    };
    let offsets = scene.snapshots_never_step_back();
    tokio::select! {
        () = offsets => {}
        () = scene.answered_throughout(event) => {}
    }
    scene.each_silence_is_told_once().await;
    Ok(())
}

async fn alerts_survive_evaluators_that_vanish() -> Shown {
    let scene = Scene::set(2).await;
    let notifiers: Vec<u32> = scene.topology.of(Role::Notifier).map(Node::pid).collect();
    let event = async {
        scene.silence();
        for evaluator in scene.topology.of(Role::Evaluator) {
            evaluator.kill().await;
        }
        // Nobody judges meanwhile; that only delays.
        holds("nobody is told of anything", secs(12), async || scene.receiver.received().is_empty()).await;
        for evaluator in scene.topology.of(Role::Evaluator) {
            evaluator.start().await;
        }
    };
    scene.answered_throughout(event).await;
    scene.each_silence_is_told_once().await;
    let same: Vec<u32> = scene.topology.of(Role::Notifier).map(Node::pid).collect();
    assert!(scene.topology.nodes().all(Node::is_running), "nobody gave up");
    assert_eq!(same, notifiers, "the notifiers are those of before");
    Ok(())
}

/// Jobs that ping, some of which will fall silent, and somebody who is told.
struct Scene {
    topology: Arc<Topology>,
    server: Server,
    receiver: Receiver,
    living: Vec<(Monitor, Traffic)>,
    mortal: Vec<Monitor>,
    /// The traffic of the mortal; gone when they fell silent.
    pulse: Cell<Vec<Traffic>>,
}

impl Scene {
    async fn set(evaluators: usize) -> Self {
        Self::with(evaluators, Settings::default()).await
    }

    async fn with(evaluators: usize, settings: Settings) -> Self {
        let shape = Shape { evaluators, notifiers: 1, shards: SHARDS, ..Shape::default() };
        let topology = Topology::start(shape, settings.text("engine.snapshot_every", "2s")).await;
        let (server, receiver) = (Server::over(&topology), Receiver::listen().await);
        server.webhook("ops", &receiver.url()).await;
        let start = |monitor: &Monitor| Traffic::start(topology.front(), &monitor.path, Duration::from_millis(250));
        let (mut living, mut mortal, mut pulse) = (Vec::new(), Vec::new(), Vec::new());
        for number in 0..JOBS {
            let flags = ["--period", "2s", "--grace", "2s", "--channel", "ops"];
            let one = server.create(&format!("living-{number}"), &flags).await;
            living.push((one.clone(), start(&one)));
            let one = server.create(&format!("mortal-{number}"), &flags).await;
            pulse.push(start(&one));
            mortal.push(one);
        }
        let scene = Self { topology, server, receiver, living, mortal, pulse: Cell::new(pulse) };
        for one in scene.slugs() {
            scene.server.until_status(&one, "up", secs(20)).await;
        }
        scene
    }

    fn evaluator(&self, n: usize) -> &Node {
        self.topology.node(Role::Evaluator, n)
    }

    /// The mortal ping no more.
    fn silence(&self) {
        drop(self.pulse.take());
    }

    fn slugs(&self) -> Vec<String> {
        self.living.iter().map(|(one, _)| one).chain(&self.mortal).map(|one| one.slug.clone()).collect()
    }

    /// Asks for one monitor after another until `event` is over. Every question must be answered.
    async fn answered_throughout<T>(&self, event: impl Future<Output = T>) -> T {
        let (asked, slowest) = (Cell::new(0_u32), Cell::new(Duration::ZERO));
        let asking = async {
            for slug in self.slugs().iter().cycle() {
                let began = Instant::now();
                let output = self.server.qp_output(&["--json", "monitor", "get", slug]).await;
                assert!(output.status.success(), "{slug}: {}", String::from_utf8_lossy(&output.stderr));
                asked.set(asked.get() + 1);
                slowest.set(slowest.get().max(began.elapsed()));
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        let done = tokio::select! {
            done = event => done,
            () = asking => unreachable!("there are monitors to ask for"),
        };
        println!("meanwhile the API answered {} of {0} questions, at worst in {:.1?}", asked.get(), slowest.get());
        done
    }

    /// Looks at the snapshot of every shard for ever: what one covers, all later ones do.
    async fn snapshots_never_step_back(&self) {
        let shards = ShardCount::new(SHARDS).expect("some shards");
        let store = self.topology.store().await;
        let mut covered = vec![0_u64; usize::from(SHARDS)];
        loop {
            for shard in shards.all() {
                let now = covered_by_snapshot(&store, shard).await;
                let before = std::mem::replace(&mut covered[usize::from(shard.0)], now);
                assert!(now >= before, "the snapshot of shard {shard} went back from offset {before} to {now}");
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Each of the mortal is down by one transition, which was told under one id; the living never were.
    async fn each_silence_is_told_once(&self) {
        for one in &self.mortal {
            self.server.until_status(&one.slug, "down", secs(60)).await;
            self.receiver.message("monitor.down", &one.slug, secs(60)).await;
        }
        // Time for whoever believes to own a shard too.
        tokio::time::sleep(secs(5)).await;
        for one in &self.mortal {
            let downs = self.server.transitions_of(&one.slug, "monitor.down").await;
            assert_eq!(downs.len(), 1, "{}: one silence, one verdict: {downs:#?}", one.slug);
            assert_eq!(downs[0]["reason"], "missed");
            let told = self.receiver.find("monitor.down", &one.slug);
            let ids: BTreeSet<&str> = told.iter().map(|message| message.header("webhook-id")).collect();
            assert_eq!(ids.len(), 1, "{}: told under several ids: {ids:?}", one.slug);
        }
        for (one, traffic) in &self.living {
            let downs = self.server.transitions_of(&one.slug, "monitor.down").await;
            assert!(downs.is_empty(), "{} never fell silent: {downs:#?}", one.slug);
            let told = traffic.told();
            assert!(told.bad.is_empty() && told.acked > 20, "{}: {told:?}", one.slug);
        }
    }
}

/// Waits until an evaluator owns so many shards and has caught up with them.
async fn owns(evaluator: &Node, shards: u16) {
    evaluator.until_metric("shards_owned", |owned| owned == f64::from(shards)).await;
    evaluator.until_ready().await;
}

/// How many shards an evaluator says it owns; none when it says nothing.
async fn owned(evaluator: &Node) -> f64 {
    evaluator.metric("shards_owned").await.unwrap_or_default()
}

/// Where the log has to be read from after the last snapshot of a shard.
async fn covered_by_snapshot(store: &ScyllaStore, shard: ShardId) -> u64 {
    let manifest = store.load_manifest(shard).await.expect("the manifest");
    manifest.map_or(0, |bytes| Manifest::decode(&bytes).expect("a manifest").next_offset)
}
