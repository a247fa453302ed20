//! A client that sends the bytes it is given and reads replies one by one.

use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than any reply may take in these tests.
const PATIENCE: Duration = Duration::from_secs(15);

/// A reply as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Status and body, what most tests look at.
    pub fn said(&self) -> (u16, &str) {
        (self.status, &self.body)
    }
}

/// A frame of HTTP/2 (RFC 9113 section 4.1).
#[derive(Clone, Debug)]
pub struct H2Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl H2Frame {
    fn first_of(bytes: &[u8]) -> Option<Self> {
        let head = bytes.get(..9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let payload = bytes.get(9..9 + length)?.to_vec();
        Some(Self { kind: head[3], flags: head[4], stream, payload })
    }
}

/// One connection.
pub struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Client {
    pub async fn connect(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), read: Vec::new() }
    }

    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Sends what the server may refuse to take.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok()
    }

    /// The next reply. `None`: the server closed without one.
    pub async fn reply(&mut self) -> Option<Reply> {
        self.reply_to(false).await
    }

    async fn reply_to(&mut self, is_head: bool) -> Option<Reply> {
        loop {
            if let Some(end) = find(&self.read, b"\r\n\r\n") {
                let head = String::from_utf8(self.read[..end].to_vec()).unwrap();
                let mut reply = parse_head(&head);
                let length = if is_head { 0 } else { reply.header("content-length").map_or(0, |l| l.parse().unwrap()) };
                if self.read.len() >= end + 4 + length {
                    reply.body = String::from_utf8(self.read[end + 4..end + 4 + length].to_vec()).unwrap();
                    self.read.drain(..end + 4 + length);
                    return Some(reply);
                }
            }
            if !self.read_more().await {
                return None;
            }
        }
    }

    /// Whether the server closes now, having said nothing more.
    pub async fn is_closed(&mut self) -> bool {
        self.read.is_empty() && !self.read_more().await
    }

    /// Whether the server ends the connection in an orderly way now: no byte more, and no reset.
    pub async fn is_closed_cleanly(&mut self) -> bool {
        let mut chunk = [0; 1];
        let read = timeout(PATIENCE, self.stream.read(&mut chunk)).await.expect("the server does not close");
        self.read.is_empty() && matches!(read, Ok(0))
    }

    /// Reads and forgets until the server closes.
    pub async fn drain_until_closed(&mut self) {
        while self.read_more().await {
            self.read.clear();
        }
    }

    /// Forgets what is there already, so that the server can go on writing.
    pub fn take_what_came(&mut self) {
        let mut chunk = [0; 65_536];
        while matches!(self.stream.try_read(&mut chunk), Ok(read) if read > 0) {}
    }

    /// The next HTTP/2 frame. `None`: the server closed.
    pub async fn frame(&mut self) -> Option<H2Frame> {
        loop {
            if let Some(frame) = H2Frame::first_of(&self.read) {
                self.read.drain(..9 + frame.payload.len());
                return Some(frame);
            }
            if !self.read_more().await {
                return None;
            }
        }
    }

    async fn read_more(&mut self) -> bool {
        let mut chunk = [0; 4096];
        let read =
            timeout(PATIENCE, self.stream.read(&mut chunk)).await.expect("the server neither answers nor closes");
        match read {
            Ok(0) | Err(_) => false,
            Ok(more) => {
                self.read.extend_from_slice(&chunk[..more]);
                true
            }
        }
    }
}

/// One request on a connection of its own.
pub async fn exchange(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Option<Reply> {
    let mut client = Client::connect(address).await;
    client.send(bytes).await;
    client.reply().await
}

/// `METHOD target` with nothing else.
pub async fn ask(address: SocketAddr, method: &str, target: &str) -> Reply {
    let mut client = Client::connect(address).await;
    client.send(request(method, target, "", b"")).await;
    client.reply_to(method == "HEAD").await.expect("a reply")
}

/// `GET target`, status and body.
pub async fn get(address: SocketAddr, target: &str) -> (u16, String) {
    let reply = ask(address, "GET", target).await;
    (reply.status, reply.body)
}

/// A request with extra header lines (each ending in CRLF) and a body.
pub fn request(method: &str, target: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let mut bytes = format!("{method} {target} HTTP/1.1\r\nHost: ping.test\r\n{headers}{length}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn parse_head(head: &str) -> Reply {
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let field = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    Reply { status, headers: lines.filter_map(field).collect(), body: String::new() }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}
