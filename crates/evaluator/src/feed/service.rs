//! `DeliveryFeed.Work`: one stream a notifier.

use super::hub::{Assigned, FeedHub};
use crate::EvaluatorDeps;
use domain::command::{AttemptOutcome, AttemptResult};
use domain::ids::{DeliveryId, ShardId};
use domain::ping::{PingDetails, PingKind};
use domain::planted;
use domain::record::Body;
use domain::transition::Transition;
use futures::StreamExt;
use futures::future::ready;
use futures::stream::BoxStream;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use store::StoreError;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use wire::convert::log::outcome_from_wire;
use wire::convert::rows::{delivery_to_wire, transition_to_wire};
use wire::v1::delivery_feed_server::DeliveryFeed;
use wire::v1::{Offer, OfferItem, WorkerHello, WorkerMessage, WorkerOutcome, worker_message};

/// Unanswered offers of one notifier at most, whatever it asks for.
const CAPACITY_MAX: u32 = 1_024;
/// Outcomes of one notifier on their way into the log at once.
const OUTCOMES_AT_ONCE: usize = 256;
/// How often a session looks for offers whose lease has run out.
const SWEEP: Duration = Duration::from_secs(1);
/// How long an offer waits that the store had no rows for.
const BUILD_AGAIN: Duration = Duration::from_millis(500);
/// How much of the last output goes with an offer, in bytes.
const TAIL_BYTES: usize = 2_000;
/// How many pings back the last output is looked for.
const TAIL_PINGS: u32 = 20;

/// What a notifier is offered.
pub type Offers = BoxStream<'static, Result<Offer, Status>>;
/// What it says: hello, then outcomes. It ends with the connection.
pub type Messages = BoxStream<'static, WorkerMessage>;

/// Serves notifiers. Clones share.
#[derive(Clone)]
pub struct FeedService {
    hub: Arc<FeedHub>,
    deps: EvaluatorDeps,
    stopping: CancellationToken,
}

impl FeedService {
    pub(crate) fn new(hub: Arc<FeedHub>, deps: EvaluatorDeps, stopping: CancellationToken) -> Self {
        Self { hub, deps, stopping }
    }

    /// Works with one notifier until either side ends.
    pub async fn serve(&self, mut messages: Messages) -> Result<Offers, Status> {
        let hello = match messages.next().await.and_then(|m| m.message) {
            Some(worker_message::Message::Hello(hello)) => hello,
            _ => return Err(Status::invalid_argument("the first message must be hello")),
        };
        let (offers, stream) = mpsc::channel(16);
        let session = Session::open(self, hello, offers);
        tokio::spawn(session.run(messages, self.stopping.clone()));
        Ok(ReceiverStream::new(stream).boxed())
    }
}

#[tonic::async_trait]
impl DeliveryFeed for FeedService {
    type WorkStream = Offers;

    async fn work(&self, request: Request<Streaming<WorkerMessage>>) -> Result<Response<Self::WorkStream>, Status> {
        let messages = request.into_inner();
        let sound = messages.take_while(|message| ready(message.is_ok())).filter_map(|m| ready(m.ok()));
        self.serve(sound.boxed()).await.map(Response::new)
    }
}

/// One notifier's stream.
struct Session {
    hub: Arc<FeedHub>,
    deps: EvaluatorDeps,
    worker: u64,
    name: String,
    /// One permit per offer it may take on.
    room: Arc<Semaphore>,
    /// Offers without an answer, and until when they are waited for: each holds a permit.
    open: Mutex<BTreeMap<(DeliveryId, u32), Instant>>,
    offers: mpsc::Sender<Result<Offer, Status>>,
}

impl Session {
    fn open(service: &FeedService, hello: WorkerHello, offers: mpsc::Sender<Result<Offer, Status>>) -> Self {
        let room = Arc::new(Semaphore::new(hello.capacity.clamp(1, CAPACITY_MAX) as usize));
        let (hub, deps, worker) = (Arc::clone(&service.hub), service.deps.clone(), service.hub.enter());
        tracing::info!(worker = hello.worker, capacity = hello.capacity, "a notifier works for the feed");
        Self { hub, deps, worker, name: hello.worker, room, open: Mutex::default(), offers }
    }

    /// Sending and receiving go on side by side: neither is cut short by the other.
    async fn run(self, messages: Messages, stopping: CancellationToken) {
        tokio::select! {
            biased;
            () = stopping.cancelled() => {}
            () = self.offers.closed() => {}
            () = self.receive(messages) => {}
            () = self.send() => {}
            () = self.sweep() => {}
        }
        self.hub.leave(self.worker);
        tracing::info!(worker = self.name, "a notifier left the feed");
    }

    /// Outcomes do not wait for each other: a log across a network takes some milliseconds for each.
    async fn receive(&self, messages: Messages) {
        messages.for_each_concurrent(OUTCOMES_AT_ONCE, |message| self.take_message(message)).await;
    }

    /// An offer that was not answered in time no longer takes up room here; the hub gives it to somebody else.
    async fn sweep(&self) {
        loop {
            tokio::time::sleep(SWEEP).await;
            let now = Instant::now();
            let mut open = self.open.lock();
            let before = open.len();
            open.retain(|_, until| *until > now);
            self.room.add_permits(before - open.len());
        }
    }

    async fn send(&self) {
        while let Ok(permit) = self.room.acquire().await {
            permit.forget();
            let assigned = self.hub.take(self.worker).await;
            let lease_ms = self.hub.lease().as_millis() as u32;
            match self.build(&assigned, lease_ms).await {
                Ok(None) => self.room.add_permits(1),
                Ok(Some(offer)) => {
                    let key = (assigned.delivery.id, assigned.attempt);
                    self.open.lock().insert(key, Instant::now() + self.hub.lease());
                    if self.offers.send(Ok(offer)).await.is_err() {
                        return;
                    }
                }
                Err(problem) => self.fail_unbuilt(assigned, problem).await,
            }
        }
    }

    /// A store that does not answer, or does not show a row yet, is asked again: that alone must cost nobody an alert.
    /// `None`: it did not answer for half the lease. The attempt is offered again when the lease is over, if it is still
    /// to be made then.
    async fn build(&self, assigned: &Assigned, lease_ms: u32) -> Result<Option<Offer>, String> {
        let end = Instant::now() + self.hub.lease() / 2;
        loop {
            let unbuilt = match build_offer(&self.deps, assigned.clone(), lease_ms).await {
                Ok(offer) => return Ok(Some(offer)),
                Err(unbuilt) => unbuilt,
            };
            match unbuilt {
                Unbuilt::Unanswered(problem) if planted!("busy-store-fails-offers", false, true) => {
                    return Err(problem);
                }
                Unbuilt::Unanswered(problem) if Instant::now() >= end => {
                    tracing::warn!(delivery = %assigned.delivery.id, problem, "an offer is put off: the store is away");
                    return Ok(None);
                }
                Unbuilt::Gone(problem) if Instant::now() >= end => return Err(problem),
                Unbuilt::Unanswered(_) | Unbuilt::Gone(_) => tokio::time::sleep(BUILD_AGAIN).await,
            }
        }
    }

    /// An offer whose rows are gone cannot be attempted by anybody.
    async fn fail_unbuilt(&self, assigned: Assigned, error: String) {
        self.room.add_permits(1);
        tracing::error!(delivery = %assigned.delivery.id, error, "a delivery cannot be offered");
        let result = AttemptResult::Failed { error };
        let outcome = AttemptOutcome { delivery: assigned.delivery.id, attempt: assigned.attempt, result };
        let _ = append_outcome(&self.deps, assigned.shard, outcome).await;
    }

    async fn take_message(&self, message: WorkerMessage) {
        let Some(worker_message::Message::Outcome(outcome)) = message.message else { return };
        if let Err(problem) = self.take_outcome(outcome).await {
            // The lease runs out and the attempt is offered again.
            tracing::warn!(worker = self.name, problem, "an outcome was not taken");
        }
    }

    async fn take_outcome(&self, outcome: WorkerOutcome) -> Result<(), String> {
        let shard = u16::try_from(outcome.shard).map(ShardId).map_err(|_| "no such shard".to_owned())?;
        if shard.0 >= self.deps.log.shards().get() {
            return Err("no such shard".to_owned());
        }
        let wire = outcome.outcome.ok_or_else(|| "the outcome is missing".to_owned())?;
        let outcome = outcome_from_wire(wire).map_err(|error| error.to_string())?;
        let answered = self.open.lock().remove(&(outcome.delivery, outcome.attempt));
        self.room.add_permits(usize::from(answered.is_some()));
        append_outcome(&self.deps, shard, outcome).await
    }
}

async fn append_outcome(deps: &EvaluatorDeps, shard: ShardId, outcome: AttemptOutcome) -> Result<(), String> {
    let ticket = deps.producer.append(shard, &Body::Outcome(outcome), deps.clock.now());
    ticket.await.map(|_| ()).map_err(|error| error.to_string())
}

/// Why there is no offer.
enum Unbuilt {
    /// The store did not answer.
    Unanswered(String),
    /// It has no such row.
    Gone(String),
}

async fn build_offer(deps: &EvaluatorDeps, assigned: Assigned, lease_ms: u32) -> Result<Offer, Unbuilt> {
    let Assigned { shard, delivery, attempt } = assigned;
    let mut items = Vec::with_capacity(delivery.transitions.len());
    for id in &delivery.transitions {
        let row = deps.store.transition(shard, delivery.created_ms, *id).await;
        let transition = match row {
            Ok(Some(transition)) => transition,
            Ok(None) => return Err(Unbuilt::Gone(format!("transition {id} is not in the store"))),
            Err(error @ StoreError::Damaged { .. }) => return Err(Unbuilt::Gone(error.to_string())),
            Err(error) => return Err(Unbuilt::Unanswered(error.to_string())),
        };
        let body_tail = last_output(deps, &transition).await;
        items.push(OfferItem { transition: Some(transition_to_wire(&transition)), body_tail });
    }
    Ok(Offer { shard: shard.0.into(), delivery: Some(delivery_to_wire(&delivery)), attempt, lease_ms, items })
}

/// The end of the output of the last ping, or of notes that came after it. An alert without it is still an
/// alert.
async fn last_output(deps: &EvaluatorDeps, transition: &Transition) -> Vec<u8> {
    let Some(last) = &transition.last_ping else { return Vec::new() };
    let Ok(page) = deps.store.history(transition.monitor, TAIL_PINGS, None).await else { return Vec::new() };
    let upto = page.rows.into_iter().filter(|row| row.ping.number <= last.number && row.ignored.is_empty());
    let mut notes_then_ping = upto.scan(false, |done, row| {
        let was_done = std::mem::replace(done, row.ping.kind != PingKind::Log);
        (!was_done).then_some(row)
    });
    let output = notes_then_ping.find_map(|row| Some(output_of(row.details)).filter(|output| !output.is_empty()));
    let output = output.unwrap_or_default();
    output[output.len().saturating_sub(TAIL_BYTES)..].to_vec()
}

/// What a ping brought along for people: its message, then its body.
fn output_of(details: PingDetails) -> Vec<u8> {
    let between: &[u8] = if details.message.is_empty() || details.body.is_empty() { b"" } else { b"\n" };
    [details.message.as_bytes(), between, &details.body].concat()
}
