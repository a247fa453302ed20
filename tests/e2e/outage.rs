//! A server that was away and clocks that jump: what nobody could hear is nobody's fault (I5), and what can be
//! proved afterwards is.
//!
//! `QP_LONG=1` takes the server away for two minutes instead of twenty seconds.

use crate::beat::Beat;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::time::Duration;
use suites::cases;
use suites::support::clock::SteppedClock;
use suites::support::qp::Monitor;
use suites::support::receiver::Receiver;
use suites::support::runner::Shown;
use suites::support::server::Server;
use suites::support::settings::Settings;
use suites::support::wait::{holds, secs};

cases! {
    a_server_that_was_away_blames_nobody_and_finds_the_dead,
    a_daily_job_in_the_gap_is_unobserved_and_its_neighbours_are_judged,
    a_clock_that_jumps_an_hour_accuses_nobody_and_is_judged_by_again,
}

async fn a_server_that_was_away_blames_nobody_and_finds_the_dead() -> Shown {
    let (away, period): (i64, i64) = if long() { (120, 30) } else { (20, 5) };
    let server = Server::with(Settings::default().with_fixed_http()).await;
    let short = ["--period", &format!("{period}s"), "--grace", "2s"];
    let (living, dead) = (server.create("living", &short).await, server.create("dead", &short).await);
    let calm = server.create("calm", &["--period", &format!("{}s", period * 12), "--grace", "2s"]).await;
    let slot = (Timestamp::now() + SignedDuration::from_secs(away / 2)).strftime("*-*-* %H:%M:%S").to_string();
    let daily = server.create("daily", &["--oncalendar", &slot, "--tz", "UTC", "--grace", "2s"]).await;
    for monitor in [&dead, &calm, &daily] {
        server.ping(monitor, "").await;
    }
    let beat = Beat::start(server.http, &living.path, Duration::from_millis(500));
    tokio::time::sleep(secs(2)).await;
    let home = std::sync::Arc::clone(&server.home);
    assert_eq!(server.term().await.code(), Some(0));
    tokio::time::sleep(Duration::from_secs(away.unsigned_abs())).await;

    let server = home.start().await;
    let back = Timestamp::now();
    let proof = period + 2;
    let down = server
        .until_transition("dead", "monitor.down", "missed", Duration::from_secs(proof.unsigned_abs() + 3 + 8))
        .await;
    let known = instant(&down["knownAt"]).duration_since(back);
    assert!(known >= SignedDuration::from_secs(proof - 1), "judged {known:#} after the return: {down:#}");
    let innocent = async || {
        let mut transitions = Vec::new();
        for slug in ["living", "calm", "daily"] {
            transitions.extend(server.transitions_of(slug, "monitor.down").await);
        }
        transitions.is_empty()
    };
    holds("nobody else is down", secs(6), innocent).await;
    assert_eq!(server.status("living").await, "up");
    assert!(beat.refused().is_empty(), "{:?}", beat.refused());
    Ok(())
}

/// The clock of this one is the server's own, so that a day's job can be waited for. W and C are 30 s here, and the
/// clock moves in steps shorter than that with a ping between two: every moment after the return was heard.
async fn a_daily_job_in_the_gap_is_unobserved_and_its_neighbours_are_judged() -> Shown {
    let (mut clock, settings) = SteppedClock::new()?;
    let settings = settings.with_fixed_http().text("engine.append_timeout", "30s").raw("log.shards", "1");
    let (server, receiver) = (Server::with(settings).await, Receiver::listen().await);
    server.webhook("ops", &receiver.url()).await;
    let slot = next_minute(clock.now() + SignedDuration::from_secs(65));
    let daily = server
        .create(
            "daily",
            &["--cron", &slot.strftime("%M %H * * *").to_string(), "--tz", "UTC", "--grace", "5s", "--channel", "ops"],
        )
        .await;
    let half_minute = ["--period", "30s", "--grace", "10s"];
    let (living, dead) = (server.create("living", &half_minute).await, server.create("dead", &half_minute).await);
    let calm = server.create("calm", &["--period", "10m", "--grace", "1m"]).await;
    for monitor in [&daily, &living, &dead, &calm] {
        server.ping(monitor, "").await;
    }
    let home = server.kill().await;
    let until_after_slot = (slot + SignedDuration::from_secs(60)).duration_since(clock.now());
    clock.step(until_after_slot.as_secs());

    let server = home.start().await;
    let back = clock.now();
    server.ping(&calm, "").await;
    beat_through(&server, &mut clock, &living, &calm, 3_700).await;
    let unobserved = server.until_transition("daily", "monitor.unobserved", "blind", secs(20)).await;
    assert_eq!(server.transitions_of("daily", "monitor.unobserved").await.len(), 1);
    assert!(server.transitions_of("daily", "monitor.down").await.is_empty(), "nobody could have heard it");
    assert_eq!(server.status("daily").await, "unknown");
    let (from, to) = (instant(&unobserved["blindFrom"]), instant(&unobserved["blindTo"]));
    assert!(
        from < slot && slot < to && to <= back + SignedDuration::from_secs(2),
        "blind from {from} to {to}, expected {slot}"
    );
    let told = receiver.message("monitor.unobserved", "daily", secs(10)).await.json();
    assert_eq!((&told["reason"], &told["to"]), (&"blind".into(), &"unknown".into()), "{told:#}");

    let down = server.until_transition("dead", "monitor.down", "missed", secs(5)).await;
    let proved = instant(&down["occurredAt"]).duration_since(back).as_secs();
    assert!(
        (35..60).contains(&proved),
        "judged when a living one would have pinged, {proved} s after the return: {down:#}"
    );
    for slug in ["living", "calm"] {
        let downs = server.transitions_of(slug, "monitor.down").await;
        assert!(downs.is_empty(), "{slug}: {downs:#?}");
    }
    // The next occurrence is judged as usual: here it comes.
    server.ping(&daily, "").await;
    server.until_status("daily", "up", secs(5)).await;
    Ok(())
}

async fn a_clock_that_jumps_an_hour_accuses_nobody_and_is_judged_by_again() -> Shown {
    let (mut clock, settings) = SteppedClock::new()?;
    let server = Server::with(settings).await;
    let flags = ["--period", "2s", "--grace", "2s"];
    let (living, early, late) = (
        server.create("living", &flags).await,
        server.create("early", &flags).await,
        server.create("late", &flags).await,
    );
    let beat = |monitor: &Monitor| Beat::start(server.http, &monitor.path, Duration::from_millis(300));
    let (living_beat, early_beat, late_beat) = (beat(&living), beat(&early), beat(&late));
    tokio::time::sleep(secs(3)).await;

    clock.step(3_600);
    early_beat.stop().await;
    let innocent = async |slug: &str| server.transitions_of(slug, "monitor.down").await.is_empty();
    holds("forward: who pings is not accused", secs(6), async || innocent("living").await && innocent("late").await)
        .await;
    // Proof time 4 s, W 3 s.
    server.until_transition("early", "monitor.down", "missed", secs(15)).await;

    clock.step(-3_600);
    holds("back: who pings is not accused", secs(3), async || innocent("living").await && innocent("late").await).await;
    late_beat.stop().await;
    // 30 ticks to believe it, then period, grace and W.
    server.until_transition("late", "monitor.down", "missed", secs(30 + 4 + 3 + 12)).await;
    assert!(innocent("living").await, "{:#?}", server.transitions("living").await);
    assert_eq!(server.status("living").await, "up");
    assert!(living_beat.refused().is_empty(), "{:?}", living_beat.refused());
    Ok(())
}

/// Lets `seconds` pass on the server's clock, in steps in which it hears a ping.
async fn beat_through(server: &Server, clock: &mut SteppedClock, living: &Monitor, calm: &Monitor, seconds: i64) {
    const STEP: i64 = 15;
    for step in 0..seconds / STEP {
        server.ping(living, "").await;
        if step % 30 == 29 {
            server.ping(calm, "").await;
        }
        clock.step(STEP);
    }
    server.ping(living, "").await;
}

fn next_minute(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second() / 60 * 60 + 60).expect("a time")
}

fn instant(value: &Value) -> Timestamp {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("not a time: {value}"))
}

fn long() -> bool {
    std::env::var("QP_LONG").is_ok_and(|value| value == "1")
}
