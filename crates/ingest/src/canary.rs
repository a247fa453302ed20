//! Canaries: pings of our own through the public URL (rule 4 of time), so that what is proved includes DNS,
//! proxy and TLS. One that cannot get through is the operator's alert: a deaf server must never look like a
//! quiet one.

use crate::complaint::Complaint;
use crate::core::Core;
use crate::http::PING_BODY_LIMIT;
use crate::readiness::silent_shards;
use domain::ids::ShardId;
use http::HeaderValue;
use http::header::{CACHE_CONTROL, HeaderMap};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A shard that was not proved for so long gets a canary.
const QUIET_MS: i64 = 1_000;
/// How long a canary may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Sends canaries and remembers what the operator was told of them.
pub(crate) struct Canaries<'a> {
    core: &'a Core,
    courier: Option<Courier>,
    complaint: Complaint,
}

/// Carries canaries to the public URL.
struct Courier {
    client: reqwest::Client,
    base: String,
    host: String,
}

/// Who answered a canary well.
enum Answer {
    /// Says in its headers that it takes pings.
    Ours,
    Anybody,
}

/// Why a canary did not get through.
#[derive(Debug, thiserror::Error)]
enum CanaryError {
    #[error("the public URL answered {0}")]
    Status(u16),
    #[error("the public URL answered 200, but not as this product does")]
    Stranger,
    #[error("the public URL could not be reached: {0}")]
    Unreachable(reqwest::Error),
}

impl<'a> Canaries<'a> {
    pub(crate) fn new(core: &'a Core) -> Self {
        let courier = Courier::new(&core.options.public_url);
        if let Err(error) = &courier {
            tracing::error!(%error, "canaries cannot be sent, so silence cannot be told from deafness");
        }
        Self { core, courier: courier.ok(), complaint: Complaint::default() }
    }

    /// Sends one canary if the shard was quiet, and tells the operator when it does not get through. Whether all
    /// is well.
    pub(crate) async fn prove(&self, shard: ShardId) -> bool {
        let Some(courier) = &self.courier else { return false };
        let sent = self.core.now();
        if sent.since(self.core.hearing.last_proved(shard)) < QUIET_MS {
            return true;
        }
        let outcome = match courier.carry(self.core.keys.canary_token(shard)).await {
            Ok(Answer::Ours) => {
                self.core.hearing.carried(shard, sent);
                Ok(())
            }
            // A proxy took our headers off; the record is proof enough.
            Ok(Answer::Anybody) if self.core.hearing.last_heard(shard) >= sent => Ok(()),
            Ok(Answer::Anybody) => Err(CanaryError::Stranger),
            Err(error) => Err(error),
        };
        match &outcome {
            Ok(()) => self.got_through(&courier.host),
            Err(error) => self.failed(&courier.host, error),
        }
        outcome.is_ok()
    }

    /// Loud at once, then once a minute, however many shards there are.
    fn failed(&self, host: &str, error: &CanaryError) {
        if self.core.leaving.load(Ordering::Relaxed) {
            return;
        }
        self.core.metrics.canary_failed();
        if self.complaint.is_due() {
            tracing::error!(%host, %error, "canaries do not get through the public URL: jobs may not get through either");
        }
    }

    /// Forgets the complaint once no shard is silent, so that one healthy shard does not hide a sick one.
    fn got_through(&self, host: &str) {
        if self.complaint.was_told() && silent_shards(self.core).next().is_none() && self.complaint.is_settled() {
            tracing::info!(%host, "canaries get through the public URL again");
        }
    }
}

impl Courier {
    fn new(public_url: &str) -> Result<Self, reqwest::Error> {
        let base = public_url.trim_end_matches('/').to_owned();
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // What a cache remembers proves nothing.
            .default_headers(HeaderMap::from_iter([(CACHE_CONTROL, HeaderValue::from_static("no-cache"))]))
            .user_agent("quietpulse-canary");
        // A plain URL needs no roots, and a minimal image may have none.
        let client = if base.starts_with("http://") { client.tls_certs_only([]) } else { client };
        let host =
            reqwest::Url::parse(&base).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        Ok(Self { client: client.build()?, base, host })
    }

    async fn carry(&self, token: String) -> Result<Answer, CanaryError> {
        let reply = self.client.get(format!("{}/ping/{token}", self.base)).send().await;
        // The URL holds the token: it must not reach a log line.
        let reply = reply.map_err(|error| CanaryError::Unreachable(error.without_url()))?;
        if reply.status() != reqwest::StatusCode::OK {
            return Err(CanaryError::Status(reply.status().as_u16()));
        }
        Ok(if reply.headers().contains_key(PING_BODY_LIMIT) { Answer::Ours } else { Answer::Anybody })
    }
}
