//! Receivers: one that speaks HTTP well, and one that writes whatever bytes it is told.

use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, Method, StatusCode};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Arrived {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Arrived {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {:?}", self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|v| v.to_str().unwrap()).unwrap_or_default()
    }
}

/// What to answer: status, headers, body.
pub type Answer = (u16, Vec<(&'static str, String)>, String);
type Answering = Arc<dyn Fn(usize, &Arrived) -> Answer + Send + Sync>;

#[derive(Clone)]
pub struct Receiver {
    pub address: SocketAddr,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    answering: Answering,
    gate: Arc<Semaphore>,
}

impl Receiver {
    /// Answers the nth request, counted from 0, as told.
    pub async fn start(answering: impl Fn(usize, &Arrived) -> Answer + Send + Sync + 'static) -> Self {
        let receiver = Self::closed(answering).await;
        receiver.gate.add_permits(1_000_000);
        receiver
    }

    /// The same, but no answer goes out before the gate is opened.
    pub async fn closed(answering: impl Fn(usize, &Arrived) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            arrived: Arc::default(),
            answering: Arc::new(answering),
            gate: Arc::new(Semaphore::new(0)),
        };
        let app = axum::Router::new().fallback(answer).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        receiver
    }

    /// Always this status.
    pub async fn status(status: u16) -> Self {
        Self::start(move |_, _| (status, Vec::new(), String::new())).await
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub fn open(&self) {
        self.gate.add_permits(1_000_000);
    }

    pub fn arrived(&self) -> Vec<Arrived> {
        self.arrived.lock().unwrap().clone()
    }

    #[track_caller]
    pub fn only(&self) -> Arrived {
        let arrived = self.arrived();
        assert_eq!(arrived.len(), 1, "{arrived:?}");
        arrived[0].clone()
    }
}

async fn answer(State(receiver): State<Receiver>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 10 << 20).await.unwrap();
    let arrived = Arrived { method: parts.method, path: parts.uri.path().to_owned(), headers: parts.headers, body };
    let place = {
        let mut all = receiver.arrived.lock().unwrap();
        all.push(arrived.clone());
        all.len() - 1
    };
    receiver.gate.acquire().await.unwrap().forget();
    let (status, headers, body) = (receiver.answering)(place, &arrived);
    let mut response = Response::builder().status(StatusCode::from_u16(status).unwrap());
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(body.into()).unwrap()
}

/// Counts the connections to it and writes whatever it is told.
#[derive(Clone)]
pub struct Raw {
    pub address: SocketAddr,
    pub connections: Arc<AtomicUsize>,
    pub written: Arc<AtomicUsize>,
}

impl Raw {
    /// After the request came, writes `first`, then `then` again and again, pausing in between.
    pub async fn start(first: Vec<u8>, then: Vec<u8>, pause: std::time::Duration) -> Self {
        Self::at("127.0.0.1:0", first, then, pause).await
    }

    pub async fn at(address: &str, first: Vec<u8>, then: Vec<u8>, pause: std::time::Duration) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let raw =
            Self { address: listener.local_addr().unwrap(), connections: Arc::default(), written: Arc::default() };
        let counted = raw.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(write(stream, first.clone(), then.clone(), pause, counted.written.clone()));
            }
        });
        raw
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn write(
    mut stream: TcpStream,
    first: Vec<u8>,
    then: Vec<u8>,
    pause: std::time::Duration,
    written: Arc<AtomicUsize>,
) {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while !seen.windows(4).any(|w| w == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => seen.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
    let mut next = first;
    while stream.write_all(&next).await.is_ok() {
        written.fetch_add(next.len(), Ordering::SeqCst);
        if then.is_empty() {
            return;
        }
        next.clone_from(&then);
        tokio::time::sleep(pause).await;
    }
}
