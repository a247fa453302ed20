//! Many pings in few requests: `POST /api/ping/batch`, and the gRPC ping stream. Closed loop, a few connections.

use crate::http::Http;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use wire::v1;
use wire::v1::ping_service_client::PingServiceClient;

/// Connections, and pings in one request or one stream.
const CONNECTIONS: usize = 4;
pub const TOGETHER: usize = 1_000;
/// Something to carry: such a ping has a record of its own however often its monitor pings.
const DURATION_MS: u64 = 1_500;

/// What was accepted in how long.
pub struct Tally {
    pub accepted: u64,
    pub seconds: f64,
}

impl Tally {
    pub fn rate(&self) -> f64 {
        self.accepted as f64 / self.seconds
    }
}

/// When to stop sending.
#[derive(Clone, Copy)]
pub enum Until {
    Elapsed(Duration),
    /// So many pings, up to a whole request.
    Accepted(u64),
}

/// The way pings go.
#[derive(Clone, Copy)]
pub enum Door {
    Batch,
    Grpc,
}

/// The path of a ping over plain HTTP that is written by itself, too.
pub fn path_of_its_own(path: &str) -> String {
    format!("{path}?duration={DURATION_MS}ms")
}

/// Sends to `target` until `until`. A refused ping is an error: the figure would be of something else.
pub async fn send(door: Door, target: SocketAddr, paths: &[String], until: Until) -> Result<Tally> {
    let tokens: Vec<String> = paths.iter().filter_map(|path| Some(path.rsplit_once('/')?.1.to_owned())).collect();
    ensure!(!tokens.is_empty(), "no monitors to ping");
    let (tokens, claimed, begun) = (Arc::new(tokens), Arc::new(AtomicU64::new(0)), Instant::now());
    let mut senders = JoinSet::new();
    for number in 0..CONNECTIONS {
        let goes_on = may_go_on(until, begun, Arc::clone(&claimed));
        let first = number * tokens.len() / CONNECTIONS;
        match door {
            Door::Batch => senders.spawn(post(target, Arc::clone(&tokens), first, goes_on)),
            Door::Grpc => senders.spawn(push(target, Arc::clone(&tokens), first, goes_on)),
        };
    }
    let mut accepted = 0;
    while let Some(sent) = senders.join_next().await {
        accepted += sent??;
    }
    Ok(Tally { accepted, seconds: begun.elapsed().as_secs_f64() })
}

/// Asked before each request.
fn may_go_on(until: Until, begun: Instant, claimed: Arc<AtomicU64>) -> impl Fn() -> bool + Send + 'static {
    move || match until {
        Until::Elapsed(time) => begun.elapsed() < time,
        Until::Accepted(most) => claimed.fetch_add(TOGETHER as u64, Ordering::Relaxed) < most,
    }
}

async fn post(
    target: SocketAddr,
    tokens: Arc<Vec<String>>,
    first: usize,
    goes_on: impl Fn() -> bool + Send,
) -> Result<u64> {
    let (mut connection, mut accepted, mut turn) = (Http::open(target).await?, 0, first);
    while goes_on() {
        accepted += post_once(&mut connection, &tokens, turn).await?;
        turn += TOGETHER;
    }
    Ok(accepted)
}

/// One batch, from the monitor at `turn` on.
pub async fn post_once(connection: &mut Http, tokens: &[String], turn: usize) -> Result<u64> {
    let mut body = String::with_capacity(TOGETHER * 80);
    for token in tokens.iter().cycle().skip(turn % tokens.len()).take(TOGETHER) {
        writeln!(body, "{{\"target\":\"{token}\",\"duration\":\"{DURATION_MS}ms\"}}")?;
    }
    let (status, reply) = connection.post("/api/ping/batch", body.as_bytes()).await?;
    ensure!(status == 200, "a batch was answered {status}: {reply}");
    let reply: Value = serde_json::from_str(&reply)?;
    let accepted = reply["accepted"].as_u64().context("a batch without a count")?;
    ensure!(accepted == TOGETHER as u64, "a batch was refused in part: {}", reply["refused"]);
    Ok(accepted)
}

async fn push(
    target: SocketAddr,
    tokens: Arc<Vec<String>>,
    first: usize,
    goes_on: impl Fn() -> bool + Send,
) -> Result<u64> {
    let (mut client, mut accepted) = (PingServiceClient::connect(format!("http://{target}")).await?, 0);
    let mut turn = first;
    while goes_on() {
        let tokens = Arc::clone(&tokens);
        let ping = move |n: usize| v1::PingRequest {
            target: tokens[(turn + n) % tokens.len()].clone(),
            duration_ms: Some(DURATION_MS),
            ..Default::default()
        };
        let answer = client.push(futures::stream::iter((0..TOGETHER).map(ping))).await?.into_inner();
        ensure!(answer.accepted == TOGETHER as u64, "{} pings of a stream were refused", answer.refused_count);
        accepted += answer.accepted;
        turn += TOGETHER;
    }
    Ok(accepted)
}
