//! Many clients, a log that stops for a while, and what becomes of both.

use crate::support::client::{Client, get, request};
use crate::support::log::Mode;
use crate::support::{Server, eventually};
use domain::record::Body;
use domain::time::{Clock, UnixMs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

async fn server() -> Server {
    let server = Server::start_with(|options| options.append_timeout = Duration::from_millis(500)).await;
    server.ingest.announce_boot().await.unwrap();
    server
}

async fn connect(server: &Server, count: usize) -> Vec<Client> {
    let mut clients = Vec::with_capacity(count);
    for _ in 0..count {
        clients.push(Client::connect(server.address).await);
    }
    clients
}

/// All ping at once; the statuses of their replies, and whether each had the header that says when to come again.
async fn wave(clients: &mut [Client], target: &str) -> Vec<(u16, bool)> {
    let asked = clients.iter_mut().map(|client| async move {
        client.send(request("POST", target, "", b"words")).await;
        let reply = client.reply().await.expect("a reply");
        (reply.status, reply.header("retry-after").is_some())
    });
    futures::future::join_all(asked).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_has_stopped_is_not_waited_for_again_and_again() {
    let server = server().await;
    let target = format!("/ping/{}/fail", server.token());
    let mut clients = connect(&server, 300).await;
    server.log.set(Mode::Hold);
    // The first wave waits, as long as the log may take. All of it is in the log's hands.
    assert_eq!(wave(&mut clients, &target).await, [(503, true); 300]);
    assert_eq!(server.log.held(), 300);
    // The second is told at once: the log is given a ping now and then, to see whether it is back.
    let began = std::time::Instant::now();
    for _ in 0..3 {
        assert_eq!(wave(&mut clients, &target).await, [(503, true); 300]);
    }
    let most = 2 + began.elapsed().as_secs() as usize;
    assert!(server.log.held() - 300 <= most, "{} of 900 were given to the log", server.log.held() - 300);
    // Other shards are none the worse.
    server.log.set_shard(other_shard(&server), Mode::Ack);
    let other = server.keys.canary_token(other_shard(&server));
    assert_eq!(get(server.address, &format!("/ping/{other}")).await.0, 200);
    // It is back: one of the pings that come finds out.
    server.log.set(Mode::Ack);
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    while get(server.address, &target).await.0 != 200 {
        assert!(tokio::time::Instant::now() < deadline, "pings are refused although the log is back");
    }
    assert_eq!(wave(&mut clients, &target).await, [(200, false); 300]);
    assert!(server.ingest.readiness().ready);
}

fn other_shard(server: &Server) -> domain::ids::ShardId {
    let own = server.keys.shard_of(server.monitor());
    server.keys.shards().all().find(|shard| *shard != own).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_ping_that_was_shed_is_in_the_confession() {
    let server = server().await;
    let target = format!("/ping/{}", server.token());
    let first = server.clock.now();
    server.log.set(Mode::Hold);
    assert_eq!(get(server.address, &target).await.0, 503);
    // These are not given to the log, but for one a second.
    let mut last = UnixMs(0);
    for _ in 0..20 {
        last = server.clock.now();
        assert_eq!(get(server.address, &target).await.0, 503);
    }
    server.log.set(Mode::Ack);
    server.log.clear();
    let stop = CancellationToken::new();
    let canaries = tokio::spawn(server.ingest.clone().run_canaries(stop.clone()));
    let shard = server.keys.shard_of(server.monitor());
    let confessions = || -> Vec<(UnixMs, UnixMs)> {
        let records = server.log.records().into_iter().filter(|(of, _, _)| *of == shard);
        records
            .filter_map(|(_, _, body)| if let Body::Deaf { from, to } = body { Some((from, to)) } else { None })
            .collect()
    };
    eventually("the confession", || !confessions().is_empty()).await;
    let confessed = confessions();
    assert!(
        confessed.iter().any(|(from, to)| *from <= first.plus_ms(50) && *to >= last),
        "{confessed:?} {first} {last}"
    );
    stop.cancel();
    canaries.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_drain_did_not_take_is_confessed_before_the_end() {
    let mut server = server().await;
    let mut client = Client::connect(server.address).await;
    server.log.set(Mode::Hold);
    client.send(request("GET", &format!("/ping/{}", server.token()), "", b"")).await;
    eventually("the ping is in the log", || server.log.held() == 1).await;
    server.shutdown.cancel();
    assert_eq!(client.reply().await.unwrap().status, 503);
    server.log.set(Mode::Ack);
    server.log.clear();
    drop(client);
    server.serving.take().unwrap().await.unwrap().unwrap();
    let bodies = server.log.bodies();
    assert!(matches!(bodies.as_slice(), [Body::Deaf { .. }]), "{bodies:?}");
}

/// Clients that come again at once whatever they are told, as those do that do not read what they are told.
struct Storm {
    calm: Arc<AtomicBool>,
    taken: Arc<AtomicUsize>,
    refused: Arc<AtomicUsize>,
    clients: Vec<tokio::task::JoinHandle<()>>,
}

impl Storm {
    async fn rise(server: &Server, count: usize) -> Self {
        let (calm, taken, refused) = (Arc::<AtomicBool>::default(), Arc::default(), Arc::default());
        let mut storm = Self { calm, taken, refused, clients: Vec::new() };
        for mut client in connect(server, count).await {
            let (calm, taken, refused) = (storm.calm.clone(), storm.taken.clone(), storm.refused.clone());
            let asking = request("POST", &format!("/ping/{}/log", server.token()), "", b"words");
            storm.clients.push(tokio::spawn(async move {
                while !calm.load(Ordering::Relaxed) {
                    client.send(&asking).await;
                    match client.reply().await.expect("a reply").status {
                        200 => taken.fetch_add(1, Ordering::Relaxed),
                        503 => refused.fetch_add(1, Ordering::Relaxed),
                        other => panic!("a reply {other}"),
                    };
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }));
        }
        storm
    }

    async fn end(self) {
        self.calm.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_storm_of_retries_passes_with_its_cause() {
    const CLIENTS: usize = 200;
    let server = server().await;
    let stop = CancellationToken::new();
    let canaries = tokio::spawn(server.ingest.clone().run_canaries(stop.clone()));
    server.log.set(Mode::Hold);
    let storm = Storm::rise(&server, CLIENTS).await;
    let began = std::time::Instant::now();
    // Each client is refused many times over.
    eventually("a storm", || storm.refused.load(Ordering::Relaxed) > 20 * CLIENTS).await;
    assert_eq!(storm.taken.load(Ordering::Relaxed), 0);
    // What the log holds is bounded by the clients there are, and a trickle of pings, confessions and canaries.
    let trickle = 40 * (1 + began.elapsed().as_secs() as usize);
    assert!(server.log.held() <= CLIENTS + trickle, "{} records wait", server.log.held());
    server.log.set(Mode::Ack);
    eventually("pings are taken", || storm.taken.load(Ordering::Relaxed) > 20 * CLIENTS).await;
    let refused = storm.refused.load(Ordering::Relaxed);
    let taken = storm.taken.load(Ordering::Relaxed);
    eventually("more are taken", || storm.taken.load(Ordering::Relaxed) > taken + 10 * CLIENTS).await;
    assert_eq!(storm.refused.load(Ordering::Relaxed), refused, "none is refused any more");
    eventually("all is well", || server.ingest.readiness().ready).await;
    storm.end().await;
    stop.cancel();
    canaries.await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_much_load_does_not_make_a_node_unready() {
    let server = Server::start_with(|options| options.max_inflight = 10).await;
    server.ingest.announce_boot().await.unwrap();
    let target = format!("/ping/{}/fail", server.token());
    server.log.set(Mode::Hold);
    let mut waiting = connect(&server, 10).await;
    for (place, client) in waiting.iter_mut().enumerate() {
        client.send(request("GET", &target, "", b"")).await;
        eventually("the ping is in the log", || server.log.held() == place + 1).await;
    }
    // A node that is taken off for being busy leaves its load to the others, and so on to the last.
    assert_eq!(get(server.address, &target).await.0, 503);
    assert!(server.ingest.readiness().ready);
    server.log.set(Mode::Fail(eventlog::AppendError::Busy));
    server.log.release_held();
    for client in &mut waiting {
        assert_eq!(client.reply().await.unwrap().status, 200);
    }
    let began = std::time::Instant::now();
    let reply = crate::support::client::ask(server.address, "GET", &target).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")));
    assert!(began.elapsed() < Duration::from_secs(2), "a full queue is said at once, not after the append timeout");
    assert!(server.ingest.readiness().ready);
}
