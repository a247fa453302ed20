//! One ping on its way: a few attempts within a budget of time. The URL holds a secret, so nothing here ever
//! prints more of it than host and port.

use super::signal::Signal;
use crate::exit::{Failure, root_cause};
use reqwest::{Client, Response, StatusCode, Url};
use std::time::Duration;
use tokio::time::Instant;

/// The pauses between attempts double from the first to the longest: a server that restarts is back in seconds.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// Shorter than a budget, so that an address that swallows packets gets a second try.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// What is read of a reply.
const MAX_REPLY_BYTES: usize = 1_000;

/// When to give up.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    until: Instant,
}

impl Budget {
    pub fn within(length: Duration) -> Self {
        Self { until: Instant::now() + length }
    }

    fn left(self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

/// A ping the server took.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub text: String,
    /// How much of a body this server keeps, in bytes.
    pub body_limit: Option<usize>,
}

/// Why a ping did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum PingError {
    /// The server's last word.
    #[error("refused with {status}: {text}")]
    Refused { status: u16, text: String },
    /// No answer, or one that asks to try again later.
    #[error("{0}")]
    NotReached(String),
}

/// Sends pings to one monitor over one connection.
pub struct Pinger {
    client: Client,
    base: Url,
}

impl Pinger {
    /// `base` is the monitor's ping URL.
    pub fn new(base: Url) -> Result<Self, Failure> {
        let client =
            client(&base).map_err(|error| Failure::Usage(format!("cannot speak HTTP: {}", root_cause(&error))))?;
        Ok(Self { client, base })
    }

    /// Host and port, for messages.
    pub fn place(&self) -> String {
        let host = self.base.host_str().unwrap_or("?");
        self.base.port_or_known_default().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// Sends until it is taken or refused, or the budget is used up. A ping whose answer got lost may be sent
    /// twice; with a `rid` that is one event to the server.
    pub async fn send(&self, signal: &Signal, budget: Budget) -> Result<Reply, PingError> {
        let url = signal.url(&self.base);
        let mut pause = FIRST_PAUSE;
        loop {
            let outcome = self.attempt(&url, signal, budget).await;
            if !matches!(outcome, Err(PingError::NotReached(_))) || pause >= budget.left() {
                return outcome;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn attempt(&self, url: &Url, signal: &Signal, budget: Budget) -> Result<Reply, PingError> {
        let request = self.client.post(url.clone()).header("content-type", "text/plain").body(signal.body.clone());
        let exchange = async { read(request.send().await?).await };
        match tokio::time::timeout(budget.left(), exchange).await {
            Ok(Ok(reply)) => judge(reply),
            Ok(Err(error)) => Err(PingError::NotReached(root_cause(&error.without_url()))),
            Err(_) => Err(PingError::NotReached("no answer in time".to_owned())),
        }
    }
}

fn client(base: &Url) -> reqwest::Result<Client> {
    let builder = || {
        Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("quietpulse-qp/", env!("CARGO_PKG_VERSION")))
    };
    if base.scheme() == "http" && is_loopback(base) {
        // No certificates are needed here, and no proxy knows this address.
        return builder().no_proxy().tls_certs_only([]).build();
    }
    match builder().build() {
        // A machine without root certificates can still ping over plain HTTP.
        Err(_) if base.scheme() == "http" => builder().tls_certs_only([]).build(),
        built => built,
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        None => false,
    }
}

async fn read(mut response: Response) -> reqwest::Result<Reply> {
    let limit = response.headers().get("ping-body-limit").and_then(|value| value.to_str().ok()?.parse().ok());
    let status = response.status().as_u16();
    let mut bytes = Vec::new();
    while bytes.len() < MAX_REPLY_BYTES
        && let Some(chunk) = response.chunk().await?
    {
        bytes.extend_from_slice(&chunk);
    }
    bytes.truncate(MAX_REPLY_BYTES);
    Ok(Reply { status, text: String::from_utf8_lossy(&bytes).trim().to_owned(), body_limit: limit })
}

/// What other clients retry too: 408, 429, 500, 502, 503 and 504.
fn judge(reply: Reply) -> Result<Reply, PingError> {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_GATEWAY);
    if status.is_success() {
        return Ok(reply);
    }
    if matches!(reply.status, 408 | 429 | 500 | 502 | 503 | 504) {
        return Err(PingError::NotReached(format!("answered {}: {}", reply.status, reply.text)));
    }
    Err(PingError::Refused { status: reply.status, text: reply.text })
}
