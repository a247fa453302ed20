//! Keep-alive clients over plain sockets. Closed loop: each connection sends its next request when the last
//! was answered, which finds the greatest rate. Open loop: requests leave on a schedule and their latency
//! counts from when they should have left, so that a stalled server is not flattered.

use crate::latency::Latencies;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What a run measured.
#[derive(Clone, Default)]
pub struct Report {
    pub latencies: Latencies,
    pub refused: u64,
    pub errors: u64,
    pub seconds: f64,
}

impl Report {
    /// Answered requests per second.
    pub fn rate(&self) -> f64 {
        self.latencies.count() as f64 / self.seconds
    }
}

/// One run.
#[derive(Clone)]
pub struct Load {
    pub target: SocketAddr,
    pub connections: usize,
    pub warm_up: Duration,
    pub duration: Duration,
    /// Requests per second of all connections together; `None`: closed loop.
    pub rate: Option<f64>,
    /// Paths, used in turn.
    pub paths: Arc<[String]>,
}

impl Load {
    /// Runs it.
    pub async fn run(&self) -> Report {
        let begin = Instant::now() + Duration::from_millis(200);
        let clients: Vec<_> = (0..self.connections).map(|n| tokio::spawn(client(self.clone(), n, begin))).collect();
        let mut whole = Report { seconds: self.duration.as_secs_f64(), ..Report::default() };
        for client in clients {
            if let Ok(report) = client.await {
                whole.latencies.merge(&report.latencies);
                whole.refused += report.refused;
                whole.errors += report.errors;
            }
        }
        whole
    }
}

/// One request on a connection of its own; gives the status.
pub fn request_once(target: SocketAddr, path: &str) -> impl Future<Output = std::io::Result<u16>> + Send + 'static {
    let path = path.to_owned();
    async move { Connection::open(target).await?.exchange(&path).await }
}

async fn client(load: Load, number: usize, begin: Instant) -> Report {
    let mut report = Report::default();
    let counted_from = begin + load.warm_up;
    let end = counted_from + load.duration;
    let pause = load.rate.map(|rate| Duration::from_secs_f64(load.connections as f64 / rate));
    let mut due = begin + pause.unwrap_or_default().mul_f64(number as f64 / load.connections as f64);
    let mut turn = number;
    let mut connection: Option<Connection> = None;
    while Instant::now() < end {
        if pause.is_some() {
            tokio::time::sleep_until(due.into()).await;
        } else {
            due = Instant::now();
        }
        if connection.is_none() {
            connection = Connection::open(load.target).await.ok();
        }
        let Some(open) = &mut connection else {
            report.errors += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let answered = open.exchange(&load.paths[turn % load.paths.len()]).await;
        let now = Instant::now();
        if now >= counted_from && now < end {
            match &answered {
                Ok(200) => report.latencies.record(now - due),
                Ok(_) => report.refused += 1,
                Err(_) => report.errors += 1,
            }
        }
        if answered.is_err() {
            connection = None;
        }
        turn += load.connections;
        due += pause.unwrap_or_default();
    }
    report
}

struct Connection {
    stream: TcpStream,
    request: Vec<u8>,
    reply: Vec<u8>,
}

impl Connection {
    async fn open(target: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(target).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, request: Vec::with_capacity(256), reply: Vec::with_capacity(1_024) })
    }

    /// Sends a GET and reads its whole reply; gives the status.
    async fn exchange(&mut self, path: &str) -> std::io::Result<u16> {
        self.request.clear();
        for part in ["GET ", path, " HTTP/1.1\r\nhost: localhost\r\nuser-agent: load\r\n\r\n"] {
            self.request.extend_from_slice(part.as_bytes());
        }
        self.stream.write_all(&self.request).await?;
        self.reply.clear();
        loop {
            if self.stream.read_buf(&mut self.reply).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(status) = complete_reply(&self.reply) {
                return Ok(status);
            }
        }
    }
}

/// The status of a reply that is there as a whole.
fn complete_reply(bytes: &[u8]) -> Option<u16> {
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = std::str::from_utf8(&bytes[..head]).ok()?;
    let length = text.split("\r\n").find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let status = text.get(9..12)?.parse().ok()?;
    (bytes.len() >= head + 4 + length.unwrap_or(0)).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_complete_with_its_body() {
        let reply = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK";
        assert_eq!(complete_reply(reply), Some(200));
        assert!((0..reply.len()).all(|cut| complete_reply(&reply[..cut]).is_none()));
    }
}
