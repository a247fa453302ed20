//! What is kept of many pings, and for how long.

use serde_json::Value;
use suites::cases;
use suites::support::clock::SteppedClock;
use suites::support::http::Connection;
use suites::support::runner::Shown;
use suites::support::server::Server;
use suites::support::wait::{secs, until};

cases! {
    a_flood_of_equal_successes_is_kept_short_and_nothing_else_is,
    each_ping_is_kept_with_all_it_said,
    old_pings_go_and_young_ones_stay,
}

async fn a_flood_of_equal_successes_is_kept_short_and_nothing_else_is() -> Shown {
    let server = Server::start().await;
    let monitor = server.create("busy", &["--period", "1h"]).await;
    let mut connection = Connection::open(server.http).await.expect("connects");
    for round in 0..40 {
        let mut requests = format!("GET {} HTTP/1.1\r\nhost: x\r\n\r\n", monitor.path).repeat(25);
        requests.push_str(&format!("GET {}/{} HTTP/1.1\r\nhost: x\r\n\r\n", monitor.path, round + 1));
        connection.write(requests.as_bytes()).await.expect("writes");
        for _ in 0..26 {
            assert_eq!(connection.reply().await.expect("no time-out").map(|reply| reply.status), Some(200));
        }
    }
    let failures = |pings: &[Value]| pings.iter().filter_map(|ping| ping["exitCode"].as_u64()).collect::<Vec<_>>();
    let pings = until("all failures are in the history", secs(10), async || {
        Some(server.pings("busy").await).filter(|pings| failures(pings).len() >= 40)
    })
    .await;
    assert_eq!(failures(&pings), (1..=40).rev().collect::<Vec<_>>(), "exit codes are never coalesced, and in order");
    assert!(pings.len() < 1_000, "1,000 equal successes in a moment became {} rows", pings.len() - 40);
    Ok(())
}

async fn each_ping_is_kept_with_all_it_said() -> Shown {
    let server = Server::start().await;
    let monitor = server.create("talker", &["--period", "1h"]).await;
    let run = "6f0d3c1e-8a43-4c6e-9a0d-0f6f2f3f5a11";
    let query = format!(
        "?rid={run}&duration=90s&metric=count:3&metric=error_count:0&msg=all+good%21&env=prod&host=db-1&unknown=1"
    );
    server.ping(&monitor, &format!("/start?rid={run}")).await;
    server.ping(&monitor, &query).await;
    let ping = server.until_pings("talker", 2).await.remove(0);
    assert_eq!((&ping["number"], &ping["kind"], &ping["rid"]), (&2.into(), &"success".into(), &run.into()), "{ping:#}");
    assert_eq!(ping["metrics"], serde_json::json!({"count": 3.0, "error_count": 0.0}));
    assert_eq!((&ping["msg"], &ping["env"], &ping["host"]), (&"all good!".into(), &"prod".into(), &"db-1".into()));
    assert!(ping["client"].as_str().is_some_and(|client| client.starts_with("127.0.0.1")), "{ping:#}");
    let shown = server.monitor("talker").await;
    assert_eq!(
        (&shown["pingCount"], &shown["lastPingKind"], &shown["running"]),
        (&2.into(), &"success".into(), &false.into())
    );
    Ok(())
}

async fn old_pings_go_and_young_ones_stay() -> Shown {
    let (mut clock, settings) = SteppedClock::new()?;
    let server = Server::with(settings.text("store.history_for", "1d")).await;
    let monitor = server.create("old", &["--period", "30d"]).await;
    server.ping(&monitor, "?msg=old").await;
    server.until_pings("old", 1).await;
    let home = server.kill().await;
    clock.step(3 * 86_400);
    // What is old goes while the server runs; a start is the soonest time for it.
    let server = home.start().await;
    server.ping(&monitor, "?msg=young").await;
    let pings = until("only the young one is left", secs(150), async || {
        Some(server.pings("old").await).filter(|pings| pings.len() == 1 && pings[0]["msg"] == "young")
    });
    pings.await;
    assert_eq!(server.monitor("old").await["pingCount"], 2, "the count goes on");
    Ok(())
}
