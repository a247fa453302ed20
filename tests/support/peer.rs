//! The smallest HTTP/1.1 server that can misbehave on purpose: other people's endpoints are built on it.

use super::http::find;
use super::runner::lock;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request's most bytes.
const MOST_BYTES: usize = 1 << 20;

/// What came.
#[derive(Clone, Debug)]
pub struct Received {
    pub at: jiff::Timestamp,
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Received {
    /// A header that must be there; names in lower case.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no header {name} in {:?}", self.headers))
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON: {error}: {}", String::from_utf8_lossy(&self.body)))
    }
}

/// How a request is answered.
#[derive(Clone, Debug)]
pub enum Mode {
    /// A status, more header lines (each ended by CRLF) and a body.
    Answer(u16, String, String),
    /// 200, but only after so long: whoever asked may be dead by then (F3).
    Late(Duration),
    /// 200 and a body that never ends, as long as anybody reads (X22).
    Endless,
    /// Read, and never answered.
    Hang,
    /// Read, then the connection ends without a word (F39).
    Drop,
}

impl Mode {
    pub fn ok() -> Self {
        Self::status(200)
    }

    pub fn status(status: u16) -> Self {
        Self::Answer(status, String::new(), String::new())
    }
}

/// Decides by what came.
type Judge = dyn Fn(&Received) -> Mode + Send + Sync;

/// A listening endpoint.
#[derive(Clone)]
pub struct Peer {
    pub address: SocketAddr,
    state: Arc<State>,
}

struct State {
    received: Mutex<Vec<Received>>,
    /// Answers to the next requests, before `judge` is asked.
    script: Mutex<VecDeque<Mode>>,
    judge: Box<Judge>,
}

impl Peer {
    /// Listens on a free port.
    pub async fn listen(judge: impl Fn(&Received) -> Mode + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let state = Arc::new(State { received: Mutex::default(), script: Mutex::default(), judge: Box::new(judge) });
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&serving)));
            }
        });
        Self { address, state }
    }

    /// The answers to the next requests, in order.
    pub fn then(&self, modes: impl IntoIterator<Item = Mode>) {
        lock(&self.state.script).extend(modes);
    }

    pub fn received(&self) -> Vec<Received> {
        lock(&self.state.received).clone()
    }
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let mut unread = Vec::new();
    while let Some(request) = read(&mut stream, &mut unread).await {
        let scripted = lock(&state.script).pop_front();
        let mode = scripted.unwrap_or_else(|| (state.judge)(&request));
        lock(&state.received).push(request);
        match mode {
            Mode::Drop => return,
            Mode::Late(pause) => {
                tokio::time::sleep(pause).await;
                if stream.write_all(b"HTTP/1.1 200 Late\r\ncontent-length: 0\r\n\r\n").await.is_err() {
                    return;
                }
            }
            Mode::Endless => return pour(&mut stream).await,
            Mode::Hang => {
                tokio::time::sleep(Duration::from_secs(3_600)).await;
                return;
            }
            Mode::Answer(status, headers, body) => {
                let head = format!("HTTP/1.1 {status} Scripted\r\ncontent-length: {}\r\n{headers}\r\n", body.len());
                if stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// Gigabytes, if they are wanted.
async fn pour(stream: &mut TcpStream) {
    let head = b"HTTP/1.1 200 Endless\r\ncontent-length: 10000000000\r\n\r\n";
    let mut sent = stream.write_all(head).await;
    while sent.is_ok() {
        sent = stream.write_all(&[b'x'; 16_384]).await;
    }
}

async fn read(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Option<Received> {
    let end = loop {
        if let Some(end) = find(unread, b"\r\n\r\n") {
            break end;
        }
        fill(stream, unread).await?;
    };
    let head: Vec<u8> = unread.drain(..end + 4).collect();
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers: BTreeMap<String, String> =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let length: usize = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    while unread.len() < length {
        fill(stream, unread).await?;
    }
    Some(Received { at: jiff::Timestamp::now(), method, path, headers, body: unread.drain(..length).collect() })
}

async fn fill(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Option<()> {
    let read = stream.read_buf(unread).await.ok()?;
    (read > 0 && unread.len() <= MOST_BYTES).then_some(())
}
