//! E-mail, through a relay of ours that speaks just enough SMTP (RFC 5321).

use crate::rig::facts::{missed, named, offer, offer_with};
use crate::rig::{Plan, Rig, failed, retried};
use domain::command::AttemptResult;
use notifier::{SmtpOptions, SmtpTls};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use wire::v1::EmailSettings;
use wire::v1::channel::Settings;

/// How the relay answers RCPT, and what it offers.
#[derive(Clone, Copy, Default)]
struct Manner {
    rcpt: Option<&'static str>,
    auth: Option<&'static str>,
    offers_auth: bool,
}

#[derive(Clone)]
struct Relay {
    address: SocketAddr,
    commands: Arc<Mutex<Vec<String>>>,
    mails: Arc<Mutex<Vec<String>>>,
}

impl Relay {
    async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Self { address: listener.local_addr().unwrap(), commands: Arc::default(), mails: Arc::default() };
        let serving = relay.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().talk(stream, manner));
            }
        });
        relay
    }

    async fn talk(self, stream: TcpStream, manner: Manner) -> std::io::Result<()> {
        let mut stream = BufStream::new(stream);
        say(&mut stream, "220 relay.test").await?;
        loop {
            let Some(line) = hear(&mut stream).await? else { return Ok(()) };
            self.commands.lock().unwrap().push(line.clone());
            let verb = line.split([' ', ':']).next().unwrap_or("").to_ascii_uppercase();
            match verb.as_str() {
                "EHLO" if manner.offers_auth => say(&mut stream, "250-relay.test\r\n250 AUTH PLAIN").await?,
                "EHLO" => say(&mut stream, "250 relay.test").await?,
                "AUTH" => say(&mut stream, manner.auth.unwrap_or("235 ok")).await?,
                "RCPT" => say(&mut stream, manner.rcpt.unwrap_or("250 ok")).await?,
                "DATA" => {
                    say(&mut stream, "354 go on").await?;
                    let mut mail = String::new();
                    while let Some(line) = hear(&mut stream).await?.filter(|line| line != ".") {
                        mail.push_str(&line);
                        mail.push_str("\r\n");
                    }
                    self.mails.lock().unwrap().push(mail);
                    say(&mut stream, "250 taken").await?;
                }
                _ => say(&mut stream, "250 ok").await?,
            }
        }
    }

    fn options(&self, tls: SmtpTls) -> SmtpOptions {
        SmtpOptions {
            host: "127.0.0.1".to_owned(),
            port: self.address.port(),
            tls,
            username: String::new(),
            password: String::new(),
            from: "QuietPulse <alerts@pulse.example>".to_owned(),
            hello_name: "pulse.example".to_owned(),
            ca_file: None,
        }
    }

    fn verbs(&self) -> Vec<String> {
        let commands = self.commands.lock().unwrap();
        commands.iter().map(|line| line.split([' ', ':']).next().unwrap_or("").to_owned()).collect()
    }
}

async fn say(stream: &mut BufStream<TcpStream>, line: &str) -> std::io::Result<()> {
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    stream.flush().await
}

async fn hear(stream: &mut BufStream<TcpStream>) -> std::io::Result<Option<String>> {
    let mut line = String::new();
    let read = stream.read_line(&mut line).await?;
    Ok((read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
}

fn to(address: &str) -> Settings {
    Settings::Email(EmailSettings { to: address.to_owned() })
}

async fn rig(relay: &Relay, tls: SmtpTls) -> Rig {
    Rig::with(Plan { smtp: Some(relay.options(tls)), ..Plan::default() }).await
}

/// Undoes quoted-printable (RFC 2045), enough for looking at a mail.
fn readable(mail: &str) -> String {
    let joined = mail.replace("=\r\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, code) {
            (b'=', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn a_mail_has_text_and_html_and_the_right_headers() {
    let relay = Relay::start(Manner::default()).await;
    let rig = rig(&relay, SmtpTls::None).await;
    let channel = rig.channel(to("ops@example.org")).await;
    let offer = offer_with(channel.id, vec![named("<b>Ünïcode</b>")], b"<script>x</script>");
    let id = crate::rig::facts::id_of(&offer);
    assert_eq!(rig.deliver(offer).await, AttemptResult::Delivered);
    let mail = relay.mails.lock().unwrap()[0].clone();
    assert!(mail.contains(&format!("Message-ID: <{id}@pulse.example>\r\n")), "{mail}");
    assert!(mail.contains("Auto-Submitted: auto-generated\r\n"), "{mail}");
    assert!(mail.contains("To: ops@example.org\r\n"), "{mail}");
    assert!(mail.contains("Date: Tue, 24 Nov 2026 01:05:04 +0000\r\n"), "{mail}");
    assert!(
        mail.contains("multipart/alternative") && mail.contains("text/plain") && mail.contains("text/html"),
        "{mail}"
    );
    let text = readable(&mail);
    let (plain, html) = text.split_at(text.find("<!doctype html>").unwrap());
    assert!(plain.contains("<b>Ünïcode</b> did not report."), "{plain}");
    assert!(html.contains("&#60;b&#62;Ünïcode") && !html.contains("<script>") && !html.contains("<b>"), "{html}");
    assert!(html.contains("https://pulse.example/m/backup") || html.contains("https:&#"), "{html}");
    assert!(relay.commands.lock().unwrap().iter().any(|line| line == "EHLO pulse.example"));
}

#[tokio::test]
async fn nothing_in_a_name_or_address_makes_a_header_or_a_second_recipient() {
    let relay = Relay::start(Manner::default()).await;
    let rig = rig(&relay, SmtpTls::None).await;
    let channel = rig.channel(to("ops@example.org")).await;
    assert_eq!(
        rig.deliver(offer(channel.id, vec![named("a\r\nBcc: x@y.example\r\n\r\nbody")])).await,
        AttemptResult::Delivered
    );
    let mail = relay.mails.lock().unwrap()[0].clone();
    let head = mail.split("\r\n\r\n").next().unwrap();
    assert!(!head.lines().any(|line| line.to_ascii_lowercase().starts_with("bcc")), "{head}");
    for address in [
        "a@b@example.org",
        "a@example.org,b@example.org",
        "a@example.org\r\nRCPT TO:<x@y.example>",
        "\"a b\"@example.org",
        "",
    ] {
        let channel = rig.channel(to(address)).await;
        let error = failed(rig.deliver(offer(channel.id, vec![missed()])).await);
        assert_eq!(error, "the channel's address is not one plain mail address");
    }
    let recipients: Vec<String> =
        relay.commands.lock().unwrap().iter().filter(|c| c.starts_with("RCPT")).cloned().collect();
    assert_eq!(recipients, ["RCPT TO:<ops@example.org>"]);
}

#[tokio::test]
async fn refusals_of_the_relay() {
    let refused = |rcpt: &'static str| async move {
        let relay = Relay::start(Manner { rcpt: Some(rcpt), ..Manner::default() }).await;
        let rig = rig(&relay, SmtpTls::None).await;
        let channel = rig.channel(to("ops@example.org")).await;
        let result = rig.deliver(offer(channel.id, vec![missed()])).await;
        assert!(relay.mails.lock().unwrap().is_empty());
        result
    };
    let error = failed(refused("550 5.1.1 no such user").await);
    assert!(error.starts_with("SMTP 550: ") && error.contains("no such user"), "{error}");
    let (_, error) = retried(refused("451 4.7.1 greylisted, come back").await);
    assert!(error.starts_with("SMTP 451: ") && error.contains("greylisted"), "{error}");
}

#[tokio::test]
async fn a_password_the_relay_refuses_is_ours_to_repair() {
    let relay = Relay::start(Manner { offers_auth: true, auth: Some("535 5.7.8 no"), ..Manner::default() }).await;
    let options =
        SmtpOptions { username: "u".into(), password: "secret-canary".into(), ..relay.options(SmtpTls::None) };
    assert!(!format!("{options:?}").contains("canary"));
    let rig = Rig::with(Plan { smtp: Some(options), ..Plan::default() }).await;
    let channel = rig.channel(to("ops@example.org")).await;
    let (_, error) = retried(rig.deliver(offer(channel.id, vec![missed()])).await);
    assert!(error.starts_with("SMTP 535: ") && !error.contains("canary"), "{error}");
}

#[tokio::test]
async fn without_the_starttls_that_was_asked_for_nothing_is_sent() {
    let relay = Relay::start(Manner { offers_auth: true, ..Manner::default() }).await;
    let options = SmtpOptions { username: "u".into(), password: "p".into(), ..relay.options(SmtpTls::StartTls) };
    let rig = Rig::with(Plan { smtp: Some(options), ..Plan::default() }).await;
    let channel = rig.channel(to("ops@example.org")).await;
    let (_, error) = retried(rig.deliver(offer(channel.id, vec![missed()])).await);
    assert!(error.contains("STARTTLS"), "{error}");
    assert!(relay.verbs().iter().all(|verb| verb == "EHLO" || verb == "QUIT"), "{:?}", relay.verbs());
}

#[tokio::test]
async fn a_relay_that_is_away_or_not_configured_is_tried_again() {
    let relay = Relay::start(Manner::default()).await;
    let options = SmtpOptions { port: 9, ..relay.options(SmtpTls::None) };
    let rig = Rig::with(Plan { smtp: Some(options), ..Plan::default() }).await;
    let row = rig.row(to("ops@example.org"));
    let error = rig.notifier.test_channel(&row).await.unwrap_err();
    assert_eq!(error, "the mail relay cannot be reached: the connection was refused");
    let none = Rig::start().await;
    let error = none.notifier.test_channel(&none.row(to("ops@example.org"))).await.unwrap_err();
    assert_eq!(error, "no mail relay is configured on this server");
}
