//! A delivery feed of ours, behind the guard that real ones have.

use super::{INTERNAL_TOKEN, until};
use domain::command::AttemptOutcome;
use domain::ids::DeliveryId;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::service::Interceptor;
use tonic::{Request, Response, Status, Streaming};
use wire::convert::log::outcome_from_wire;
use wire::internal_auth::InternalGuard;
use wire::v1::delivery_feed_server::{DeliveryFeed, DeliveryFeedServer};
use wire::v1::worker_message::Message;
use wire::v1::{Offer, WorkerHello, WorkerMessage};

type Offers = mpsc::Sender<Result<Offer, Status>>;

#[derive(Default)]
pub struct State {
    sessions: Mutex<Vec<Offers>>,
    pub hellos: Mutex<Vec<WorkerHello>>,
    pub outcomes: Mutex<Vec<AttemptOutcome>>,
    /// Calls that the guard turned away.
    pub refused: AtomicUsize,
    /// Refuse outcomes of the next sessions, as one that dies before it reads them.
    pub deaf: AtomicBool,
}

pub struct Evaluator {
    pub address: SocketAddr,
    pub state: Arc<State>,
}

struct Service(Arc<State>);

#[tonic::async_trait]
impl DeliveryFeed for Service {
    type WorkStream = ReceiverStream<Result<Offer, Status>>;

    async fn work(&self, request: Request<Streaming<WorkerMessage>>) -> Result<Response<Self::WorkStream>, Status> {
        let (offers, stream) = mpsc::channel(256);
        self.0.sessions.lock().unwrap().push(offers);
        tokio::spawn(read(self.0.clone(), request.into_inner()));
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

async fn read(state: Arc<State>, mut messages: Streaming<WorkerMessage>) {
    let session = state.sessions.lock().unwrap().len();
    while let Ok(Some(message)) = messages.message().await {
        match message.message {
            Some(Message::Hello(hello)) => state.hellos.lock().unwrap().push(hello),
            Some(Message::Outcome(outcome)) if !state.deaf.load(Ordering::SeqCst) => {
                assert_eq!(outcome.shard, 3);
                let read = outcome_from_wire(outcome.outcome.unwrap()).unwrap();
                state.outcomes.lock().unwrap().push(read);
            }
            _ => {}
        }
    }
    // The worker closed its half: a real evaluator then ends the stream.
    state.sessions.lock().unwrap().drain(..).skip(session).for_each(drop);
}

impl Evaluator {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State::default());
        let (mut guard, counted) = (InternalGuard::new(INTERNAL_TOKEN), state.clone());
        let counting = move |request: Request<()>| {
            guard.call(request).inspect_err(|_| {
                counted.refused.fetch_add(1, Ordering::SeqCst);
            })
        };
        let service = DeliveryFeedServer::with_interceptor(Service(state.clone()), counting);
        let server = tonic::transport::Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        Self { address, state }
    }

    /// Offers an attempt to the newest session, waiting for one.
    pub async fn offer(&self, offer: Offer) {
        let state = self.state.clone();
        until("a session", || !state.sessions.lock().unwrap().is_empty()).await;
        let session = self.state.sessions.lock().unwrap().last().cloned().unwrap();
        session.send(Ok(offer)).await.unwrap();
    }

    /// Breaks all sessions, as a process that dies.
    pub async fn break_sessions(&self) {
        let sessions: Vec<Offers> = self.state.sessions.lock().unwrap().drain(..).collect();
        for session in sessions {
            session.send(Err(Status::unavailable("dying"))).await.unwrap();
        }
    }

    /// Waits for an outcome of a delivery and takes it.
    pub async fn outcome(&self, delivery: DeliveryId) -> AttemptOutcome {
        loop {
            if let Some(outcome) = self.take(delivery) {
                return outcome;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    fn take(&self, delivery: DeliveryId) -> Option<AttemptOutcome> {
        let mut outcomes = self.state.outcomes.lock().unwrap();
        let at = outcomes.iter().position(|o| o.delivery == delivery)?;
        Some(outcomes.remove(at))
    }

    pub fn hellos(&self) -> usize {
        self.state.hellos.lock().unwrap().len()
    }
}
