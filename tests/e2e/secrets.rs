//! What never reaches a log: ping tokens, keys, webhook secrets, a bot's token. Every case of the suite is searched
//! for them when its server is done; these two provoke what would log the most.

use suites::cases;
use suites::support::http;
use suites::support::peer::Mode;
use suites::support::receiver::Receiver;
use suites::support::runner::Shown;
use suites::support::server::Server;
use suites::support::settings::Settings;
use suites::support::telegram::{self, Telegram};
use suites::support::wait::{secs, until};

cases! {
    no_secret_is_logged_at_any_level,
    what_clients_send_cannot_forge_a_log_line,
}

async fn no_secret_is_logged_at_any_level() -> Shown {
    for format in ["human", "json"] {
        let telegram = Telegram::listen().await;
        telegram.then([Mode::Drop, Mode::status(502)]);
        let broken = Receiver::answering(Mode::Drop).await;
        let settings =
            Settings::default().text("telegram.base_url", &telegram.base_url()).text("telemetry.log_filter", "trace");
        let server = Server::with(settings.variable("QUIETPULSE_TELEMETRY_LOG_FORMAT", format)).await;
        server.home.secret(telegram::TOKEN);
        server.qp(&["channel", "create", "phone", "telegram", "--token", telegram::TOKEN, "--chat", "77"]).await;
        server.webhook("hook", &format!("{}/c4nary-in-the-path?token=c4nary-in-the-query", broken.url())).await;
        for canary in ["c4nary-in-the-path", "c4nary-in-the-query", "c4nary-in-the-body", "c4nary-api-key"] {
            server.home.secret(canary);
        }
        let monitor = server.create("job", &["--period", "1h", "--channel", "phone", "--channel", "hook"]).await;
        for rest in ["", "/start", "/256", "/nothing", "?rid=x", "/fail"] {
            http::post(server.http, &format!("{}{rest}", monitor.path), b"c4nary-in-the-body").await;
        }
        http::get(server.http, &format!("/ping/{}/job", server.home.key("ping_key"))).await;
        let wrong = server.qp_output(&["--api-key", "c4nary-api-key", "monitor", "list"]).await;
        assert_eq!(wrong.status.code(), Some(1));
        until("failed attempts", secs(20), async || {
            (telegram.received().len() >= 2 && !broken.received().is_empty()).then_some(())
        })
        .await;
        server.qp(&["monitor", "rotate-token", "job"]).await;
        server.known("job").await;
        let home = server.kill().await;
        let server = home.start().await;
        let home = std::sync::Arc::clone(&server.home);
        assert_eq!(server.term().await.code(), Some(0));
        assert!(home.stderr().lines().count() >= 3, "a log that says nothing shows nothing");
        assert_eq!(home.leaks(), Vec::<String>::new());
    }
    Ok(())
}

async fn what_clients_send_cannot_forge_a_log_line() -> Shown {
    let server = Server::with(Settings::default().text("telemetry.log_filter", "debug")).await;
    let monitor = server.create("job", &["--period", "1h", "--name", "x"]).await;
    let evil = "user-agent: \u{2028}\u{85}forged\r\nx-forwarded-for: \u{2028}forged\r\n";
    http::request(
        server.http,
        "POST",
        &format!("{}/fail?msg=a%0D%0Aforged+line%1b[2J&host=%0aforged", monitor.path),
        evil,
        b"\x1b[2J\nforged line\n",
    )
    .await
    .expect("a reply");
    let line = server.line("the alert", secs(10), |line| line.contains("DOWN") && line.contains("job")).await;
    let told: Vec<String> = server.lines().into_iter().map(|line| line.text).collect();
    let clean = |text: &str| !text.chars().any(|c| c.is_control() && c != '\t');
    assert!(told.iter().all(|line| clean(line) && !line.starts_with("forged")), "{told:?}");
    assert!(clean(&line.text));
    assert!(
        server.home.stderr().lines().all(|line| clean(line) && !line.starts_with("forged")),
        "{}",
        server.home.stderr()
    );
    Ok(())
}
