//! `kill -9` at random moments under load: nothing acknowledged is lost, nobody is accused, nobody is forgotten.
//!
//! `QP_KILLS` says how often (12), `QP_SEED` repeats a run.

use crate::beat::Beat;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::Duration;
use suites::cases;
use suites::support::http;
use suites::support::peer::{Mode, Peer, Received};
use suites::support::qp::Monitor;
use suites::support::receiver::items;
use suites::support::runner::{Shown, lock};
use suites::support::server::Server;
use suites::support::settings::Settings;
use suites::support::wait::{secs, until};

cases! {
    nothing_acknowledged_is_lost_and_every_silence_is_told_once,
    an_alert_whose_delivery_was_cut_off_is_delivered,
}

const CLIENTS: usize = 4;

async fn nothing_acknowledged_is_lost_and_every_silence_is_told_once() -> Shown {
    let (kills, seed) = (number("QP_KILLS", 12_usize), number("QP_SEED", rand::random::<u64>()));
    println!("kills: QP_KILLS={kills} QP_SEED={seed}");
    let mut dice = StdRng::seed_from_u64(seed);
    let receiver = hesitant_receiver(seed).await;
    let settings = Settings::default().with_fixed_http().text("engine.snapshot_every", "1s");
    let mut server = Server::with(settings).await;
    server.webhook("ops", &format!("http://{}/hook", receiver.address)).await;

    let living = monitors(&server, "living", CLIENTS, &["--period", "5s", "--grace", "5s"]).await;
    let mortal =
        monitors(&server, "mortal", kills.div_ceil(2), &["--period", "1s", "--grace", "1s", "--channel", "ops"]).await;
    let beats: Vec<Beat> =
        living.iter().map(|one| Beat::start(server.http, &one.path, Duration::from_millis(15))).collect();
    for kill in 0..kills {
        if kill % 2 == 0 {
            last_ping(&server, &mortal[kill / 2]).await;
        }
        tokio::time::sleep(Duration::from_millis(dice.random_range(100..1_800))).await;
        server = server.restart().await;
    }

    for one in &mortal {
        server.until_status(&one.slug, "down", secs(60)).await;
    }
    for (one, beat) in living.iter().zip(beats) {
        assert_eq!(beat.refused(), Vec::<String>::new(), "{}: answers nobody should get", one.slug);
        let acked = beat.stop().await;
        assert!(acked.len() >= kills * 2, "{}: a load of {} pings is none", one.slug, acked.len());
        assert_kept(&server, one, &acked).await;
        let downs = server.transitions_of(&one.slug, "monitor.down").await;
        assert!(downs.is_empty(), "{} never fell silent: {downs:#?}", one.slug);
    }
    let mut transitions = BTreeSet::new();
    for one in &mortal {
        let downs = server.transitions_of(&one.slug, "monitor.down").await;
        assert_eq!(downs.len(), 1, "{}: one silence, one verdict: {downs:#?}", one.slug);
        transitions.insert(downs[0]["id"].as_str().expect("an id").to_owned());
    }
    assert_told_once(&receiver, &transitions, kills).await;
    Ok(())
}

async fn an_alert_whose_delivery_was_cut_off_is_delivered() -> Shown {
    // The endpoint answers after the server is dead: provider 200, and nobody there to write it down (F3).
    let receiver = Peer::listen(|_| Mode::Late(secs(1))).await;
    let server = Server::start().await;
    server.webhook("ops", &format!("http://{}/hook", receiver.address)).await;
    let monitor = server.create("job", &["--period", "1h", "--channel", "ops"]).await;
    server.ping(&monitor, "/fail").await;
    until("the attempt is under way", secs(10), async || (receiver.received().len() == 1).then_some(())).await;
    let server = server.restart().await;
    until("it is made again", secs(60), async || (receiver.received().len() == 2).then_some(())).await;
    let received = receiver.received();
    assert_eq!(received[0].header("webhook-id"), received[1].header("webhook-id"), "one duplicate, same id");
    let what = "the delivery is closed";
    until(what, secs(10), async || (server.deliveries("ops").await[0]["state"] == "delivered").then_some(())).await;
    assert_eq!(receiver.received().len(), 2);
    Ok(())
}

/// Pings until one is acknowledged, and never again.
async fn last_ping(server: &Server, monitor: &Monitor) {
    until("a last ping", secs(20), async || {
        let reply = http::request(server.http, "POST", &monitor.path, "", b"").await;
        reply.is_ok_and(|reply| reply.status == 200).then_some(())
    })
    .await;
}

async fn assert_kept(server: &Server, monitor: &Monitor, acked: &[String]) {
    let missing =
        |kept: &BTreeSet<String>| acked.iter().filter(|text| !kept.contains(*text)).cloned().collect::<Vec<_>>();
    let mut lost = Vec::new();
    let found = suites::support::wait::within(secs(20), async || {
        let kept: BTreeSet<String> = server
            .pings(&monitor.slug)
            .await
            .iter()
            .filter_map(|ping| ping["msg"].as_str().map(str::to_owned))
            .collect();
        lost = missing(&kept);
        lost.is_empty().then_some(())
    });
    let all = found.await.is_some();
    assert!(
        all,
        "{}: {} of {} acknowledged pings are not in the history: {:?}",
        monitor.slug,
        lost.len(),
        acked.len(),
        &lost[..lost.len().min(10)]
    );
}

/// Each of `transitions` reached the endpoint, always under one id, with at most one duplicate a kill.
async fn assert_told_once(receiver: &Peer, transitions: &BTreeSet<String>, kills: usize) {
    until("every alert is told", secs(60), async || {
        let told: BTreeSet<String> = told(&receiver.received()).into_keys().collect();
        transitions.is_subset(&told).then_some(())
    })
    .await;
    let told = told(&receiver.received());
    let duplicates: usize = told.values().map(|ids| ids.len() - 1).sum();
    assert!(duplicates <= kills, "{duplicates} duplicates after {kills} kills");
    for (transition, ids) in &told {
        assert!(transitions.contains(transition), "{transition} was told and is no verdict");
        assert!(ids.iter().all(|id| id == &ids[0]), "{transition} came under several ids: {ids:?}");
    }
}

/// The webhook ids under which each `monitor.down` came, by transition.
fn told(received: &[Received]) -> BTreeMap<String, Vec<String>> {
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for message in received {
        for item in items(&message.json()).iter().filter(|item| item["type"] == "monitor.down") {
            told.entry(item["id"].as_str().expect("an id").to_owned())
                .or_default()
                .push(message.header("webhook-id").to_owned());
        }
    }
    told
}

/// Answers 200 after up to 300 ms, so that some kills fall between an answer and its record.
async fn hesitant_receiver(seed: u64) -> Peer {
    let dice = Mutex::new(StdRng::seed_from_u64(seed ^ 1));
    Peer::listen(move |_| Mode::Late(Duration::from_millis(lock(&dice).random_range(0..300)))).await
}

async fn monitors(server: &Server, name: &str, count: usize, flags: &[&str]) -> Vec<Monitor> {
    let mut made = Vec::new();
    for number in 0..count {
        made.push(server.create(&format!("{name}-{number}"), flags).await);
    }
    made
}

fn number<T: std::str::FromStr>(variable: &str, otherwise: T) -> T {
    std::env::var(variable).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}
