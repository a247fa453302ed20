//! Several nodes behind a balancer: whose canary proves what, when a node is ready, and whose clock is right.

use crate::support::balancer::Balancer;
use crate::support::client::get;
use crate::support::log::Mode;
use crate::support::{Server, eventually, within};
use domain::ids::ShardId;
use domain::record::Body;
use domain::time::Clock;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A node whose pings, by its own belief, arrive at `public_url`.
async fn node(public_url: &str) -> Arc<Server> {
    let server = Server::start_with(|options| {
        options.public_url = public_url.to_owned();
        options.ready_needs_canaries = false;
    })
    .await;
    server.ingest.announce_boot().await.unwrap();
    Arc::new(server)
}

/// The loops of a node, until the end of the test.
struct Loops(CancellationToken, JoinHandle<()>);

impl Loops {
    fn of(server: &Server) -> Self {
        let stop = CancellationToken::new();
        Self(stop.clone(), tokio::spawn(server.ingest.clone().run_canaries(stop)))
    }

    async fn end(self) {
        self.0.cancel();
        self.1.await.unwrap();
    }
}

fn canaries(server: &Server) -> usize {
    server.log.bodies().iter().filter(|body| **body == Body::Canary).count()
}

/// The shards that got canaries.
fn proved_shards(server: &Server) -> Vec<ShardId> {
    let records = server.log.records().into_iter();
    let mut shards: Vec<_> = records.filter(|(_, _, body)| *body == Body::Canary).map(|(shard, _, _)| shard).collect();
    shards.sort_unstable();
    shards.dedup();
    shards
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_canary_that_lands_at_another_node_proves_the_shard_all_the_same() {
    let other = node("http://127.0.0.1:9").await;
    let server = node(&format!("http://{}", other.address)).await;
    let loops = Loops::of(&server);
    eventually("canaries land at the other node", || proved_shards(&other).len() == 4).await;
    // Six seconds without a record of its own: only what the canaries proved counts. The clock of the node is
    // moved in steps that a canary each makes good.
    for _ in 0..4 {
        server.clock.advance(1_500);
        let before = canaries(&other);
        eventually("the next canaries", || canaries(&other) >= before + 4).await;
    }
    eventually("nothing is silent", || server.ingest.readiness().warnings.is_empty()).await;
    assert!(server.ingest.readiness().ready);
    assert_eq!(canaries(&server), 0);
    // A proved shard needs no canary for a second: not one at each look.
    let before = canaries(&other);
    tokio::time::sleep(Duration::from_millis(1_900)).await;
    let sent = canaries(&other) - before;
    assert!(sent <= 8, "{sent} canaries in two seconds");
    loops.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn canaries_that_fail_are_a_warning_behind_a_balancer_and_a_lack_on_one_machine() {
    for alone in [true, false] {
        let balancer = Balancer::start().await;
        let server = Server::start_with(|options| {
            options.public_url = balancer.url();
            options.ready_needs_canaries = alone;
        })
        .await;
        server.ingest.announce_boot().await.unwrap();
        let loops = Loops::of(&server);
        server.clock.advance(6_000);
        let line = "no ping or canary reaches 4 of the shards, the first is 0";
        let wanted = if alone { (false, vec![line], vec![]) } else { (true, vec![], vec![line]) };
        let readiness = server.ingest.readiness();
        assert_eq!((readiness.ready, readiness.missing, readiness.warnings), {
            let owned = |lines: Vec<&str>| lines.into_iter().map(str::to_owned).collect::<Vec<_>>();
            (wanted.0, owned(wanted.1), owned(wanted.2))
        });
        let address = server.address;
        balancer.route(move || Some(address));
        eventually("all is well again", || {
            let readiness = server.ingest.readiness();
            readiness.ready && readiness.warnings.is_empty()
        })
        .await;
        loops.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_balancer_that_was_away_finds_the_nodes_ready_when_it_is_back() {
    let balancer = Balancer::start().await;
    let nodes = [node(&balancer.url()).await, node(&balancer.url()).await];
    let loops = nodes.each_ref().map(|node| Loops::of(node));
    nodes.iter().for_each(|node| node.clock.advance(60_000));
    for node in &nodes {
        eventually("the canaries are missed", || !node.ingest.readiness().warnings.is_empty()).await;
    }
    // The balancer asks the nodes what they are, as a real one asks /readyz, and takes turns.
    let (known, turn) = (nodes.clone(), std::sync::atomic::AtomicUsize::new(0));
    balancer.route(move || {
        let ready: Vec<_> = known.iter().filter(|node| node.ingest.readiness().ready).collect();
        let turn = turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        ready.get(turn % ready.len().max(1)).map(|node| node.address)
    });
    for node in &nodes {
        eventually("nothing is left to warn of", || node.ingest.readiness().warnings.is_empty()).await;
    }
    let token = nodes[0].token();
    assert_eq!(get(balancer.address, &format!("/ping/{token}")).await, (200, "OK".into()));
    for loops in loops {
        loops.end().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_log_is_away_recovers_without_any_traffic() {
    let other = node("http://127.0.0.1:9").await;
    let server = Server::start_with(|options| {
        options.public_url = format!("http://{}", other.address);
        options.ready_needs_canaries = false;
        options.append_timeout = Duration::from_millis(200);
    })
    .await;
    server.ingest.announce_boot().await.unwrap();
    let loops = Loops::of(&server);
    server.log.set(Mode::Hold);
    assert_eq!(get(server.address, &format!("/ping/{}", server.token())).await.0, 503);
    let readiness = server.ingest.readiness();
    assert_eq!(readiness.missing, ["the log does not acknowledge records of 1 of the shards"]);
    // Nobody asks it any more: its canaries land elsewhere. What was held back is never acknowledged.
    server.log.set(Mode::Ack);
    eventually("it is ready", || server.ingest.readiness().ready).await;
    assert_eq!(canaries(&server), 0);
    loops.end().await;
}

/// Answers every connection with 200, as a login page would.
async fn stranger() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let page = axum::Router::new().fallback(async || "log in here");
    tokio::spawn(async move { axum::serve(listener, page).await });
    url
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_else_answers_200_proves_nothing() {
    let server = node(&stranger().await).await;
    let loops = Loops::of(&server);
    server.clock.advance(6_000);
    eventually("canaries fail", || server.figures.value("canary_failures_total") >= 8.0).await;
    assert_eq!(server.ingest.readiness().warnings, ["no ping or canary reaches 4 of the shards, the first is 0"]);
    loops.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_proxy_that_takes_headers_off_still_lets_a_machine_prove_itself() {
    let balancer = Balancer::start().await;
    balancer.hide_headers();
    let server = Server::start_with(|options| options.public_url = balancer.url()).await;
    server.ingest.announce_boot().await.unwrap();
    let address = server.address;
    balancer.route(move || Some(address));
    let loops = Loops::of(&server);
    server.clock.advance(6_000);
    eventually("canaries arrive", || proved_shards(&server).len() == 4).await;
    eventually("they are proof", || server.ingest.readiness().ready).await;
    assert_eq!(server.figures.value("canary_failures_total"), 0.0);
    loops.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_clock_is_wrong_is_not_ready_takes_pings_and_recovers_without_traffic() {
    let other = node("http://127.0.0.1:9").await;
    let server = node(&format!("http://{}", other.address)).await;
    let loops = Loops::of(&server);
    let target = format!("/ping/{}", server.token());
    server.log.set_clock_ahead(-5_000);
    let patience = Duration::from_secs(30);
    let deadline = tokio::time::Instant::now() + patience;
    while server.ingest.readiness().ready {
        assert!(tokio::time::Instant::now() < deadline, "nobody notices the clock");
        assert_eq!(get(server.address, &format!("{target}/log")).await.0, 200);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let missing = server.ingest.readiness().missing;
    let [line] = missing.as_slice() else { panic!("{missing:?}") };
    let words: Vec<_> = line.split(' ').collect();
    let (ms, rest) = (words[6].parse::<i64>().unwrap(), words[7..].join(" "));
    assert!((4_000..=5_000).contains(&ms) && rest == "ms ahead of the log's", "{line}");
    assert_eq!(get(server.address, &target).await, (200, "OK".into()));
    let skew = || server.figures.value("ingest_clock_skew_seconds");
    eventually("the figure says the same", || (4.0..=5.0).contains(&skew())).await;

    // From now on no ping arrives, and it has canaries of its own nowhere: it looks by itself, and goes on doing so.
    let ticks = || server.log.bodies().iter().filter(|body| **body == Body::Tick).count();
    within(patience, "it compares the clocks by itself for longer than pings are remembered", || ticks() >= 12).await;
    assert!(!server.ingest.readiness().ready);
    server.log.set_clock_ahead(0);
    within(patience, "it is ready again", || server.ingest.readiness().ready).await;
    eventually("the figure says the same", || skew().abs() < 0.5).await;
    assert_eq!(canaries(&server), 0);
    loops.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_machine_whose_one_clock_is_set_stays_ready() {
    let server = Server::start().await;
    server.ingest.announce_boot().await.unwrap();
    let loops = Loops::of(&server);
    let target = format!("/ping/{}/log", server.token());
    for step_ms in [3_600_000, -3_600_000, -2_500] {
        // A ping is on its way while the clock is set: received before, appended after.
        server.log.set_shard(server.keys.shard_of(server.monitor()), Mode::Hold);
        let asked = tokio::spawn({
            let (address, target) = (server.address, target.clone());
            async move { get(address, &target).await.0 }
        });
        eventually("the ping is in the log", || server.log.held() > 0).await;
        server.clock.advance(step_ms);
        server.log.set(Mode::Ack);
        server.log.release_held();
        assert_eq!(asked.await.unwrap(), 200);
        let began = server.clock.now();
        // What a step forward leaves silent the next canaries prove.
        eventually("ready", || server.ingest.readiness().ready).await;
        while server.clock.now().since(began) < 1_500 {
            assert!(server.ingest.readiness().missing.iter().all(|line| !line.contains("clock")), "{step_ms}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    loops.end().await;
}
