//! HTTP to the byte: requests are written as they are given, and replies are read without a library that would
//! forgive anything.

use super::wait::secs;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a reply may take.
const PATIENCE: Duration = Duration::from_secs(15);
/// No reply of ours is larger.
const MOST_BYTES: usize = 4 << 20;

/// A reply.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// An open connection.
pub struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = timeout(secs(5), TcpStream::connect(address)).await.map_err(std::io::Error::other)??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, unread: Vec::new() })
    }

    pub async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// The next reply; `None` when the peer closed without one.
    pub async fn reply(&mut self) -> std::io::Result<Option<Reply>> {
        self.reply_to("GET").await
    }

    /// As [`Self::reply`]; a reply to `HEAD` has no body whatever its headers say.
    pub async fn reply_to(&mut self, method: &str) -> std::io::Result<Option<Reply>> {
        timeout(PATIENCE, self.read_reply(method)).await.map_err(|_| std::io::Error::other("no reply in time"))?
    }

    /// Whether the peer closes within `patience`, whatever it still says.
    pub async fn closes_within(&mut self, patience: Duration) -> bool {
        timeout(patience, async { while self.fill().await.is_ok_and(|read| read > 0) {} }).await.is_ok()
    }

    async fn read_reply(&mut self, method: &str) -> std::io::Result<Option<Reply>> {
        let end = loop {
            if let Some(end) = find(&self.unread, b"\r\n\r\n") {
                break end;
            }
            if self.fill().await? == 0 {
                return Ok(None);
            }
        };
        let head: Vec<u8> = self.unread.drain(..end + 4).collect();
        let mut reply = parse_head(&String::from_utf8_lossy(&head));
        if method != "HEAD" && !matches!(reply.status, 100..=199 | 204 | 304) {
            reply.body = self.body(&reply).await?;
        }
        Ok(Some(reply))
    }

    async fn body(&mut self, reply: &Reply) -> std::io::Result<Vec<u8>> {
        if reply.header("transfer-encoding").is_some() {
            return self.chunks().await;
        }
        match reply.header("content-length").and_then(|length| length.parse().ok()) {
            Some(length) => self.exactly(length).await,
            None => {
                while self.fill().await? > 0 {}
                Ok(std::mem::take(&mut self.unread))
            }
        }
    }

    async fn chunks(&mut self) -> std::io::Result<Vec<u8>> {
        let mut whole = Vec::new();
        loop {
            let end = loop {
                if let Some(end) = find(&self.unread, b"\r\n") {
                    break end;
                }
                if self.fill().await? == 0 {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
            };
            let line: Vec<u8> = self.unread.drain(..end + 2).collect();
            let size =
                usize::from_str_radix(String::from_utf8_lossy(&line).trim(), 16).map_err(std::io::Error::other)?;
            let mut chunk = self.exactly(size + 2).await?;
            chunk.truncate(size);
            whole.extend(chunk);
            if size == 0 {
                return Ok(whole);
            }
        }
    }

    async fn exactly(&mut self, length: usize) -> std::io::Result<Vec<u8>> {
        while self.unread.len() < length {
            if self.fill().await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.unread.drain(..length).collect())
    }

    async fn fill(&mut self) -> std::io::Result<usize> {
        assert!(self.unread.len() < MOST_BYTES, "a reply without end");
        self.stream.read_buf(&mut self.unread).await
    }
}

/// One request on a connection of its own.
pub async fn request(
    address: SocketAddr,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> std::io::Result<Reply> {
    let mut connection = Connection::open(address).await?;
    let length =
        if body.is_empty() && method != "POST" { String::new() } else { format!("content-length: {}\r\n", body.len()) };
    let head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{length}{headers}\r\n");
    connection.write(&[head.as_bytes(), body].concat()).await?;
    connection.reply_to(method).await?.ok_or_else(|| std::io::ErrorKind::UnexpectedEof.into())
}

/// A GET that must be answered.
pub async fn get(address: SocketAddr, path: &str) -> Reply {
    request(address, "GET", path, "", b"").await.unwrap_or_else(|error| panic!("GET {path}: {error}"))
}

/// A POST that must be answered.
pub async fn post(address: SocketAddr, path: &str, body: &[u8]) -> Reply {
    request(address, "POST", path, "", body).await.unwrap_or_else(|error| panic!("POST {path}: {error}"))
}

/// Bytes as they are, on a connection of their own; `None` when the peer closed without a reply.
pub async fn raw(address: SocketAddr, bytes: &[u8]) -> Option<Reply> {
    let mut connection = Connection::open(address).await.expect("connects");
    // A peer that has seen enough may close while we still write.
    let _ = connection.write(bytes).await;
    let method = if bytes.starts_with(b"HEAD ") { "HEAD" } else { "GET" };
    connection.reply_to(method).await.ok().flatten()
}

fn parse_head(head: &str) -> Reply {
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let headers =
        lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    Reply { status: status.unwrap_or_default(), headers: headers.collect(), body: Vec::new() }
}

/// Where `needle` begins.
pub fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}
