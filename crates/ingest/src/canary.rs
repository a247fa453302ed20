//! Evidence that this process can be heard (rule 4 of time), and the loop that keeps it fresh.
//!
//! For each shard that took no record for a second, one canary goes through the public ping URL, so that what
//! is proved includes DNS, proxy and TLS. A canary that cannot get through is the operator's alert: a deaf
//! server must never look like a quiet one.

use crate::core::{Core, Unacknowledged};
use domain::ids::ShardId;
use domain::record::Body;
use futures::future::join_all;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// A shard that was not heard for so long gets a canary.
const QUIET_MS: i64 = 1_000;
/// A shard that was not heard for so long is missing in `/readyz`.
const MISSING_MS: i64 = 5_000;
/// How often each shard is looked at.
const STEP: Duration = Duration::from_millis(250);
const REVOCATIONS_EVERY: Duration = Duration::from_secs(5);
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);
/// How long a canary may take.
const CANARY_TIMEOUT: Duration = Duration::from_secs(2);

/// Appends a boot record to every shard; durable when this returns `Ok`.
pub(crate) async fn announce_boot(core: &Core) -> Result<(), Unacknowledged> {
    let now = core.now();
    let boots = core.keys.shards().all().map(|shard| async move { core.append(shard, &Body::Boot, now).await });
    join_all(boots).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    core.booted.store(true, Ordering::Relaxed);
    Ok(())
}

/// What is missing, in words for an operator.
pub(crate) fn missing(core: &Core) -> Vec<String> {
    let mut missing = Vec::new();
    if !core.booted.load(Ordering::Relaxed) {
        missing.push(String::from("the boot records are not in the log yet"));
    }
    let now = core.now();
    let silent: Vec<_> =
        core.keys.shards().all().filter(|shard| now.since(core.hearing.last_heard(*shard)) > MISSING_MS).collect();
    if let Some(first) = silent.first() {
        missing.push(format!("no ping or canary reaches {} of the shards, the first is {first}", silent.len()));
    }
    let deaf = core.keys.shards().all().filter(|shard| core.hearing.unreported(*shard).is_some()).count();
    if deaf > 0 {
        missing.push(format!("the log does not acknowledge records of {deaf} of the shards"));
    }
    missing
}

/// Shards from which no evidence came for too long.
fn silent_shards(core: &Core) -> impl Iterator<Item = ShardId> {
    let now = core.now();
    core.keys.shards().all().filter(move |shard| now.since(core.hearing.last_heard(*shard)) > MISSING_MS)
}

/// Runs until `shutdown`. Every shard has loops of its own: one that the log has stopped answering must not
/// make the others look deaf.
pub(crate) async fn run(core: Arc<Core>, shutdown: CancellationToken) {
    let watch = Watch::new(&core);
    let shards = core.keys.shards().all();
    let confessions = join_all(shards.map(|shard| watch.keep_confessing(shard)));
    let shards = core.keys.shards().all();
    let canaries = join_all(shards.map(|shard| watch.keep_proving(shard)));
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = keep_revocations(&core) => {}
        () = watch.keep_publishing() => {}
        _ = confessions => {}
        _ = canaries => {}
    }
}

/// A steady beat that does not hurry after a pause.
fn beat(every: Duration) -> Interval {
    let mut beat = interval(every);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat
}

async fn keep_revocations(core: &Core) {
    let mut beat = beat(REVOCATIONS_EVERY);
    let mut is_away = false;
    loop {
        beat.tick().await;
        match core.gate.refresh_revocations().await {
            Ok(()) => is_away = false,
            Err(error) if !is_away => {
                is_away = true;
                tracing::warn!(%error, "revoked tokens could not be read, the last known ones stay in force");
            }
            Err(_) => {}
        }
    }
}

struct Watch<'a> {
    core: &'a Core,
    courier: Option<Courier>,
    /// When the operator was last told that canaries do not get through; `None`: they do.
    complained: Mutex<Option<Instant>>,
}

/// Carries canaries to the public URL.
struct Courier {
    client: reqwest::Client,
    base: String,
    host: String,
}

/// Why a canary did not get through.
#[derive(Debug, thiserror::Error)]
enum CanaryError {
    #[error("the public URL answered {0}")]
    Status(u16),
    #[error("the public URL could not be reached: {0}")]
    Unreachable(reqwest::Error),
}

impl<'a> Watch<'a> {
    fn new(core: &'a Core) -> Self {
        let courier = Courier::new(&core.options.public_url);
        if let Err(error) = &courier {
            tracing::error!(%error, "canaries cannot be sent, so silence cannot be told from deafness");
        }
        Self { core, courier: courier.ok(), complained: Mutex::new(None) }
    }

    async fn keep_confessing(&self, shard: ShardId) {
        let mut beat = beat(STEP);
        loop {
            beat.tick().await;
            self.confess(shard).await;
        }
    }

    async fn keep_proving(&self, shard: ShardId) {
        let mut beat = beat(STEP);
        loop {
            beat.tick().await;
            if self.core.now().since(self.core.hearing.last_heard(shard)) >= QUIET_MS {
                self.prove(shard).await;
            }
        }
    }

    async fn keep_publishing(&self) {
        let mut beat = beat(STEP);
        loop {
            beat.tick().await;
            self.core.hearing.clamp_to(self.core.now());
            self.publish();
        }
    }

    /// Tells the log in which seconds pings of this shard were not taken. The attempt is also the probe.
    async fn confess(&self, shard: ShardId) {
        let Some(span) = self.core.hearing.unreported(shard) else { return };
        let deaf = Body::Deaf { from: span.from, to: span.to };
        let waiting = self.core.producer.append(shard, &deaf, self.core.now());
        let word = tokio::time::timeout(self.core.options.append_timeout, waiting).await;
        if matches!(word, Ok(Ok(_))) {
            let seconds = span.to.since(span.from) as f64 / 1000.0;
            tracing::warn!(shard = shard.0, seconds, "pings of a shard were not taken, and the log knows now");
            self.core.hearing.reported(shard, span);
        }
    }

    /// Sends one canary and tells the operator when it does not get through.
    async fn prove(&self, shard: ShardId) {
        let Some(courier) = &self.courier else { return };
        match courier.carry(self.core.keys.canary_token(shard)).await {
            Ok(()) => self.got_through(&courier.host),
            Err(error) => {
                self.core.metrics.canary_failed();
                self.complain(&courier.host, &error);
            }
        }
    }

    /// Loud at once, then once a minute, however many shards there are.
    fn complain(&self, host: &str, error: &CanaryError) {
        let mut complained = self.complained.lock();
        if complained.is_none_or(|last| last.elapsed() >= COMPLAIN_EVERY) {
            *complained = Some(Instant::now());
            tracing::error!(%host, %error, "canaries do not get through the public URL: jobs may not get through either");
        }
    }

    /// Forgets the complaint once no shard is silent, so that one healthy shard does not hide a sick one.
    fn got_through(&self, host: &str) {
        let mut complained = self.complained.lock();
        if complained.is_some() && silent_shards(self.core).next().is_none() {
            *complained = None;
            tracing::info!(%host, "canaries get through the public URL again");
        }
    }

    fn publish(&self) {
        let now = self.core.now();
        let oldest = self.core.keys.shards().all().map(|shard| self.core.hearing.last_heard(shard)).min();
        let age_ms = oldest.map_or(0, |oldest| now.since(oldest).max(0));
        self.core.metrics.canary_age(age_ms as f64 / 1000.0);
        self.core
            .metrics
            .load(self.core.inflight.load(Ordering::Relaxed), self.core.connections.load(Ordering::Relaxed));
    }
}

impl Courier {
    fn new(public_url: &str) -> Result<Self, reqwest::Error> {
        let base = public_url.trim_end_matches('/').to_owned();
        let client = reqwest::Client::builder()
            .timeout(CANARY_TIMEOUT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("quietpulse-canary");
        // A plain URL needs no roots, and a minimal image may have none.
        let client = if base.starts_with("http://") { client.tls_certs_only([]) } else { client };
        let host =
            reqwest::Url::parse(&base).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        Ok(Self { client: client.build()?, base, host })
    }

    async fn carry(&self, token: String) -> Result<(), CanaryError> {
        let reply = self.client.get(format!("{}/ping/{token}", self.base)).send().await;
        // The URL holds the token: it must not reach a log line.
        let reply = reply.map_err(|error| CanaryError::Unreachable(error.without_url()))?;
        if reply.status() == reqwest::StatusCode::OK {
            Ok(())
        } else {
            Err(CanaryError::Status(reply.status().as_u16()))
        }
    }
}
