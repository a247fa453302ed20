//! Where requests may not go (BAD_INPUT X1 to X22), and how much of a reply is taken.

use crate::rig::facts::{missed, offer};
use crate::rig::receiver::Raw;
use crate::rig::{Plan, Rig, retried};
use domain::command::AttemptResult;
use domain::egress::EgressPolicy;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use wire::v1::channel::Settings;
use wire::v1::{DiscordSettings, SlackSettings, WebhookSettings};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn webhook(url: &str) -> Settings {
    Settings::Webhook(WebhookSettings { url: url.to_owned(), ..WebhookSettings::default() })
}

async fn listener() -> Raw {
    Raw::start(OK.to_vec(), Vec::new(), Duration::ZERO).await
}

async fn strict() -> Rig {
    Rig::with(Plan { egress: EgressPolicy::default(), ..Plan::default() }).await
}

fn allowing(range: &str) -> EgressPolicy {
    EgressPolicy { allow: EgressPolicy::parse_allow(&[range.to_owned()]).unwrap(), ..EgressPolicy::default() }
}

#[tokio::test]
async fn no_spelling_of_a_local_address_arrives() {
    let (rig, target) = (strict().await, listener().await);
    let port = target.address.port();
    let hosts = [
        "127.0.0.1",
        "127.1",
        "0",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.0.0.1.",
        "%31%32%37.0.0.1",
        "127。0。0。1",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b:1::7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::1]",
        "[fe80::1]",
        "[fc00::1]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "0.0.0.0",
        "240.0.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "192.0.0.8",
        "198.18.0.1",
        "169.254.169.254",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "a.localhost",
        "x.internal",
        "X.INTERNAL.",
        "x.local",
        "good.example\\@127.0.0.1",
        "127.0.0.1#@good.example",
    ];
    for host in hosts {
        let row = rig.row(webhook(&format!("http://{host}:{port}/")));
        let error = rig.notifier.test_channel(&row).await.unwrap_err();
        // A parser that reads another host from the text connects to nothing either: no other name resolves.
        let refused = error.starts_with("refused: ")
            || error == "the URL cannot be read"
            || error == "the host name was not found";
        assert!(refused, "{host}: {error}");
    }
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn no_name_leads_to_a_local_address() {
    let (rig, target) = (strict().await, listener().await);
    let answers = [
        "127.0.0.1",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "100.64.0.1",
        "169.254.169.254",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:7f00:1::1",
        "fe80::1",
        "fc00::1",
    ];
    for answer in answers {
        rig.names.set("hook.example", &[&[answer]]);
        let url = format!("http://hook.example:{}/", target.address.port());
        for settings in [
            webhook(&url),
            Settings::Slack(SlackSettings { url: url.clone() }),
            Settings::Discord(DiscordSettings { url: url.clone() }),
        ] {
            let error = rig.notifier.test_channel(&rig.row(settings)).await.unwrap_err();
            assert!(error.starts_with("refused: the address is not public"), "{answer}: {error}");
            assert!(!error.contains(answer), "the answer of the name service is not told: {error}");
        }
    }
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn a_mixed_answer_leads_to_its_allowed_address_alone() {
    let rig = Rig::with(Plan { egress: allowing("127.0.0.2"), ..Plan::default() }).await;
    let allowed = Raw::at("127.0.0.2:0", OK.to_vec(), Vec::new(), Duration::ZERO).await;
    let local = format!("127.0.0.1:{}", allowed.address.port());
    let blocked = Raw::at(&local, OK.to_vec(), Vec::new(), Duration::ZERO).await;
    rig.names.set("hook.example", &[&["127.0.0.1", "127.0.0.2"]]);
    let row = rig.row(webhook(&format!("http://hook.example:{}/", allowed.address.port())));
    assert_eq!(rig.notifier.test_channel(&row).await, Ok(()));
    assert_eq!((allowed.connections(), blocked.connections()), (1, 0));
}

#[tokio::test]
async fn an_answer_that_changes_is_judged_when_it_is_used() {
    let rig = Rig::with(Plan { egress: allowing("127.0.0.2"), ..Plan::default() }).await;
    let allowed = Raw::at("127.0.0.2:0", OK.to_vec(), Vec::new(), Duration::ZERO).await;
    let local = format!("127.0.0.1:{}", allowed.address.port());
    let blocked = Raw::at(&local, OK.to_vec(), Vec::new(), Duration::ZERO).await;
    rig.names.set("rebind.example", &[&["127.0.0.2"], &["127.0.0.1"]]);
    let row = rig.row(webhook(&format!("http://rebind.example:{}/", allowed.address.port())));
    assert_eq!(rig.notifier.test_channel(&row).await, Ok(()));
    let error = rig.notifier.test_channel(&row).await.unwrap_err();
    assert_eq!(error, "refused: the address is not public (loopback)");
    assert_eq!((allowed.connections(), blocked.connections()), (1, 0));
}

#[tokio::test]
async fn schemes_credentials_ports_and_ourselves() {
    let target = listener().await;
    let (address, port) = (target.address, target.address.port());
    let own = EgressPolicy {
        own_hosts: vec!["own.example".to_owned(), format!("127.0.0.1:{port}")],
        ..allowing("127.0.0.0/8")
    };
    let rig = Rig::with(Plan { egress: own, ..Plan::default() }).await;
    rig.names.set("own.example", &[&["127.0.0.1"]]);
    for (url, why) in [
        ("file:///etc/passwd".to_owned(), "refused: only http and https URLs are allowed"),
        (format!("gopher://{address}/"), "refused: only http and https URLs are allowed"),
        (format!("ftp://{address}/"), "refused: only http and https URLs are allowed"),
        (format!("http://user:pass@{address}/"), "refused: the URL must not contain a user name or password"),
        (format!("http://user@{address}/"), "refused: the URL must not contain a user name or password"),
        (format!("http://{address}/"), "refused: the host is this installation's own"),
        (format!("http://OWN.example.:{port}/"), "refused: the host is this installation's own"),
    ] {
        assert_eq!(rig.notifier.test_channel(&rig.row(webhook(&url))).await, Err(why.to_owned()), "{url}");
    }
    let strict = EgressPolicy { https_only: true, allowed_ports: Some(vec![443]), ..allowing("127.0.0.0/8") };
    let rig = Rig::with(Plan { egress: strict, ..Plan::default() }).await;
    let plain = rig.notifier.test_channel(&rig.row(webhook(&format!("http://{address}/")))).await;
    assert_eq!(plain, Err("refused: only https URLs are allowed".to_owned()));
    let other = rig.notifier.test_channel(&rig.row(webhook(&format!("https://{address}/")))).await;
    assert_eq!(other, Err(format!("refused: port {port} is not allowed")));
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn a_refused_address_is_retried_since_names_and_rules_change() {
    let (rig, target) = (strict().await, listener().await);
    let channel = rig.channel(webhook(&target.url())).await;
    let (_, error) = retried(rig.deliver(offer(channel.id, vec![missed()])).await);
    assert_eq!(error, "refused: the address is not public (loopback)");
}

#[tokio::test]
async fn an_endless_reply_is_cut() {
    let rig = Rig::start().await;
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10000000000\r\n\r\n".to_vec();
    let flood = Raw::start(head, vec![b'x'; 65_536], Duration::ZERO).await;
    let began = Instant::now();
    assert_eq!(rig.notifier.test_channel(&rig.row(webhook(&flood.url()))).await, Ok(()));
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    // What had been written is what socket buffers hold, not what the receiver had to give.
    assert!(flood.written.load(Ordering::SeqCst) < 32 << 20);
}

#[tokio::test]
async fn a_trickling_reply_is_left_and_its_status_counts() {
    let rig = Rig::start().await;
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n".to_vec();
    let trickle = Raw::start(head, b"x".to_vec(), Duration::from_millis(200)).await;
    let began = Instant::now();
    assert_eq!(rig.notifier.test_channel(&rig.row(webhook(&trickle.url()))).await, Ok(()));
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_receiver_that_never_answers_costs_fifteen_seconds() {
    let rig = Rig::start().await;
    let silent = Raw::start(Vec::new(), b"".to_vec(), Duration::ZERO).await;
    // It closes at once after reading: a reply that never was.
    let error = rig.notifier.test_channel(&rig.row(webhook(&silent.url()))).await.unwrap_err();
    assert!(error == "the reply is not HTTP that we read" || error.starts_with("the connection was"), "{error}");
    let slow = Raw::start(b"H".to_vec(), b"T".to_vec(), Duration::from_secs(60)).await;
    let began = Instant::now();
    assert_eq!(rig.notifier.test_channel(&rig.row(webhook(&slow.url()))).await, Err("no reply in time".to_owned()));
    let took = began.elapsed();
    assert!(took > Duration::from_secs(14) && took < Duration::from_secs(18), "{took:?}");
}

#[tokio::test]
async fn a_reply_with_ten_thousand_headers_is_none() {
    let rig = Rig::start().await;
    let headers: String = (0..10_000).map(|n| format!("x-{n}: {n}\r\n")).collect();
    let reply = format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n").into_bytes();
    let many = Raw::start(reply, Vec::new(), Duration::ZERO).await;
    let error = rig.notifier.test_channel(&rig.row(webhook(&many.url()))).await.unwrap_err();
    assert_eq!(error, "the reply is not HTTP that we read");
}

#[tokio::test]
async fn what_is_not_http_is_retried() {
    let rig = Rig::start().await;
    let odd = Raw::start(b"220 mail.example ESMTP\r\n".to_vec(), Vec::new(), Duration::ZERO).await;
    let channel = rig.channel(webhook(&odd.url())).await;
    let result = rig.deliver(offer(channel.id, vec![missed()])).await;
    assert!(matches!(result, AttemptResult::Retry { .. }), "{result:?}");
}
