//! How a job pings: as `curl --retry` in a loop would, over a connection that it keeps.

use crate::history::{Action, History, Outcome, Signal};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use suites::support::http::Connection;
use tokio::time::{sleep, timeout};

/// How long a job waits for an answer: longer than the server gives the log.
const PATIENCE: Duration = Duration::from_secs(8);
/// Pauses between the attempts of one ping; the last one again and again.
const PAUSES_MS: [u64; 4] = [250, 500, 1_000, 2_000];
/// After so many attempts a job gives up.
const ATTEMPTS: u32 = 60;

/// One job's pings.
pub struct Pinger {
    slug: String,
    path: String,
    front: SocketAddr,
    history: Arc<History>,
    connection: Option<Connection>,
    sent: u64,
}

impl Pinger {
    pub fn new(slug: &str, path: &str, front: SocketAddr, history: Arc<History>) -> Self {
        Self { slug: slug.to_owned(), path: path.to_owned(), front, history, connection: None, sent: 0 }
    }

    /// Sends one ping until it is acknowledged; its id is the same on every attempt.
    pub async fn ping(&mut self, signal: Signal, run: Option<&str>) {
        self.sent += 1;
        let id = format!("{}#{}", self.slug, self.sent);
        let history = Arc::clone(&self.history);
        for attempt in 1..=ATTEMPTS {
            let slug = self.slug.clone();
            let doing = self.once(&id, signal, run);
            if history.attempt(&id, &slug, Action::Ping(signal), attempt, doing).await == Outcome::Ok {
                return;
            }
            let pause = PAUSES_MS[(attempt as usize - 1).min(PAUSES_MS.len() - 1)];
            sleep(Duration::from_millis(pause)).await;
        }
    }

    async fn once(&mut self, id: &str, signal: Signal, run: Option<&str>) -> Outcome {
        let unknown = |why: &dyn std::fmt::Display| Outcome::Unknown(why.to_string());
        match timeout(PATIENCE, self.exchange(id, signal, run)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(error)) => {
                self.connection = None;
                unknown(&error)
            }
            Err(_) => {
                self.connection = None;
                unknown(&"no answer in time")
            }
        }
    }

    async fn exchange(&mut self, id: &str, signal: Signal, run: Option<&str>) -> std::io::Result<Outcome> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => Connection::open(self.front).await?,
        };
        connection.write(self.request(id, signal, run).as_bytes()).await?;
        let reply = connection.reply().await?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        if reply.header("connection") != Some("close") {
            self.connection = Some(connection);
        }
        Ok(match reply.status {
            200 => Outcome::Ok,
            status => Outcome::Refused(format!("{status} {}", reply.text().trim())),
        })
    }

    fn request(&self, id: &str, signal: Signal, run: Option<&str>) -> String {
        let route = match signal {
            Signal::Success => "",
            Signal::Start => "/start",
            Signal::Fail => "/fail",
            Signal::Log => "/log",
        };
        let query = run.map_or_else(String::new, |run| format!("?rid={run}"));
        let (path, front, length) = (&self.path, self.front, id.len());
        format!("POST {path}{route}{query} HTTP/1.1\r\nhost: {front}\r\ncontent-length: {length}\r\n\r\n{id}")
    }
}
