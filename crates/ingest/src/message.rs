//! A ping that comes as a message (gRPC, batch line) and not as an URL.

use crate::append::Waiting;
use crate::core::{Core, Unacknowledged};
use crate::gate::{Existence, TokenTarget};
use crate::signal::{self, Refused, Target, add_metric, cut_chars};
use domain::ids::{MonitorId, RunId};
use domain::ping::{Metric, Ping, PingDetails, PingKind};
use domain::record::Body;

/// What a message says, as written.
#[derive(Debug, Default)]
pub(crate) struct PingMessage<'a> {
    pub target: &'a str,
    pub kind: &'a str,
    /// Empty: none.
    pub run: &'a str,
    pub metrics: Vec<(&'a str, f64)>,
    pub duration_ms: Option<u64>,
    pub body: &'a [u8],
    pub message: &'a str,
    pub environment: &'a str,
    pub host: &'a str,
    /// `grpc` or `batch`.
    pub method: &'static str,
    pub client: String,
}

impl Core {
    /// Checks a message and gives its ping to the log; the answer is in the ticket. Messages given one after
    /// the other are in the log in that order.
    pub(crate) async fn submit_message(&self, message: PingMessage<'_>) -> Result<Waiting, Refused> {
        let (monitor, generation) = self.find(message.target).await?;
        let ping = message.into_ping(monitor, generation, self.options.body_limit_bytes)?;
        self.submit(self.gate.shard_of(monitor), &Body::Ping(ping), self.now()).map_err(Refused::from)
    }

    /// Waits for the log's word on a submitted message.
    pub(crate) async fn settle_message(&self, submitted: Result<Waiting, Refused>) -> Result<(), Refused> {
        self.settle(submitted?).await.map(|_| ()).map_err(Refused::from)
    }

    async fn find(&self, target: &str) -> Result<(MonitorId, Option<u8>), Refused> {
        match Target::parse(target).ok_or(Refused::NotFound)? {
            Target::Token(token) => match self.gate.by_token(token)? {
                TokenTarget::Monitor { monitor, generation } => Ok((monitor, Some(generation))),
                // A canary proves the way through the public URL, which this is not.
                TokenTarget::Canary { .. } => Err(Refused::NotFound),
            },
            Target::Slug { key, slug } => {
                let found = self.gate.by_slug(key, slug).await?;
                if found.existence == Existence::Missing { Err(Refused::NotFound) } else { Ok((found.monitor, None)) }
            }
        }
    }
}

impl PingMessage<'_> {
    /// The ping it means. Of its body the first `body_limit_bytes` are kept.
    pub(crate) fn into_ping(
        self,
        monitor: MonitorId,
        generation: Option<u8>,
        body_limit_bytes: usize,
    ) -> Result<Ping, Refused> {
        let kind = kind_of(self.kind)?;
        let run = run_of(self.run)?;
        let mut metrics: Vec<Metric> = Vec::new();
        self.metrics.iter().for_each(|(name, value)| add_metric(&mut metrics, name, *value));
        let kept = self.body.get(..body_limit_bytes).unwrap_or(self.body);
        let details = PingDetails {
            body: kept.to_vec(),
            body_cut: kept.len() < self.body.len(),
            message: cut_chars(self.message, signal::MAX_MESSAGE_CHARS).to_owned(),
            environment: cut_chars(self.environment, signal::MAX_ENVIRONMENT_CHARS).to_owned(),
            host: cut_chars(self.host, signal::MAX_HOST_CHARS).to_owned(),
            method: self.method.to_owned(),
            client: self.client,
            user_agent: String::new(),
        };
        Ok(Ping {
            monitor,
            generation,
            kind,
            run,
            duration_ms: self.duration_ms,
            metrics,
            details: Some(Box::new(details)),
            create: None,
        })
    }
}

impl From<Unacknowledged> for Refused {
    fn from(error: Unacknowledged) -> Self {
        match error {
            Unacknowledged::Unavailable => Self::Unavailable,
            Unacknowledged::TooLarge => Self::Invalid(String::from("larger than the log takes")),
        }
    }
}

fn kind_of(text: &str) -> Result<PingKind, Refused> {
    let allowed = || Refused::Invalid(String::from("kind: allowed are success, start, fail, log and 0 to 255"));
    signal::parse_kind(text).unwrap_or_else(|| Err(allowed())).map_err(|_| allowed())
}

fn run_of(text: &str) -> Result<Option<RunId>, Refused> {
    if text.is_empty() { Ok(None) } else { signal::parse_run(text).map(Some) }
}
