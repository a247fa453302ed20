//! One keep-alive connection that sends whole requests and reads whole replies.

use anyhow::{Context, Result, bail};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The connection. After an error it is not to be used any more.
pub struct Http {
    stream: TcpStream,
    reply: Vec<u8>,
}

impl Http {
    pub async fn open(target: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(target).await.with_context(|| format!("connecting to {target}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, reply: Vec::with_capacity(4_096) })
    }

    pub async fn get(&mut self, path: &str) -> Result<(u16, String)> {
        self.exchange(format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").as_bytes()).await
    }

    pub async fn post(&mut self, path: &str, body: &[u8]) -> Result<(u16, String)> {
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n\r\n");
        self.exchange(&[head.as_bytes(), body].concat()).await
    }

    /// Status and body.
    async fn exchange(&mut self, request: &[u8]) -> Result<(u16, String)> {
        self.stream.write_all(request).await?;
        self.reply.clear();
        loop {
            if self.stream.read_buf(&mut self.reply).await? == 0 {
                bail!("the connection was closed before the reply was whole");
            }
            if let Some((status, body)) = whole(&self.reply)? {
                return Ok((status, body));
            }
        }
    }
}

/// Status and body of a reply that is there as a whole.
fn whole(bytes: &[u8]) -> Result<Option<(u16, String)>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let status = head.get(9..12).and_then(|digits| digits.parse().ok()).context("a reply without a status")?;
    let headers = head.split("\r\n").filter_map(|line| line.split_once(':'));
    let mut lengths = headers.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length: usize = lengths.next().context("a reply without a length")?.1.trim().parse()?;
    let body = bytes.get(end + 4..end + 4 + length);
    Ok(body.map(|body| (status, String::from_utf8_lossy(body).into_owned())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_whole_with_its_body() {
        let reply = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno";
        assert_eq!(whole(reply).unwrap(), Some((503, "no".to_owned())));
        assert!((0..reply.len()).all(|cut| whole(&reply[..cut]).unwrap().is_none()));
        assert!(whole(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }
}
