//! One attempt from offer to outcome: find the channel, take a place, send, remember how the endpoint fared.

mod breaker;
mod bulkhead;
mod directory;

use crate::channel::{Channels, Sent};
use crate::metric;
use crate::notice::{Job, Message, Notice};
use crate::notifier::{NotifierError, Parts};
use crate::options::{NotifierDeps, NotifierOptions};
use breaker::Breakers;
use bulkhead::{Bulkhead, Busy};
use directory::{Directory, Opened};
use domain::command::AttemptResult;
use domain::ids::{ChannelId, DeliveryId};
use domain::time::Clock;
use std::sync::Arc;
use store::row::ChannelRow;
use tokio::time::Instant;
use wire::v1::channel::Settings;

/// What can hang or break as one: its attempts share places and a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Endpoint {
    Channel(ChannelId),
    /// The operator's relay serves all e-mail channels.
    MailRelay,
    Stdout,
}

impl Endpoint {
    fn of(opened: &Opened) -> Self {
        match opened.settings {
            Settings::Email(_) => Self::MailRelay,
            Settings::Log(_) => Self::Stdout,
            _ => Self::Channel(opened.row.id),
        }
    }
}

/// Makes attempts.
pub(crate) struct Attempts {
    channels: Channels,
    directory: Directory,
    bulkhead: Arc<Bulkhead>,
    breakers: Breakers,
    clock: Arc<dyn Clock>,
    public_url: String,
}

impl Attempts {
    /// Fails when a setting of the operator is wrong.
    pub(crate) fn new(deps: NotifierDeps, options: &NotifierOptions, parts: Parts) -> Result<Self, NotifierError> {
        Ok(Self {
            channels: Channels::new(options, parts)?,
            directory: Directory::new(deps.store, deps.sealer, deps.clock.clone()),
            bulkhead: Bulkhead::new(options.capacity.max(1) as usize),
            breakers: Breakers::default(),
            clock: deps.clock,
            public_url: options.public_url.trim_end_matches('/').to_owned(),
        })
    }

    /// Makes the attempt, or says why not. Bounded in time by its parts: the store's answer, the wait for a
    /// place, the channel's own limits.
    pub(crate) async fn make(&self, job: &Job) -> AttemptResult {
        let opened = match self.directory.find(job.tenant, job.channel).await {
            Ok(opened) => opened,
            Err(refusal) => {
                metric::count_unattempted("unknown", "channel");
                return refusal.into();
            }
        };
        let (endpoint, kind) = (Endpoint::of(&opened), opened.settings.kind_word());
        if let Err(open) = self.breakers.check(endpoint, Instant::now()) {
            metric::count_unattempted(kind, "breaker_open");
            return AttemptResult::Retry { after_ms: Some(open.wait.as_millis() as u64), error: open.to_string() };
        }
        match self.in_its_place(endpoint, kind, &opened, job).await {
            Ok(result) => result,
            Err(Busy) => {
                metric::count_unattempted(kind, "busy");
                AttemptResult::Retry { after_ms: None, error: "endpoint busy".to_owned() }
            }
        }
    }

    async fn in_its_place(
        &self,
        endpoint: Endpoint,
        kind: &'static str,
        opened: &Arc<Opened>,
        job: &Job,
    ) -> Result<AttemptResult, Busy> {
        let place = self.bulkhead.enter(endpoint)?;
        let _permit = place.start().await?;
        let started = Instant::now();
        let sent = self.send(opened, job.delivery, &job.notice).await;
        match &sent.result {
            AttemptResult::Retry { error, .. } if !sent.endpoint_works => {
                self.breakers.note_failure(endpoint, error, Instant::now());
            }
            _ => self.breakers.note_success(endpoint),
        }
        metric::observe_attempt(kind, &sent.result, started.elapsed());
        Ok(sent.result)
    }

    /// Sends a test message. Outside of places and breakers: whoever asks wants to know now.
    pub(crate) async fn test(&self, row: &ChannelRow) -> Result<(), String> {
        let opened = Arc::new(self.directory.open(row.clone()).map_err(|e| e.to_string())?);
        let notice = Notice::Test { channel: row.name.clone() };
        match self.send(&opened, DeliveryId(rand::random()), &notice).await.result {
            AttemptResult::Delivered => Ok(()),
            AttemptResult::Retry { error, .. } | AttemptResult::Failed { error } | AttemptResult::Gone { error } => {
                Err(error)
            }
        }
    }

    async fn send(&self, opened: &Arc<Opened>, delivery: DeliveryId, notice: &Notice) -> Sent {
        let message = Message { delivery, notice, now: self.clock.now(), public_url: &self.public_url };
        let sent = self.channels.send(&opened.settings, &message).await;
        if let Some(chat) = &sent.moved_to {
            self.directory.move_chat(opened, chat).await;
        }
        sent
    }
}
