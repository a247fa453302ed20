//! Endpoints that fail, hang, vanish or slow us down, and what becomes of the message and of the others.

use serde_json::Value;
use std::time::Duration;
use suites::cases;
use suites::support::http;
use suites::support::peer::{Mode, Received};
use suites::support::qp::Monitor;
use suites::support::receiver::{Receiver, items};
use suites::support::runner::Shown;
use suites::support::server::Server;
use suites::support::settings::Settings;
use suites::support::signature;
use suites::support::smtp::Smtp;
use suites::support::telegram::{self, Telegram};
use suites::support::wait::{holds, secs, until};

cases! {
    a_hanging_webhook_and_a_refusing_mail_server_delay_nobody,
    a_failed_message_is_sent_again_on_schedule_under_the_same_id,
    a_lost_reply_leads_to_a_duplicate_with_the_same_id,
    retry_after_is_obeyed,
    gone_disables_the_channel,
    telegram_is_given_the_pause_it_asks_for,
    a_greylisted_mail_is_sent_again,
    a_mail_to_nobody_fails_for_good,
    no_mail_goes_in_clear_where_starttls_is_asked_for,
    a_redirect_is_not_followed,
    an_endless_reply_is_cut_and_counts_by_its_status,
    a_storm_becomes_a_digest_that_names_everybody,
}

async fn a_hanging_webhook_and_a_refusing_mail_server_delay_nobody() -> Shown {
    let (hanging, good) = (Receiver::answering(Mode::Hang).await, Receiver::listen().await);
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port that is closed again");
    let settings = Settings::default().text("smtp.server", &closed.to_string()).text("smtp.from", "alerts@example.org");
    let server = Server::with(settings.text("smtp.security", "none")).await;
    server.webhook("hanging", &hanging.url()).await;
    server.webhook("good", &good.url()).await;
    server.qp(&["channel", "create", "mail", "email", "--to", "ops@example.org"]).await;
    for round in 0..4 {
        let slug = format!("job-{round}");
        let channels = ["--channel", "hanging", "--channel", "mail", "--channel", "good"];
        let monitor = server.create(&slug, &[&["--period", "1h"], channels.as_slice()].concat()).await;
        server.ping(&monitor, "/fail").await;
        let received = good.message("monitor.down", &slug, secs(10)).await;
        let down = server.until_transition(&slug, "monitor.down", "failed", secs(5)).await;
        let known: jiff::Timestamp = down["knownAt"].as_str().expect("knownAt").parse().expect("a time");
        let took = Duration::try_from(received.at.duration_since(known)).unwrap_or_default();
        assert!(took <= secs(1), "{slug} reached the good endpoint {took:?} after it was known");
    }
    assert!(!hanging.received().is_empty(), "the hanging one was tried");
    let mails = server.deliveries("mail").await;
    assert!(mails.iter().all(|delivery| delivery["state"] == "retrying" && delivery["error"] != ""), "{mails:#?}");
    Ok(())
}

async fn a_failed_message_is_sent_again_on_schedule_under_the_same_id() -> Shown {
    let (server, receiver) = (Server::start().await, Receiver::listen().await);
    receiver.then([Mode::status(500), Mode::status(503)]);
    let secret = server.webhook("ops", &receiver.url()).await;
    let monitor = failing(&server, "ops").await;
    server.ping(&monitor, "/fail").await;
    until("the first retry is announced", secs(5), async || {
        let delivery = server.deliveries("ops").await.into_iter().next()?;
        (delivery["state"] == "retrying" && delivery["attempts"] == 1 && delivery["nextAttemptAt"].is_string())
            .then_some(())
    })
    .await;
    let attempts = attempts(&receiver, 3, secs(40)).await;
    assert_eq!(ids(&attempts).len(), 1, "the id is the delivery's, not the attempt's");
    attempts.iter().for_each(|attempt| signature::verify(&secret, attempt));
    // 5 s and 15 s, each +-20 %, and what the offer and the attempt themselves take.
    assert_between(gap(&attempts, 0), 4.0, 7.5);
    assert_between(gap(&attempts, 1), 12.0, 19.5);
    let delivery = closed(&server, "ops", "delivered").await;
    assert_eq!((&delivery["attempts"], &delivery["error"]), (&3.into(), &"".into()), "{delivery:#}");
    Ok(())
}

async fn a_lost_reply_leads_to_a_duplicate_with_the_same_id() -> Shown {
    let (server, receiver) = (Server::start().await, Receiver::listen().await);
    receiver.then([Mode::Drop]);
    server.webhook("ops", &receiver.url()).await;
    let monitor = failing(&server, "ops").await;
    server.ping(&monitor, "/fail").await;
    let attempts = attempts(&receiver, 2, secs(20)).await;
    assert_eq!(ids(&attempts).len(), 1);
    assert_eq!(attempts[0].body, attempts[1].body, "the same message");
    closed(&server, "ops", "delivered").await;
    Ok(())
}

async fn retry_after_is_obeyed() -> Shown {
    let (server, receiver) = (Server::start().await, Receiver::listen().await);
    receiver.then([Mode::Answer(429, "retry-after: 9\r\n".into(), String::new())]);
    server.webhook("ops", &receiver.url()).await;
    let monitor = failing(&server, "ops").await;
    server.ping(&monitor, "/fail").await;
    let attempts = attempts(&receiver, 2, secs(30)).await;
    assert_between(gap(&attempts, 0), 9.0, 15.0);
    Ok(())
}

async fn gone_disables_the_channel() -> Shown {
    let (server, receiver) = (Server::start().await, Receiver::answering(Mode::status(410)).await);
    server.webhook("ops", &receiver.url()).await;
    let monitor = failing(&server, "ops").await;
    server.ping(&monitor, "/fail").await;
    let channel = until("the channel is off", secs(10), async || {
        Some(server.qp(&["channel", "get", "ops"]).await).filter(|channel| channel["disabledReason"] != "")
    });
    let reason = channel.await["disabledReason"].clone();
    assert!(reason.as_str().is_some_and(|reason| reason.contains("410")), "{reason}");
    assert_eq!(closed(&server, "ops", "failed").await["attempts"], 1);
    // A channel's state is believed for up to five seconds; what happens after that is not sent there.
    until("a delivery that is not tried", secs(20), async || {
        server.ping(&monitor, "").await;
        server.ping(&monitor, "/fail").await;
        let errors: Vec<Value> =
            server.deliveries("ops").await.iter().map(|delivery| delivery["error"].clone()).collect();
        errors.iter().any(|error| error.as_str().is_some_and(|error| error.contains("disabled"))).then_some(())
    })
    .await;
    let tried = receiver.received().len();
    server.ping(&monitor, "").await;
    holds("nothing more arrives", secs(2), async || receiver.received().len() == tried).await;
    // New settings switch it on again.
    let mended = Receiver::listen().await;
    server.qp(&["channel", "update", "ops", "webhook", "--url", &mended.url()]).await;
    assert_eq!(server.qp(&["channel", "get", "ops"]).await["disabledReason"], "");
    until("it is used again", secs(20), async || {
        server.ping(&monitor, "/fail").await;
        server.ping(&monitor, "").await;
        (!mended.received().is_empty()).then_some(())
    })
    .await;
    Ok(())
}

async fn telegram_is_given_the_pause_it_asks_for() -> Shown {
    let telegram = Telegram::listen().await;
    telegram.then([telegram::flooded(8)]);
    let server = Server::with(Settings::default().text("telegram.base_url", &telegram.base_url())).await;
    server.home.secret(telegram::TOKEN);
    server.qp(&["channel", "create", "phone", "telegram", "--token", telegram::TOKEN, "--chat", "77"]).await;
    let monitor = failing(&server, "phone").await;
    server.ping(&monitor, "/fail").await;
    until("two calls", secs(30), async || (telegram.received().len() >= 2).then_some(())).await;
    assert_between(gap(&telegram.received(), 0), 8.0, 14.0);
    closed(&server, "phone", "delivered").await;
    Ok(())
}

async fn a_greylisted_mail_is_sent_again() -> Shown {
    let smtp = Smtp::greylisting(1).await?;
    let settings = Settings::default().text("smtp.server", &smtp.address()).text("smtp.from", "alerts@example.org");
    let server = Server::with(settings.text("smtp.security", "none")).await;
    server.qp(&["channel", "create", "mail", "email", "--to", "ops@example.org"]).await;
    let monitor = failing(&server, "mail").await;
    server.ping(&monitor, "/fail").await;
    smtp.mail("the second try", secs(20), |subject| subject.contains("DOWN")).await;
    assert_eq!(smtp.mails().len(), 2, "one refused, one taken");
    assert_eq!(closed(&server, "mail", "delivered").await["attempts"], 2);
    Ok(())
}

async fn a_redirect_is_not_followed() -> Shown {
    let (server, target) = (Server::start().await, Receiver::listen().await);
    let location = format!("location: {}\r\n", target.url());
    let receiver = Receiver::answering(Mode::Answer(302, location, String::new())).await;
    server.webhook("ops", &receiver.url()).await;
    let monitor = failing(&server, "ops").await;
    server.ping(&monitor, "/fail").await;
    until("the answer is known", secs(10), async || {
        let delivery = server.deliveries("ops").await.into_iter().next()?;
        (delivery["state"] != "offered" && delivery["state"] != "queued").then_some(())
    })
    .await;
    assert_ne!(server.deliveries("ops").await[0]["state"], "delivered", "3xx is a failure");
    assert!(target.received().is_empty(), "nobody went there");
    Ok(())
}

async fn a_mail_to_nobody_fails_for_good() -> Shown {
    let smtp = Smtp::knowing_nobody().await?;
    let server = Server::with(mail_settings(&smtp, "none")).await;
    server.qp(&["channel", "create", "mail", "email", "--to", "nobody@example.org"]).await;
    let monitor = failing(&server, "mail").await;
    server.ping(&monitor, "/fail").await;
    let delivery = closed(&server, "mail", "failed").await;
    assert_eq!(delivery["attempts"], 1, "5xx is final: {delivery:#}");
    assert!(delivery["error"].as_str().is_some_and(|error| error.contains("550")), "{delivery:#}");
    Ok(())
}

async fn no_mail_goes_in_clear_where_starttls_is_asked_for() -> Shown {
    // This server offers no STARTTLS, or somebody on the way has stripped it.
    let smtp = Smtp::listen().await?;
    let server = Server::with(mail_settings(&smtp, "starttls")).await;
    server.qp(&["channel", "create", "mail", "email", "--to", "ops@example.org"]).await;
    let monitor = failing(&server, "mail").await;
    server.ping(&monitor, "/fail").await;
    until("an attempt has failed", secs(15), async || {
        let delivery = server.deliveries("mail").await.into_iter().next()?;
        (delivery["error"] != "").then_some(())
    })
    .await;
    assert_ne!(server.deliveries("mail").await[0]["state"], "delivered");
    assert!(smtp.mails().is_empty(), "{:?}", smtp.mails());
    Ok(())
}

async fn an_endless_reply_is_cut_and_counts_by_its_status() -> Shown {
    let (server, receiver) = (Server::start().await, Receiver::answering(Mode::Endless).await);
    server.webhook("ops", &receiver.url()).await;
    let monitor = failing(&server, "ops").await;
    server.ping(&monitor, "/fail").await;
    let delivery = until("the delivery is closed", secs(25), async || {
        server
            .deliveries("ops")
            .await
            .into_iter()
            .next()
            .filter(|delivery| delivery["state"] != "offered" && delivery["state"] != "queued")
    });
    assert_eq!(delivery.await["state"], "delivered", "2xx is success, whatever comes behind it");
    let metrics = server.metrics().await;
    let memory =
        metrics.lines().find_map(|line| line.strip_prefix("process_resident_memory_bytes ")?.parse::<f64>().ok());
    assert!(memory.is_none_or(|bytes| bytes < 500e6), "{memory:?} bytes");
    Ok(())
}

async fn a_storm_becomes_a_digest_that_names_everybody() -> Shown {
    // One shard: a storm is counted where its monitors are.
    let (server, receiver) = (Server::with(Settings::default().raw("log.shards", "1")).await, Receiver::listen().await);
    let secret = server.webhook("ops", &receiver.url()).await;
    let base = format!("/ping/{}", server.home.key("ping_key"));
    let slugs: std::collections::BTreeSet<String> = (0..40).map(|number| format!("storm-{number}")).collect();
    for slug in &slugs {
        let reply = http::get(server.http, &format!("{base}/{slug}/fail?create=1&period=1h")).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
    }
    let named = || -> std::collections::BTreeSet<String> {
        let messages = receiver.received();
        let items = messages.iter().flat_map(|message| items(&message.json()));
        items
            .filter(|item| item["type"] == "monitor.down")
            .filter_map(|item| item["monitor"]["slug"].as_str().map(str::to_owned))
            .collect()
    };
    until("everybody is named", secs(40), async || (named() == slugs).then_some(())).await;
    let messages = receiver.received();
    assert!(messages.len() <= 15, "{} messages for {} alerts", messages.len(), slugs.len());
    let digest = messages.iter().find(|message| message.json()["type"] == "digest").expect("a digest");
    signature::verify(&secret, digest);
    let deliveries = until("all are closed", secs(10), async || {
        Some(server.deliveries("ops").await).filter(|all| all.iter().all(|delivery| delivery["state"] == "delivered"))
    });
    assert_eq!(deliveries.await.len(), messages.len());
    Ok(())
}

fn mail_settings(smtp: &Smtp, security: &str) -> Settings {
    let settings = Settings::default().text("smtp.server", &smtp.address()).text("smtp.from", "alerts@example.org");
    settings.text("smtp.security", security)
}

async fn failing(server: &Server, channel: &str) -> Monitor {
    server.create("job", &["--period", "1h", "--channel", channel]).await
}

async fn attempts(receiver: &Receiver, count: usize, patience: Duration) -> Vec<Received> {
    let what = format!("{count} attempts");
    until(&what, patience, async || Some(receiver.received()).filter(|received| received.len() >= count)).await
}

/// Waits until the newest delivery of a channel is in its terminal state.
async fn closed(server: &Server, channel: &str, state: &str) -> Value {
    let what = format!("the delivery is {state}");
    until(&what, secs(10), async || {
        server.deliveries(channel).await.into_iter().next().filter(|delivery| delivery["state"] == state)
    })
    .await
}

fn ids(attempts: &[Received]) -> std::collections::BTreeSet<&str> {
    attempts.iter().map(|attempt| attempt.header("webhook-id")).collect()
}

fn gap(attempts: &[Received], after: usize) -> Duration {
    Duration::try_from(attempts[after + 1].at.duration_since(attempts[after].at)).expect("in order")
}

fn assert_between(found: Duration, least: f64, most: f64) {
    assert!((least..=most).contains(&found.as_secs_f64()), "{found:?} is not within {least} s to {most} s");
}
