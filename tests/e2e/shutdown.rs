//! Orderly ends, starts that must not be, and copies taken while it runs.

use crate::beat::Beat;
use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;
use suites::cases;
use suites::support::binaries;
use suites::support::http::{self, Connection};
use suites::support::peer::Mode;
use suites::support::receiver::Receiver;
use suites::support::runner::Shown;
use suites::support::server::{Home, Server};
use suites::support::settings::Settings;
use suites::support::wait::{secs, until, within};

const SIGTERM: i32 = 15;

cases! {
    sigterm_under_load_ends_well_and_loses_nothing,
    a_request_in_flight_is_answered,
    an_endpoint_that_hangs_does_not_hold_up_the_end,
    a_signal_during_the_start_leaves_a_sound_directory,
    a_second_signal_ends_it_at_once_and_leaves_a_sound_directory,
    a_second_server_on_the_same_directory_is_refused,
    a_port_in_use_is_named,
    a_backup_taken_under_load_serves_the_same_urls,
    monitors_channels_and_states_outlive_a_restart,
}

async fn sigterm_under_load_ends_well_and_loses_nothing() -> Shown {
    let server = Server::start().await;
    let mut loads = Vec::new();
    for number in 0..4 {
        let monitor = server.create(&format!("load-{number}"), &["--period", "1h"]).await;
        loads.push((Beat::start(server.http, &monitor.path, Duration::from_millis(2)), monitor));
    }
    until("a load", secs(20), async || loads.iter().all(|(beat, _)| beat.acked().len() >= 50).then_some(())).await;
    let home = std::sync::Arc::clone(&server.home);
    assert_eq!(server.term().await.code(), Some(0), "{}", home.stderr());
    let server = home.start().await;
    for (beat, monitor) in loads {
        assert_eq!(beat.refused(), Vec::<String>::new());
        let acked: BTreeSet<String> = beat.stop().await.into_iter().collect();
        let kept = within(secs(15), async || {
            let kept: BTreeSet<String> = server
                .pings(&monitor.slug)
                .await
                .iter()
                .map(|ping| ping["msg"].as_str().unwrap_or_default().to_owned())
                .collect();
            acked.is_subset(&kept).then_some(())
        });
        assert!(kept.await.is_some(), "{}: an acknowledged ping is not in the history", monitor.slug);
    }
    Ok(())
}

async fn a_request_in_flight_is_answered() -> Shown {
    let mut server = Server::start().await;
    let monitor = server.create("job", &["--period", "1h"]).await;
    let mut connection = Connection::open(server.http).await.expect("connects");
    connection
        .write(format!("POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf-", monitor.path).as_bytes())
        .await
        .expect("writes");
    // Another ping behind it on another connection: when that is answered, the first one is surely being read.
    server.ping(&monitor, "").await;
    server.signal("TERM");
    tokio::time::sleep(Duration::from_millis(300)).await;
    connection.write(b"other").await.expect("the connection is still there");
    let reply = connection.reply().await.expect("no time-out").expect("a reply");
    assert_eq!((reply.status, reply.text().as_str()), (200, "OK"));
    assert_eq!(server.ended().await.code(), Some(0));
    let server = std::sync::Arc::clone(&server.home).start().await;
    assert_eq!(server.until_pings("job", 2).await.len(), 2);
    Ok(())
}

async fn an_endpoint_that_hangs_does_not_hold_up_the_end() -> Shown {
    let (server, receiver) = (Server::start().await, Receiver::listen().await);
    receiver.then([Mode::Hang]);
    server.webhook("ops", &receiver.url()).await;
    let monitor = server.create("job", &["--period", "1h", "--channel", "ops"]).await;
    server.ping(&monitor, "/fail").await;
    until("the attempt is under way", secs(10), async || (!receiver.received().is_empty()).then_some(())).await;
    let home = std::sync::Arc::clone(&server.home);
    assert_eq!(server.term().await.code(), Some(0), "{}", home.stderr());
    let server = home.start().await;
    until("it is made again", secs(40), async || (receiver.received().len() >= 2).then_some(())).await;
    let received = receiver.received();
    assert_eq!(received[0].header("webhook-id"), received[1].header("webhook-id"));
    let what = "the delivery is closed";
    until(what, secs(10), async || (server.deliveries("ops").await[0]["state"] == "delivered").then_some(())).await;
    Ok(())
}

async fn a_signal_during_the_start_leaves_a_sound_directory() -> Shown {
    let home = Home::new(Settings::default()).await;
    for pause_ms in [0, 5, 15, 30, 60, 120, 250] {
        let mut child = home.command().spawn().expect("the server starts");
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        let pid = child.id().expect("a child").to_string();
        let _gone_already = std::process::Command::new("kill").args(["-s", "TERM", &pid]).status();
        let ended = tokio::time::timeout(secs(30), child.wait()).await.expect("it ends in time").expect("a child");
        // Before anything listens to signals, the signal itself ends the process.
        assert!(
            ended.code() == Some(0) || ended.signal() == Some(SIGTERM),
            "after {pause_ms} ms: {ended}\n{}",
            home.stderr()
        );
    }
    let server = home.start().await;
    let monitor = server.create("job", &["--period", "1h"]).await;
    server.ping(&monitor, "").await;
    Ok(())
}

async fn a_second_signal_ends_it_at_once_and_leaves_a_sound_directory() -> Shown {
    let mut server = Server::with(Settings::default().raw("shutdown_delay", "\"20s\"")).await;
    let monitor = server.create("job", &["--period", "1h"]).await;
    server.ping(&monitor, "?msg=before").await;
    server.signal("TERM");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(server.is_running(), "it goes on serving while balancers notice");
    server.ping(&monitor, "?msg=meanwhile").await;
    assert_ne!(http::get(server.admin, "/readyz").await.status, 200, "and says that it is going");
    let began = std::time::Instant::now();
    server.signal("INT");
    let ended = server.ended().await;
    assert!(began.elapsed() < secs(5) && ended.code().is_some(), "{ended} after {:?}", began.elapsed());
    let server = std::sync::Arc::clone(&server.home).start().await;
    let texts: Vec<String> = server
        .until_pings("job", 2)
        .await
        .iter()
        .map(|ping| ping["msg"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(texts, ["meanwhile", "before"]);
    Ok(())
}

async fn a_second_server_on_the_same_directory_is_refused() -> Shown {
    let server = Server::start().await;
    let (code, last) = server.home.refused().await;
    assert_eq!(code, Some(1), "{last}");
    assert!(
        last.contains(&server.home.data().display().to_string()) && last.contains(&server.pid().to_string()),
        "directory and pid: {last}"
    );
    let monitor = server.create("job", &["--period", "1h"]).await;
    server.ping(&monitor, "").await;
    Ok(())
}

async fn a_port_in_use_is_named() -> Shown {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let first = Home::new(Settings::default()).await;
    for setting in ["http.listen", "grpc.listen", "admin.listen"] {
        let home = first.beside(Settings::default().text(setting, &address));
        let (code, last) = home.refused().await;
        assert_eq!(code, Some(1), "{last}");
        assert!(last.contains(&address) && last.contains(setting), "{setting} and {address}: {last}");
        assert!(!home.data().join("ready.json").exists());
    }
    Ok(())
}

async fn a_backup_taken_under_load_serves_the_same_urls() -> Shown {
    let server = Server::start().await;
    let monitor = server.create("job", &["--period", "1h", "--tag", "db"]).await;
    server.webhook("ops", "https://example.org/hook").await;
    let busy = server.create("busy", &["--period", "1h"]).await;
    let beat = Beat::start(server.http, &busy.path, Duration::from_millis(2));
    server.ping(&monitor, "?msg=before-the-backup").await;
    server.until_pings("job", 1).await;
    until("a load", secs(10), async || (beat.acked().len() >= 50).then_some(())).await;
    let before = beat.acked();

    let copy = server.home.beside(Settings::default());
    let mut admin = tokio::process::Command::new(binaries::quietpulse());
    admin.args(["admin", "--data-dir"]).arg(server.home.data()).arg("backup").arg(copy.data());
    let output = admin.output().await.expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    beat.stop().await;

    // The first one goes on; both serve the same URLs.
    let second = copy.start().await;
    for each in [&server, &second] {
        each.ping(&monitor, "").await;
        assert_eq!(each.status("job").await, "up");
    }
    assert_eq!(second.known("job").await.path, monitor.path);
    assert_eq!(second.home.key("ping_key"), server.home.key("ping_key"));
    assert_eq!(second.qp(&["channel", "get", "ops"]).await["webhook"]["url"], "https://example.org/hook");
    let texts: BTreeSet<String> =
        second.pings("busy").await.iter().map(|ping| ping["msg"].as_str().unwrap_or_default().to_owned()).collect();
    let lost: Vec<&String> = before.iter().filter(|text| !texts.contains(*text)).collect();
    assert!(lost.is_empty(), "acknowledged before the backup and not in it: {lost:?}");
    assert!(second.pings("job").await.iter().any(|ping| ping["msg"] == "before-the-backup"));
    let refused = tokio::process::Command::new(binaries::quietpulse())
        .args(["admin", "--data-dir"])
        .arg(server.home.data())
        .arg("backup")
        .arg(second.home.data())
        .output();
    assert_eq!(refused.await.expect("it runs").status.code(), Some(1), "never over something that is there");
    Ok(())
}

async fn monitors_channels_and_states_outlive_a_restart() -> Shown {
    let server = Server::start().await;
    let up = server.create("up", &["--cron", "0 3 * * *", "--tz", "Europe/Berlin", "--grace", "30m"]).await;
    let down = server.create("down", &["--period", "1h", "--assert", "count >= 1"]).await;
    let running = server.create("running", &["--period", "1h", "--max-runtime", "1h"]).await;
    server.create("paused", &["--period", "1h"]).await;
    server.ping(&up, "").await;
    server.ping(&down, "/fail").await;
    server.ping(&running, "/start?rid=6f0d3c1e-8a43-4c6e-9a0d-0f6f2f3f5a11").await;
    server.qp(&["monitor", "pause", "paused"]).await;
    server.qp(&["channel", "create", "console", "log"]).await;
    let before = snapshot(&server).await;
    // Once as a crash, which replays the log, and once in order.
    let server = server.restart().await;
    assert_eq!(snapshot(&server).await, before);
    let home = std::sync::Arc::clone(&server.home);
    assert_eq!(server.term().await.code(), Some(0));
    let server = home.start().await;
    assert_eq!(snapshot(&server).await, before);
    Ok(())
}

/// All monitors and channels, without what a restart on another port changes.
async fn snapshot(server: &Server) -> (serde_json::Value, serde_json::Value) {
    let mut monitors = server.qp(&["monitor", "list"]).await;
    for monitor in monitors.as_array_mut().expect("a list") {
        let fields = monitor.as_object_mut().expect("a monitor");
        fields.remove("pingUrl");
        fields.remove("stateAge");
    }
    (monitors, server.qp(&["channel", "list"]).await)
}
