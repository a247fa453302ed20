//! The whole stage: built once, run until shutdown, and asked for test messages by the API.

use crate::attempt::Attempts;
use crate::channel::log::{LogSink, StdoutSink};
use crate::egress::{Lookup, SystemLookup, Transport};
use crate::feed::{Dial, Feed, Tonic};
use crate::options::{NotifierDeps, NotifierOptions};
use crate::readiness::Readiness;
use std::sync::Arc;
use std::time::Duration;
use store::row::ChannelRow;
use tokio_util::sync::CancellationToken;

/// Why a notifier cannot be built: each names the setting.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotifierError {
    #[error("{setting}: {problem}")]
    Setting { setting: &'static str, problem: String },
    #[error("the TLS roots of this machine cannot be read: {0}")]
    TlsRoots(String),
}

/// How often the names of evaluators are looked up.
const LOOKUP_EVERY: Duration = Duration::from_secs(5);

/// What may be replaced: everything outside this process.
#[derive(Clone)]
pub struct Parts {
    /// Of the URLs of channels, behind the guard, and of evaluators, without.
    pub lookup: Arc<dyn Lookup>,
    /// How often the names of evaluators are looked up, about.
    pub lookup_every: Duration,
    /// Where the channel `log` writes, and in which form.
    pub log: Arc<dyn LogSink>,
    /// Opens streams to evaluators.
    pub dial: Arc<dyn Dial>,
    /// Carries requests to webhooks and providers other than mail; `None`: the network does.
    pub transport: Option<Arc<dyn Transport>>,
}

impl Default for Parts {
    fn default() -> Self {
        let (lookup, log) = (Arc::new(SystemLookup), Arc::new(StdoutSink::default()));
        Self { lookup, lookup_every: LOOKUP_EVERY, log, dial: Arc::new(Tonic), transport: None }
    }
}

/// Takes offers from evaluators, makes attempts, reports outcomes. Cheap to clone.
#[derive(Clone)]
pub struct Notifier {
    attempts: Arc<Attempts>,
    feed: Feed,
}

impl Notifier {
    /// Fails when a setting is wrong: an evaluator's place, the sender's address, the Telegram base URL, a certificate
    /// file.
    pub fn new(deps: NotifierDeps, options: NotifierOptions) -> Result<Self, NotifierError> {
        Self::with_parts(deps, options, Parts::default())
    }

    /// As [`Notifier::new`], with name resolution and the log's sink given.
    pub fn with_parts(deps: NotifierDeps, options: NotifierOptions, parts: Parts) -> Result<Self, NotifierError> {
        let auth = deps.auth.clone();
        let attempts = Arc::new(Attempts::new(deps, &options, parts.clone())?);
        Ok(Self { feed: Feed::new(&options, auth, attempts.clone(), parts)?, attempts })
    }

    /// Works until `shutdown`, then finishes the attempts under way and reports them.
    pub async fn run(self, shutdown: CancellationToken) {
        self.feed.run(shutdown).await;
    }

    /// Ready when it runs and at least one evaluator is reached; says which are not.
    pub fn readiness(&self) -> Readiness {
        self.feed.readiness()
    }

    /// Sends a `channel.test` message now, through the code that sends alerts. The error says what went wrong,
    /// in words and without secrets.
    pub async fn test_channel(&self, row: &ChannelRow) -> Result<(), String> {
        self.attempts.test(row).await
    }
}
