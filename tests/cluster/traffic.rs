//! Jobs that go on pinging whatever happens to the cluster, each over a connection that it keeps.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use suites::support::http::Connection;
use suites::support::runner::lock;
use tokio::task::JoinHandle;

/// One job. It pings until it is stopped or dropped.
pub struct Traffic {
    task: JoinHandle<()>,
    stopping: Arc<AtomicBool>,
    told: Arc<Mutex<Told>>,
}

/// What a job was told.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Pings that were answered 200.
    pub acked: usize,
    /// Every other end a ping had.
    pub bad: Vec<String>,
    pub slowest: Duration,
}

impl Traffic {
    /// Pings `path` at `address` every so often.
    pub fn start(address: SocketAddr, path: &str, every: Duration) -> Self {
        let told = Arc::<Mutex<Told>>::default();
        let stopping = Arc::<AtomicBool>::default();
        let (path, connection) = (path.to_owned(), None);
        let job = Job { address, path, connection, told: Arc::clone(&told), stopping: Arc::clone(&stopping) };
        Self { task: tokio::spawn(job.run(every)), stopping, told }
    }

    /// Sends no more, and waits for the answer to what is on its way.
    pub async fn stop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        (&mut self.task).await.expect("a job that does not panic");
    }

    pub fn told(&self) -> Told {
        lock(&self.told).clone()
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Job {
    address: SocketAddr,
    path: String,
    connection: Option<Connection>,
    told: Arc<Mutex<Told>>,
    stopping: Arc<AtomicBool>,
}

impl Job {
    async fn run(mut self, every: Duration) {
        let mut beat = tokio::time::interval(every);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !self.stopping.load(Ordering::Relaxed) {
            beat.tick().await;
            let began = Instant::now();
            let end = self.once().await;
            let mut told = lock(&self.told);
            told.slowest = told.slowest.max(began.elapsed());
            match end {
                Ok(200) => told.acked += 1,
                Ok(status) => told.bad.push(format!("{status} at {}", jiff::Timestamp::now())),
                Err(error) => told.bad.push(format!("{error} at {}", jiff::Timestamp::now())),
            }
        }
    }

    /// The status of one ping. A connection that failed is not used again.
    async fn once(&mut self) -> std::io::Result<u16> {
        let mut connection = match self.connection.take() {
            Some(kept) => kept,
            None => Connection::open(self.address).await?,
        };
        connection.write(format!("GET {} HTTP/1.1\r\nhost: {}\r\n\r\n", self.path, self.address).as_bytes()).await?;
        let reply = connection.reply().await?.ok_or(std::io::ErrorKind::UnexpectedEof)?;
        if reply.header("connection").is_none_or(|word| !word.eq_ignore_ascii_case("close")) {
            self.connection = Some(connection);
        }
        Ok(reply.status)
    }
}
