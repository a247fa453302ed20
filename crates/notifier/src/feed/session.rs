//! One stream of offers, from hello to its end.

use super::DRAIN;
use super::dial::Offers;
use super::ledger::{Claim, Reply, Running};
use super::offer;
use super::places::{Lane, Place};
use super::shared::Shared;
use crate::metric;
use crate::notice::Job;
use futures::TryStreamExt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use wire::v1::worker_message::Message;
use wire::v1::{Offer, WorkerHello, WorkerMessage};

const OPEN: Duration = Duration::from_secs(10);
/// Outcomes that may wait to be sent, besides one for each offer the evaluator may send: a few are told again.
const SPARE_OUTCOMES: usize = 64;

/// An open stream.
pub(super) struct Session {
    shared: Arc<Shared>,
    lane: Lane,
    offers: Offers,
    /// As long as it lasts, outcomes are sent.
    reply: mpsc::Sender<WorkerMessage>,
}

impl Session {
    /// Connects, says hello and opens the stream.
    pub(super) async fn open(shared: &Arc<Shared>, evaluator: SocketAddr) -> Result<Self, Status> {
        let capacity = shared.share();
        let (reply, outcomes) = mpsc::channel(capacity as usize + SPARE_OUTCOMES);
        let hello = Message::Hello(WorkerHello { worker: shared.worker.clone(), capacity });
        let closed = |_| Status::internal("the stream of outcomes is closed");
        reply.send(WorkerMessage { message: Some(hello) }).await.map_err(closed)?;
        let call = shared.dial.open(evaluator, &shared.auth, ReceiverStream::new(outcomes));
        let opened = tokio::time::timeout(OPEN, call).await;
        let offers = opened.map_err(|_| Status::deadline_exceeded("the evaluator did not open the stream"))??;
        Ok(Self { shared: shared.clone(), lane: shared.places.lane(), offers, reply })
    }

    /// Works until the stream ends or `shutdown`. `Ok`: the evaluator ended it, or we did.
    pub(super) async fn work(mut self, shutdown: &CancellationToken) -> Result<(), Status> {
        loop {
            let offer = tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                offer = self.offers.try_next() => offer?,
            };
            let Some(offer) = offer else { return Ok(()) };
            // An evaluator that offers more than it was told, or than there are places, is read no further until
            // some are free.
            tokio::select! {
                biased;
                () = self.take(offer) => {}
                () = shutdown.cancelled() => break,
            }
        }
        self.drain().await;
        Ok(())
    }

    /// Takes one offer on, waiting for nothing but a place.
    async fn take(&self, offer: Offer) {
        let shard = offer.shard;
        let job = match offer::read(offer) {
            Ok(job) => job,
            Err(unreadable) => {
                metric::count_unattempted("unknown", "unreadable");
                tracing::error!(shard, error = %unreadable.error, "an offer cannot be read and is sent back");
                return report(&self.reply.downgrade(), offer::sent_back(shard, unreadable));
            }
        };
        match self.shared.ledger.claim((job.delivery, job.attempt), self.reply.downgrade()) {
            // Claimed before it has its place: another evaluator may offer the same meanwhile.
            Claim::New(running) => self.spawn_attempt(shard, job, running, self.lane.take().await),
            Claim::Repeated => metric::count_repeated_offer(),
            Claim::Ended(outcome) => {
                metric::count_repeated_offer();
                report(&self.reply.downgrade(), outcome);
            }
        }
    }

    fn spawn_attempt(&self, shard: u32, job: Job, running: Running, place: Place) {
        let attempts = self.shared.attempts.clone();
        tokio::spawn(async move {
            let result = attempts.make(&job).await;
            tracing::debug!(delivery = %job.delivery, attempt = job.attempt, shard, ?result, "attempt ended");
            let outcome = offer::outcome(shard, &job, result);
            running.end(outcome.clone()).iter().for_each(|reply| report(reply, outcome.clone()));
            drop(place);
        });
    }

    /// Waits for the attempts under way, says goodbye, and lets the evaluator close the stream.
    async fn drain(mut self) {
        if tokio::time::timeout(DRAIN, self.lane.idle()).await.is_err() {
            tracing::warn!(seconds = DRAIN.as_secs(), "attempts under way did not end in time");
        }
        drop(self.reply);
        let closed = async { while let Ok(Some(_)) = self.offers.try_next().await {} };
        let _late = tokio::time::timeout(Duration::from_secs(2), closed).await;
    }
}

/// Nobody waits for an evaluator that takes no outcome, because it is gone, frozen or slow: it offers again, and is
/// then answered from the ledger.
fn report(reply: &Reply, outcome: WorkerMessage) {
    if reply.upgrade().is_none_or(|reply| reply.try_send(outcome).is_err()) {
        metric::count_unsent_outcome();
        tracing::debug!("an outcome waits for its offer to come again");
    }
}
