//! The one way into the log: bounded, timed, and counted as heard or missed.

use crate::core::{Core, Unacknowledged};
use crate::gate::SharedAck;
use crate::metric::Shed;
use crate::signal::{Refused, is_plain_success};
use domain::ids::ShardId;
use domain::ping::Ping;
use domain::record::Body;
use domain::time::UnixMs;
use eventlog::{AppendError, AppendTicket, Appended};
use futures::FutureExt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// A client that gives up sooner says nothing about the log; one that gives up later does.
const SLOW: Duration = Duration::from_secs(1);

/// A record the log has been given, and whose word is awaited.
pub(crate) struct Waiting {
    ticket: AppendTicket,
    shard: ShardId,
    received: UnixMs,
    since: Instant,
}

impl Core {
    /// Gives a record to the log. Never waits; refused when too many records wait already, or when the log is
    /// known not to acknowledge records of this shard.
    pub(crate) fn submit(&self, shard: ShardId, body: &Body, received: UnixMs) -> Result<Waiting, Unacknowledged> {
        if self.inflight.load(Ordering::Relaxed) >= self.options.max_inflight {
            self.metrics.shed(Shed::Inflight);
            self.hearing.missed(shard, received, received);
            return Err(Unacknowledged::Unavailable);
        }
        let since = Instant::now();
        if !self.valves.admits(shard, self.ms_at(since)) {
            self.metrics.shed(Shed::LogAway);
            self.hearing.missed(shard, received, received);
            return Err(Unacknowledged::Unavailable);
        }
        let ticket = self.producer.append(shard, body, received);
        Ok(Waiting { ticket, shard, received, since })
    }

    /// Waits for the log's word, at most the append timeout counted from the submission.
    pub(crate) async fn settle(&self, waiting: Waiting) -> Result<Appended, Unacknowledged> {
        let Waiting { ticket, shard, received, since } = waiting;
        let mut abandoned = Abandoned::new(self, shard, received, since);
        let word = timeout_at(since + self.options.append_timeout, ticket).await.unwrap_or(Err(AppendError::TimedOut));
        abandoned.is_settled = true;
        match word {
            Ok(appended) => {
                self.acknowledged(shard, received, since, appended);
                self.hearing.heard(shard, received);
                Ok(appended)
            }
            Err(AppendError::TooLarge) => Err(Unacknowledged::TooLarge),
            Err(error) => {
                self.count_failure(error);
                self.failed(shard, since, error);
                self.hearing.missed(shard, received, self.now());
                Err(Unacknowledged::Unavailable)
            }
        }
    }

    /// Gives a record to the log and waits for its word.
    pub(crate) async fn append(
        &self,
        shard: ShardId,
        body: &Body,
        received: UnixMs,
    ) -> Result<Appended, Unacknowledged> {
        self.settle(self.submit(shard, body, received)?).await
    }

    /// What an acknowledgement says of the log and of the clocks.
    pub(crate) fn acknowledged(&self, shard: ShardId, received: UnixMs, since: Instant, appended: Appended) {
        let (waited, since_ms) = (since.elapsed(), self.ms_at(since));
        self.metrics.acknowledged(waited.as_secs_f64());
        self.valves.acknowledged(shard, since_ms.saturating_add(waited.as_millis() as u64));
        self.skew.observe(since_ms, received, appended.append, waited);
    }

    /// What a failure says of the log. A full queue says nothing: too much may be asked of it.
    pub(crate) fn failed(&self, shard: ShardId, since: Instant, error: AppendError) {
        match error {
            AppendError::TimedOut => self.valves.timed_out(shard, self.ms_at(since), self.ms()),
            AppendError::Broken | AppendError::Closed => self.valves.failed(shard),
            AppendError::Busy | AppendError::TooLarge => {}
        }
    }

    /// Appends a ping. One that the log finds too large goes again without its body: the signal counts.
    pub(crate) async fn append_ping(&self, ping: Ping, received: UnixMs) -> Result<Appended, Refused> {
        let shard = self.gate.shard_of(ping.monitor);
        let mut body = Body::Ping(ping);
        let word = match self.append(shard, &body, received).await {
            Err(Unacknowledged::TooLarge) => {
                drop_body(&mut body);
                self.metrics.shed(Shed::Body);
                self.append(shard, &body, received).await
            }
            word => word,
        };
        word.map_err(|_| Refused::Unavailable)
    }

    /// Takes an ordinary ping: appends it, or, when its monitor is over its rate and it says nothing but
    /// "done", answers by the record of an equal one.
    pub(crate) async fn take(self: &Arc<Self>, ping: Ping, received: UnixMs) -> Result<(), Refused> {
        if !self.limiter.is_over(ping.monitor, received) || !is_plain_success(&ping) {
            return self.append_ping(ping, received).await.map(|_| ());
        }
        let posted = ping.details.as_ref().is_some_and(|details| details.method == "POST");
        let likeness = (ping.monitor, posted);
        let (ack, joined) = self.coalescer.join_or_lead(likeness, received, || self.lead(ping, received));
        if joined {
            self.metrics.coalesced();
        }
        ack.await.map_err(|_| Refused::Unavailable)
    }

    /// The acknowledgement of a ping that will stand for others: it is in the log's queue when this returns.
    fn lead(self: &Arc<Self>, ping: Ping, received: UnixMs) -> SharedAck {
        let submitted = self.submit(self.gate.shard_of(ping.monitor), &Body::Ping(ping), received);
        let core = Arc::clone(self);
        async move { core.settle(submitted?).await.map(|_| ()) }.boxed().shared()
    }

    fn count_failure(&self, error: AppendError) {
        match error {
            AppendError::Busy => self.metrics.shed(Shed::Busy),
            AppendError::TimedOut => {
                self.metrics.possibly_persisted();
                self.metrics.shed(Shed::TimedOut);
            }
            AppendError::Broken => {
                self.metrics.possibly_persisted();
                self.metrics.shed(Shed::Broken);
            }
            AppendError::Closed | AppendError::TooLarge => self.metrics.shed(Shed::Broken),
        }
    }
}

fn drop_body(body: &mut Body) {
    if let Body::Ping(Ping { details: Some(details), .. }) = body {
        details.body = Vec::new();
        details.body_cut = true;
    }
}

/// Counts a record as waiting, and notices when its client goes away before the log has answered.
struct Abandoned<'a> {
    core: &'a Core,
    shard: ShardId,
    received: UnixMs,
    since: Instant,
    is_settled: bool,
}

impl<'a> Abandoned<'a> {
    fn new(core: &'a Core, shard: ShardId, received: UnixMs, since: Instant) -> Self {
        core.inflight.fetch_add(1, Ordering::Relaxed);
        Self { core, shard, received, since, is_settled: false }
    }
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        self.core.inflight.fetch_sub(1, Ordering::Relaxed);
        // A slow log whose clients lose patience is as deaf as one that times out. A client that hangs up at
        // once is not: otherwise anybody with a token could make a shard deaf.
        if !self.is_settled && self.since.elapsed() >= SLOW {
            self.core.metrics.possibly_persisted();
            self.core.valves.failed(self.shard);
            self.core.hearing.missed(self.shard, self.received, self.core.now());
        }
    }
}
