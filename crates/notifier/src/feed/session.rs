//! One stream of offers, from hello to its end.

use super::ledger::{Claim, Reply, Running};
use super::link::Link;
use super::offer;
use crate::metric;
use crate::notice::Job;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tonic::{Status, Streaming};
use wire::v1::delivery_feed_client::DeliveryFeedClient;
use wire::v1::worker_message::Message;
use wire::v1::{Offer, WorkerHello, WorkerMessage};

/// A digest of many items with their last lines of output.
const MAX_OFFER_BYTES: usize = 16 << 20;
/// Attempts under way get this long to end after a shutdown.
const DRAIN: Duration = Duration::from_secs(20);
const OPEN: Duration = Duration::from_secs(10);

/// Attempts of a session that are not reported yet. An evaluator that offers more than it was told is read no
/// further until some are.
struct Open {
    places: Arc<Semaphore>,
    most: u32,
}

/// Works until the stream ends or `shutdown`. `Ok`: the evaluator ended it, or we did.
pub(super) async fn work(link: &Link, channel: Channel, shutdown: &CancellationToken) -> Result<(), Status> {
    let most = link.capacity.saturating_mul(2);
    let open = Open { places: Arc::new(Semaphore::new(most as usize)), most };
    let (reply, outcomes) = mpsc::channel(most as usize + 1);
    let hello = WorkerHello { worker: link.worker.clone(), capacity: link.capacity };
    let hello = WorkerMessage { message: Some(Message::Hello(hello)) };
    reply.send(hello).await.map_err(|_| Status::internal("the stream of outcomes is closed"))?;
    let mut client =
        DeliveryFeedClient::with_interceptor(channel, link.auth.clone()).max_decoding_message_size(MAX_OFFER_BYTES);
    let call = tokio::time::timeout(OPEN, client.work(ReceiverStream::new(outcomes)));
    let offers =
        call.await.map_err(|_| Status::deadline_exceeded("the evaluator did not open the stream"))??.into_inner();
    take_all(link, offers, reply, &open, shutdown).await
}

async fn take_all(
    link: &Link,
    mut offers: Streaming<Offer>,
    reply: Reply,
    open: &Open,
    shutdown: &CancellationToken,
) -> Result<(), Status> {
    loop {
        let place = tokio::select! {
            place = open.places.clone().acquire_owned() => place.map_err(|_| Status::internal("no places"))?,
            () = shutdown.cancelled() => break,
        };
        let offer = tokio::select! {
            offer = offers.message() => offer?,
            () = shutdown.cancelled() => break,
        };
        match offer {
            Some(offer) => take(link, offer, &reply, place),
            None => return Ok(()),
        }
    }
    drain(offers, reply, open).await;
    Ok(())
}

/// Takes one offer on, without waiting for anything.
fn take(link: &Link, offer: Offer, reply: &Reply, place: OwnedSemaphorePermit) {
    let shard = offer.shard;
    let job = match offer::read(offer) {
        Ok(job) => job,
        Err(unreadable) => {
            metric::count_unattempted("unknown", "unreadable");
            tracing::error!(shard, error = %unreadable.error, "an offer cannot be read and is sent back");
            return answer_now(reply, offer::sent_back(shard, unreadable));
        }
    };
    match link.ledger.claim((job.delivery, job.attempt), reply.clone()) {
        Claim::New(running) => spawn_attempt(link, shard, job, running, place),
        Claim::Repeated => metric::count_repeated_offer(),
        Claim::Ended(outcome) => {
            metric::count_repeated_offer();
            answer_now(reply, outcome);
        }
    }
}

/// An evaluator that reads no outcomes offers again later; the stream of offers does not wait for it.
fn answer_now(reply: &Reply, outcome: WorkerMessage) {
    if reply.try_send(outcome).is_err() {
        tracing::debug!("an outcome waits for its offer to come again");
    }
}

fn spawn_attempt(link: &Link, shard: u32, job: Job, running: Running, place: OwnedSemaphorePermit) {
    let attempts = link.attempts.clone();
    tokio::spawn(async move {
        let result = attempts.make(&job).await;
        tracing::debug!(delivery = %job.delivery, attempt = job.attempt, shard, ?result, "attempt ended");
        let outcome = offer::outcome(shard, &job, result);
        report(running.end(outcome.clone()), outcome).await;
        drop(place);
    });
}

/// A session that is gone takes no outcome; the offer comes again and is answered from the ledger.
async fn report(reply: Option<Reply>, outcome: WorkerMessage) {
    if let Some(reply) = reply
        && reply.send(outcome).await.is_err()
    {
        tracing::debug!("an outcome waits for its offer to come again");
    }
}

/// Waits for the attempts under way, says goodbye, and lets the evaluator close the stream.
async fn drain(mut offers: Streaming<Offer>, reply: Reply, open: &Open) {
    let all = tokio::time::timeout(DRAIN, open.places.acquire_many(open.most)).await;
    if all.is_err() {
        tracing::warn!(seconds = DRAIN.as_secs(), "attempts under way did not end in time");
    }
    drop(reply);
    let closed = async { while let Ok(Some(_)) = offers.message().await {} };
    let _late = tokio::time::timeout(Duration::from_secs(2), closed).await;
}
