//! What arrives at the other end, and that names and output stay text there.

use serde_json::Value;
use suites::cases;
use suites::support::http;
use suites::support::qp::Monitor;
use suites::support::receiver::Receiver;
use suites::support::runner::Shown;
use suites::support::server::Server;
use suites::support::settings::Settings;
use suites::support::signature;
use suites::support::smtp::{Certificate, Smtp};
use suites::support::telegram::{self, Telegram};
use suites::support::wait::{secs, until};

/// Markup in a name (N4, N10).
const NAME: &str = "<b>&amp;</pre> {{7*7}}";

cases! {
    a_webhook_carries_every_field_and_verifies,
    an_up_follows_its_down_on_the_same_webhook,
    telegram_takes_a_name_full_of_markup,
    a_mail_has_both_parts_and_a_name_full_of_markup_stays_text,
    a_mail_goes_over_starttls_after_a_login,
    a_mail_goes_over_tls_from_the_first_byte,
    a_mail_server_with_a_foreign_certificate_gets_no_mail,
    chat_webhooks_take_a_name_that_would_mention_everybody,
    no_name_or_output_puts_a_header_into_a_mail,
    a_test_message_arrives_and_a_dead_endpoint_is_named,
    private_addresses_are_refused_unless_allowed,
}

async fn a_webhook_carries_every_field_and_verifies() -> Shown {
    let (server, receiver) = (Server::start().await, Receiver::listen().await);
    let secret = server.webhook("ops", &receiver.url()).await;
    let flags = [
        "--name",
        "Nightly backup",
        "--period",
        "1s",
        "--grace",
        "1s",
        "--tag",
        "db",
        "--tag",
        "night",
        "--channel",
        "ops",
    ];
    let monitor = server.create("backup", &flags).await;
    http::post(server.http, &format!("{}?duration=1.5s&metric=count:12", monitor.path), b"copied 12 files\ndone\n")
        .await;

    let received = receiver.message("monitor.down", "backup", secs(15)).await;
    signature::verify(&secret, &received);
    assert_eq!((received.method.as_str(), received.path.as_str()), ("POST", "/hook"));
    assert!(received.header("content-type").starts_with("application/json"));
    let message = received.json();
    let down = server.until_transition("backup", "monitor.down", "missed", secs(5)).await;
    assert_eq!(
        (&message["version"], &message["type"], &message["id"]),
        (&1.into(), &"monitor.down".into(), &down["id"])
    );
    assert_eq!(
        (&message["from"], &message["to"], &message["reason"]),
        (&down["from"], &"down".into(), &"missed".into())
    );
    for (field, shown) in [("occurred_at", "occurredAt"), ("expected_at", "expectedAt"), ("deadline_at", "deadlineAt")]
    {
        assert_eq!(instant(&message[field]), instant(&down[shown]), "{field}: {message:#}");
    }
    let about = &message["monitor"];
    assert_eq!(
        (&about["id"], &about["slug"], &about["name"]),
        (&down["monitorId"], &"backup".into(), &"Nightly backup".into())
    );
    assert_eq!(about["tags"], serde_json::json!(["db", "night"]));
    let hint = about["ping_url_hint"].as_str().expect("a hint");
    assert!(
        !hint.is_empty() && !hint.contains(monitor.path.rsplit('/').next().expect("a token")),
        "a hint is no token"
    );
    let last = &message["last_ping"];
    assert_eq!(
        (&last["kind"], &last["duration_ms"], &last["metrics"]["count"]),
        (&"success".into(), &1_500.into(), &12.0.into())
    );
    assert!(last["body_tail"].as_str().is_some_and(|tail| tail.contains("copied 12 files")), "{message:#}");
    instant(&last["at"]);
    assert!(last.get("exit_code").is_some(), "{message:#}");
    assert_eq!(message["incident"]["id"], down["incidentId"]);
    instant(&message["incident"]["opened_at"]);
    let text = message["text"].as_str().expect("text");
    assert!(text.contains("Nightly backup") && text.contains("did not report"), "{text}");
    assert!(message["url"].as_str().is_some_and(|url| url.starts_with("http")), "{message:#}");
    Ok(())
}

async fn an_up_follows_its_down_on_the_same_webhook() -> Shown {
    let (server, receiver) = (Server::start().await, Receiver::listen().await);
    let secret = server.webhook("ops", &receiver.url()).await;
    let monitor = server.create("job", &["--period", "1h", "--channel", "ops"]).await;
    server.ping(&monitor, "/3").await;
    let down = receiver.message("monitor.down", "job", secs(10)).await.json();
    assert_eq!((&down["reason"], &down["last_ping"]["exit_code"]), (&"failed".into(), &3.into()), "{down:#}");
    server.ping(&monitor, "").await;
    let received = receiver.message("monitor.up", "job", secs(10)).await;
    signature::verify(&secret, &received);
    let up = received.json();
    assert_eq!((&up["from"], &up["to"], &up["reason"]), (&"down".into(), &"up".into(), &"recovered".into()));
    assert_eq!(up["incident"]["id"], down["incident"]["id"], "one incident, from its down to its up");
    let kinds: Vec<Value> = receiver.received().iter().map(|message| message.json()["type"].clone()).collect();
    assert_eq!(kinds, ["monitor.down", "monitor.up"]);
    let ids: Vec<String> = receiver.received().iter().map(|message| message.header("webhook-id").to_owned()).collect();
    assert_ne!(ids[0], ids[1], "two deliveries");
    Ok(())
}

async fn telegram_takes_a_name_full_of_markup() -> Shown {
    let telegram = Telegram::listen().await;
    let server = Server::with(Settings::default().text("telegram.base_url", &telegram.base_url())).await;
    server.home.secret(telegram::TOKEN);
    server.qp(&["channel", "create", "phone", "telegram", "--token", telegram::TOKEN, "--chat", "-100123"]).await;
    let monitor = server.create("job", &["--name", NAME, "--period", "1h", "--channel", "phone"]).await;
    http::post(server.http, &format!("{}/fail", monitor.path), b"<script>alert(1)</script> & </pre><a href=\"x\">")
        .await;
    let call = telegram.message("the alert", secs(15), |text| text.contains(NAME)).await;
    assert_eq!(
        call["chat_id"].as_str().map(str::to_owned).or_else(|| call["chat_id"].as_i64().map(|id| id.to_string())),
        Some("-100123".into())
    );
    let seen = telegram::visible(&call).expect("parsed");
    assert!(seen.contains("<script>alert(1)</script>") && seen.contains("DOWN"), "{seen}");
    let deliveries = until("the delivery is closed", secs(5), async || {
        Some(server.deliveries("phone").await).filter(|all| all[0]["state"] == "delivered")
    })
    .await;
    assert_eq!(deliveries.len(), 1);
    Ok(())
}

async fn a_mail_has_both_parts_and_a_name_full_of_markup_stays_text() -> Shown {
    let smtp = Smtp::listen().await?;
    let server = Server::with(mail_settings(&smtp)).await;
    let monitor = mail_monitor(&server, NAME).await;
    http::post(server.http, &format!("{}/fail", monitor.path), b"<img src=x onerror=alert(1)>").await;
    let mail = smtp.mail("the alert", secs(15), |subject| subject.contains("DOWN")).await;
    assert_eq!((&mail["from"], &mail["to"]), (&"alerts@example.org".into(), &serde_json::json!(["ops@example.org"])));
    let subject = mail["subject"].as_str().expect("subject");
    assert!(subject.contains(NAME) && !subject.contains('\n'), "{subject}");
    let (text, shown) = (
        mail["parts"]["text/plain"].as_str().expect("text"),
        mail["html_text"].as_str().expect("text of the html part"),
    );
    for part in [text, shown] {
        assert!(part.contains(NAME) && part.contains("<img src=x onerror=alert(1)>"), "{part}");
    }
    let names = mail["html_names"].as_array().expect("names");
    assert!(["img", "b", "script", "onerror", "src"].iter().all(|name| !names.contains(&(*name).into())), "{names:?}");
    Ok(())
}

async fn a_mail_goes_over_starttls_after_a_login() -> Shown {
    a_mail_goes_over("starttls").await
}

async fn a_mail_goes_over_tls_from_the_first_byte() -> Shown {
    a_mail_goes_over("tls").await
}

async fn a_mail_goes_over(way: &str) -> Shown {
    let certificate = Certificate::make().await?;
    let smtp = Smtp::secure(way, &certificate).await?;
    let settings = secure_settings(&smtp, way).text("smtp.ca_file", &certificate.path("ca.pem"));
    let server = Server::with(settings).await;
    let monitor = mail_monitor(&server, "Backup").await;
    server.ping(&monitor, "/fail").await;
    let mail = smtp.mail("the alert", secs(15), |subject| subject.contains("DOWN")).await;
    assert_eq!(mail["to"], serde_json::json!(["ops@example.org"]));
    Ok(())
}

async fn a_mail_server_with_a_foreign_certificate_gets_no_mail() -> Shown {
    let certificate = Certificate::make().await?;
    let smtp = Smtp::secure("starttls", &certificate).await?;
    let server = Server::with(secure_settings(&smtp, "starttls")).await;
    server.qp(&["channel", "create", "mail", "email", "--to", "ops@example.org"]).await;
    let refused = server.qp_output(&["channel", "test", "mail"]).await;
    assert_eq!((refused.status.code(), smtp.mails().len()), (Some(1), 0));
    let why = String::from_utf8_lossy(&refused.stderr).to_lowercase();
    assert!(why.contains("certificate"), "{why}");
    Ok(())
}

fn secure_settings(smtp: &Smtp, way: &str) -> Settings {
    let settings =
        Settings::default().text("smtp.server", &smtp.address()).text("smtp.from", "QuietPulse <alerts@example.org>");
    settings.text("smtp.security", way).text("smtp.username", "mailer").text("smtp.password", "open sesame")
}

async fn chat_webhooks_take_a_name_that_would_mention_everybody() -> Shown {
    let (server, slack, discord) = (Server::start().await, Receiver::listen().await, Receiver::listen().await);
    server.qp(&["channel", "create", "chat-a", "slack", "--url", &slack.url()]).await;
    server.qp(&["channel", "create", "chat-b", "discord", "--url", &discord.url()]).await;
    let name = "<!channel> @everyone <@U123> **x**";
    let monitor =
        server.create("job", &["--name", name, "--period", "1h", "--channel", "chat-a", "--channel", "chat-b"]).await;
    server.ping(&monitor, "/fail").await;
    let first =
        async |receiver: &Receiver| until("a message", secs(10), async || receiver.received().into_iter().next()).await;
    let slack = String::from_utf8(first(&slack).await.body).expect("UTF-8");
    assert!(!slack.contains("<!channel>") && !slack.contains("<@U123>") && slack.contains("DOWN"), "{slack}");
    let discord = first(&discord).await.json();
    // Whatever the text says, nobody is pinged unless this list says so.
    assert_eq!(discord["allowed_mentions"]["parse"], serde_json::json!([]), "{discord:#}");
    Ok(())
}

async fn no_name_or_output_puts_a_header_into_a_mail() -> Shown {
    let smtp = Smtp::listen().await?;
    let server = Server::with(mail_settings(&smtp)).await;
    let monitor = mail_monitor(&server, "plain").await;
    // A name with a line end is refused, or it is stored as a harmless one; both are checked by what arrives.
    let renamed = server.qp_output(&["monitor", "update", "job", "--name", "x\r\nBcc: evil@example.org"]).await;
    let why = String::from_utf8_lossy(&renamed.stderr).into_owned();
    assert!(renamed.status.success() || (renamed.status.code() == Some(1) && why.contains("name")), "{why}");
    for address in ["ops@example.org\r\nBcc: evil@example.org", "a@b@c.org", "a@example.org,evil@example.org"] {
        let refused = server.qp_output(&["channel", "create", "bad", "email", "--to", address]).await;
        assert_eq!(refused.status.code(), Some(1), "{address:?}");
    }
    http::post(
        server.http,
        &format!("{}/fail?msg=a%0D%0ABcc:+evil@example.org", monitor.path),
        b"\r\n\r\nBcc: evil@example.org\r\n",
    )
    .await;
    let mail = smtp.mail("the alert", secs(15), |subject| subject.contains("DOWN")).await;
    assert_eq!(mail["to"], serde_json::json!(["ops@example.org"]));
    let names: Vec<String> =
        mail["headers"].as_array().expect("headers").iter().map(|pair| pair[0].to_string().to_lowercase()).collect();
    assert!(names.iter().all(|name| !name.contains("cc")), "{names:?}");
    Ok(())
}

async fn a_test_message_arrives_and_a_dead_endpoint_is_named() -> Shown {
    let (server, receiver) = (Server::start().await, Receiver::listen().await);
    let secret = server.webhook("good", &receiver.url()).await;
    assert_eq!(server.qp(&["channel", "test", "good"]).await["delivered"], true);
    let received = receiver.received().pop().expect("a message");
    signature::verify(&secret, &received);
    assert_eq!(received.json()["type"], "channel.test");
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|listener| listener.local_addr())
        .expect("a port that is closed again");
    server.webhook("dead", &format!("http://{closed}/hook")).await;
    let output = server.qp_output(&["channel", "test", "dead"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(!output.stderr.is_empty(), "it says why");
    Ok(())
}

async fn private_addresses_are_refused_unless_allowed() -> Shown {
    let receiver = Receiver::listen().await;
    let server = Server::with(Settings::default().raw("notifier.egress_allow", "[]")).await;
    let port = receiver.address.port();
    // X1, X2, X9, X12, X13: whatever the spelling, nothing arrives.
    for host in [
        "127.0.0.1",
        "127.1",
        "0",
        "2130706433",
        "0x7f000001",
        "localhost",
        "LOCALHOST.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
    ] {
        let url = format!("http://{host}:{port}/hook");
        let made = server.qp_output(&["channel", "create", "inner", "webhook", "--url", &url]).await;
        if made.status.success() {
            assert_eq!(server.qp_output(&["channel", "test", "inner"]).await.status.code(), Some(1), "{url}");
            server.qp(&["channel", "delete", "inner"]).await;
        } else {
            assert_eq!(made.status.code(), Some(1), "{url}");
        }
    }
    assert!(receiver.received().is_empty(), "{:?}", receiver.received());
    Ok(())
}

fn mail_settings(smtp: &Smtp) -> Settings {
    let settings =
        Settings::default().text("smtp.server", &smtp.address()).text("smtp.from", "QuietPulse <alerts@example.org>");
    settings.text("smtp.security", "none")
}

async fn mail_monitor(server: &Server, name: &str) -> Monitor {
    server.qp(&["channel", "create", "mail", "email", "--to", "ops@example.org"]).await;
    server.create("job", &["--name", name, "--period", "1h", "--channel", "mail"]).await
}

fn instant(value: &Value) -> jiff::Timestamp {
    value.as_str().and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("not a time: {value}"))
}
