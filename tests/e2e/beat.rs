//! A client that goes on whatever happens to the server, and remembers what was acknowledged.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use suites::support::http;
use suites::support::runner::lock;
use tokio::task::JoinHandle;

/// Pings in the background until it is stopped or dropped. Each ping carries a text of its own in `msg`.
pub struct Beat {
    task: JoinHandle<()>,
    acked: Arc<Mutex<Vec<String>>>,
    refused: Arc<Mutex<Vec<String>>>,
}

impl Beat {
    /// Pings `path` at `address` every so often.
    pub fn start(address: SocketAddr, path: &str, every: Duration) -> Self {
        let (acked, refused) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let client =
            Client { address, path: path.to_owned(), acked: Arc::clone(&acked), refused: Arc::clone(&refused) };
        Self { task: tokio::spawn(client.run(every)), acked, refused }
    }

    /// The texts of the pings that were answered 200 so far.
    pub fn acked(&self) -> Vec<String> {
        lock(&self.acked).clone()
    }

    /// Answers that were neither 200 nor 503.
    pub fn refused(&self) -> Vec<String> {
        lock(&self.refused).clone()
    }

    /// Stops after the ping in progress, if any, and gives the acknowledged texts.
    pub async fn stop(mut self) -> Vec<String> {
        self.task.abort();
        let _cancelled = (&mut self.task).await;
        self.acked()
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Client {
    address: SocketAddr,
    path: String,
    acked: Arc<Mutex<Vec<String>>>,
    refused: Arc<Mutex<Vec<String>>>,
}

impl Client {
    async fn run(self, every: Duration) {
        for number in 0u64.. {
            self.once(&format!("n{number}")).await;
            tokio::time::sleep(every).await;
        }
    }

    async fn once(&self, text: &str) {
        match http::request(self.address, "POST", &format!("{}?msg={text}", self.path), "", b"").await {
            Ok(reply) if reply.status == 200 => lock(&self.acked).push(text.to_owned()),
            Ok(reply) if reply.status == 503 => {}
            Ok(reply) => lock(&self.refused).push(format!("{text}: {} {}", reply.status, reply.text())),
            // The server is away: nobody was told anything.
            Err(_) => {}
        }
    }
}
