//! An ingest node, as far as the log knows one: it answers `OK` when the log has the ping, proves that it hears, and
//! confesses what it did not take.

use crate::clock::SimClock;
use crate::history::Answer;
use crate::log::SimClient;
use domain::ids::{ShardCount, ShardId};
use domain::ping::Ping;
use domain::record::Body;
use domain::time::{Clock, UnixMs};
use eventlog::producer::Producer;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How its surroundings are.
pub struct Door {
    /// Whether anybody reaches the public URL.
    pub is_open: AtomicBool,
}

/// One life of one node.
pub struct Ingest {
    pub client: Arc<SimClient>,
    producer: Producer,
    clock: Arc<SimClock>,
    door: Arc<Door>,
    timeout: Duration,
    /// How often each shard is proved to be heard.
    every: Duration,
    shards: ShardCount,
    /// When each shard was heard last, and what it did not take.
    heard: Mutex<BTreeMap<u16, i64>>,
    missed: Mutex<BTreeMap<u16, (i64, i64)>>,
    is_booted: AtomicBool,
    is_dead: AtomicBool,
}

impl Ingest {
    pub fn new(
        client: Arc<SimClient>,
        producer: Producer,
        clock: Arc<SimClock>,
        door: Arc<Door>,
        timeout: Duration,
        every: Duration,
        shards: ShardCount,
    ) -> Arc<Self> {
        let (is_booted, is_dead) = (AtomicBool::new(false), AtomicBool::new(false));
        let (heard, missed) = (Mutex::default(), Mutex::default());
        Arc::new(Self { client, producer, clock, door, timeout, every, shards, heard, missed, is_booted, is_dead })
    }

    /// `kill -9`: nothing it has begun is answered.
    pub fn kill(&self) {
        self.is_dead.store(true, Ordering::Relaxed);
        self.client.freeze(true);
    }

    /// Says that it has started, then proves and confesses until it is killed.
    pub async fn run(self: Arc<Self>) {
        for shard in self.shards.all() {
            while !self.append(shard, &Body::Boot, self.clock.now()).await {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
        self.is_booted.store(true, Ordering::Relaxed);
        let loops = self.shards.all().map(|shard| Arc::clone(&self).watch(shard));
        futures::future::join_all(loops).await;
    }

    /// Takes a ping.
    pub async fn take(&self, shard: ShardId, ping: Ping) -> Answer {
        if self.is_dead.load(Ordering::Relaxed) || !self.door.is_open.load(Ordering::Relaxed) {
            return Answer::None;
        }
        if !self.is_booted.load(Ordering::Relaxed) {
            return Answer::None;
        }
        let received = self.clock.now();
        let is_taken = self.append(shard, &Body::Ping(ping), received).await;
        match (self.is_dead.load(Ordering::Relaxed), is_taken) {
            (true, _) => Answer::None,
            (false, true) => Answer::Acked,
            (false, false) => Answer::Refused,
        }
    }

    async fn watch(self: Arc<Self>, shard: ShardId) {
        loop {
            tokio::time::sleep(self.every).await;
            if self.is_dead.load(Ordering::Relaxed) {
                return;
            }
            self.confess(shard).await;
            let quiet = self.clock.now().0 - self.heard.lock().get(&shard.0).copied().unwrap_or(0);
            if quiet >= self.every.as_millis() as i64 && self.door.is_open.load(Ordering::Relaxed) {
                self.append(shard, &Body::Canary, self.clock.now()).await;
            }
        }
    }

    async fn confess(&self, shard: ShardId) {
        let Some((from, to)) = self.missed.lock().get(&shard.0).copied() else { return };
        let body = Body::Deaf { from: UnixMs(from), to: UnixMs(to) };
        let ticket = self.producer.append(shard, &body, self.clock.now());
        if matches!(tokio::time::timeout(self.timeout, ticket).await, Ok(Ok(_))) {
            let mut missed = self.missed.lock();
            // What was missed meanwhile is for the next report.
            match missed.get(&shard.0).copied() {
                Some((_, later)) if later > to => drop(missed.insert(shard.0, (to, later))),
                _ => drop(missed.remove(&shard.0)),
            }
        }
    }

    async fn append(&self, shard: ShardId, body: &Body, received: UnixMs) -> bool {
        let ticket = self.producer.append(shard, body, received);
        let is_taken = matches!(tokio::time::timeout(self.timeout, ticket).await, Ok(Ok(_)));
        if is_taken {
            let mut heard = self.heard.lock();
            let last = heard.entry(shard.0).or_default();
            *last = received.0.max(*last);
        } else {
            let (now, mut missed) = (self.clock.now().0, self.missed.lock());
            let span = missed.entry(shard.0).or_insert((received.0, now));
            *span = (span.0.min(received.0), span.1.max(now));
        }
        is_taken
    }
}
