//! Several evaluators, each a process of its own as far as sockets can tell, and several notifiers.

use super::{INTERNAL_TOKEN, ManualClock, NOW, Names, TENANT, log_sink, within};
use domain::command::AttemptOutcome;
use domain::egress::EgressPolicy;
use domain::ids::{ChannelId, DeliveryId};
use notifier::{Notifier, NotifierDeps, NotifierOptions, Parts};
use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use store::Store;
use store::row::ChannelRow;
use store::seal::{Sealer, seal_settings};
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};
use wire::convert::log::outcome_from_wire;
use wire::internal_auth::{InternalAuth, InternalGuard};
use wire::v1::channel::Settings;
use wire::v1::delivery_feed_server::{DeliveryFeed, DeliveryFeedServer};
use wire::v1::worker_message::Message;
use wire::v1::{Offer, WebhookSettings, WorkerHello, WorkerMessage};

/// An evaluator on a runtime of its own, which can be killed as a process can.
pub struct Process {
    pub address: SocketAddr,
    pub hub: Arc<Hub>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Process {
    /// Another one where one was killed. The port is free when the killed one's threads have ended.
    pub async fn start(address: SocketAddr) -> Self {
        let bound = async {
            loop {
                match std::net::TcpListener::bind(address) {
                    Ok(listener) => return listener,
                    Err(_) => tokio::time::sleep(Duration::from_millis(2)).await,
                }
            }
        };
        Self::on(within(Duration::from_secs(10), bound).await)
    }

    /// Serves an empty hub.
    fn on(listener: std::net::TcpListener) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        listener.set_nonblocking(true).unwrap();
        let hub = Arc::new(Hub::default());
        let service = DeliveryFeedServer::with_interceptor(Service(hub.clone()), InternalGuard::new(INTERNAL_TOKEN));
        let server = tonic::transport::Server::builder().add_service(service);
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            server.serve_with_incoming(TcpListenerStream::new(listener)).await.unwrap();
        });
        Self { address, hub, runtime: Some(runtime) }
    }

    /// Evaluators at one port of `127.0.0.2`, `127.0.0.3` and so on.
    pub fn start_some<const N: usize>() -> [Self; N] {
        loop {
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let listeners = (0..N).map(|n| std::net::TcpListener::bind(at(n, free))).collect::<Result<Vec<_>, _>>();
            if let Ok(listeners) = listeners {
                let processes: Vec<Self> = listeners.into_iter().map(Self::on).collect();
                return processes.try_into().unwrap_or_else(|_| unreachable!());
            }
        }
    }

    /// Ends it with all its connections, in the middle of whatever it does.
    pub fn kill(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

fn at(n: usize, port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 2 + n as u8], port))
}

/// The attempts on offer of one evaluator: each is given to one worker at a time, and to another when that one leaves.
#[derive(Default)]
pub struct Hub(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    sessions: BTreeMap<u64, Session>,
    entered: u64,
    waiting: VecDeque<Offer>,
    given: BTreeMap<DeliveryId, (u64, Offer)>,
    outcomes: Vec<(String, AttemptOutcome)>,
}

struct Session {
    hello: WorkerHello,
    open: u32,
    /// Offers ever.
    given: u32,
    offers: mpsc::Sender<Result<Offer, Status>>,
}

impl Hub {
    pub fn offer(&self, offer: Offer) {
        let mut inner = self.0.lock().unwrap();
        inner.waiting.push_back(offer);
        inner.deal();
    }

    /// The names of the workers that are here, sorted.
    pub fn workers(&self) -> Vec<String> {
        let mut workers: Vec<_> =
            self.0.lock().unwrap().sessions.values().map(|session| session.hello.worker.clone()).collect();
        workers.sort();
        workers
    }

    /// Sessions ever.
    pub fn entered(&self) -> u64 {
        self.0.lock().unwrap().entered
    }

    /// What workers said they take at once.
    pub fn capacities(&self) -> Vec<u32> {
        self.0.lock().unwrap().sessions.values().map(|session| session.hello.capacity).collect()
    }

    /// Who reported what.
    pub fn outcomes(&self) -> Vec<(String, AttemptOutcome)> {
        self.0.lock().unwrap().outcomes.clone()
    }

    fn enter(&self, hello: WorkerHello, offers: mpsc::Sender<Result<Offer, Status>>) -> u64 {
        let mut inner = self.0.lock().unwrap();
        inner.entered += 1;
        let number = inner.entered;
        inner.sessions.insert(number, Session { hello, open: 0, given: 0, offers });
        inner.deal();
        number
    }

    fn leave(&self, number: u64) {
        let mut inner = self.0.lock().unwrap();
        inner.sessions.remove(&number);
        let (gone, kept) = std::mem::take(&mut inner.given).into_iter().partition(|(_, (by, _))| *by == number);
        inner.given = kept;
        let gone: BTreeMap<DeliveryId, (u64, Offer)> = gone;
        inner.waiting.extend(gone.into_values().map(|(_, offer)| offer));
        inner.deal();
    }

    fn take(&self, number: u64, outcome: AttemptOutcome) {
        let mut inner = self.0.lock().unwrap();
        inner.given.remove(&outcome.delivery);
        let session = inner.sessions.get_mut(&number).unwrap();
        session.open = session.open.saturating_sub(1);
        let worker = session.hello.worker.clone();
        inner.outcomes.push((worker, outcome));
        inner.deal();
    }
}

impl Inner {
    /// Gives what waits to whoever has the fewest.
    fn deal(&mut self) {
        while let Some(offer) = self.waiting.pop_front() {
            let with_room = self.sessions.iter_mut().filter(|(_, session)| session.open < session.hello.capacity);
            let Some((number, session)) = with_room.min_by_key(|(_, session)| (session.open, session.given)) else {
                return self.waiting.push_front(offer);
            };
            (session.open, session.given) = (session.open + 1, session.given + 1);
            session.offers.try_send(Ok(offer.clone())).unwrap();
            self.given.insert(super::facts::id_of(&offer), (*number, offer));
        }
    }
}

struct Service(Arc<Hub>);

#[tonic::async_trait]
impl DeliveryFeed for Service {
    type WorkStream = ReceiverStream<Result<Offer, Status>>;

    async fn work(&self, request: Request<Streaming<WorkerMessage>>) -> Result<Response<Self::WorkStream>, Status> {
        let mut messages = request.into_inner();
        let Some(Message::Hello(hello)) = messages.message().await?.and_then(|message| message.message) else {
            return Err(Status::invalid_argument("hello first"));
        };
        let (offers, stream) = mpsc::channel(1_024);
        let number = self.0.enter(hello, offers);
        let hub = self.0.clone();
        tokio::spawn(async move {
            while let Ok(Some(message)) = messages.message().await {
                if let Some(Message::Outcome(outcome)) = message.message {
                    hub.take(number, outcome_from_wire(outcome.outcome.unwrap()).unwrap());
                }
            }
            hub.leave(number);
        });
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

/// What the notifiers of a test share.
pub struct Fleet {
    pub store: Arc<dyn Store>,
    pub names: Arc<Names>,
    sealer: Sealer,
    _directory: tempfile::TempDir,
}

/// A notifier that runs.
pub struct Running {
    pub notifier: Notifier,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<()>,
}

impl Fleet {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = store::embedded::EmbeddedStore::open(directory.path()).unwrap();
        Self { store, names: Arc::default(), sealer: Sealer::new(&[7; 32]), _directory: directory }
    }

    /// A notifier that does not run. Names are looked up every 50 ms.
    pub fn build(
        &self,
        worker: &str,
        capacity: u32,
        evaluators: &[String],
    ) -> Result<Notifier, notifier::NotifierError> {
        let deps = NotifierDeps {
            store: self.store.clone(),
            sealer: self.sealer.clone(),
            clock: Arc::new(ManualClock(AtomicI64::new(NOW))),
            auth: InternalAuth::new(INTERNAL_TOKEN),
        };
        let allow = EgressPolicy::parse_allow(&["127.0.0.0/8".to_owned()]).unwrap();
        let options = NotifierOptions {
            evaluators: evaluators.to_vec(),
            worker: worker.to_owned(),
            capacity,
            egress: EgressPolicy { allow, ..EgressPolicy::default() },
            smtp: None,
            telegram_base_url: "http://127.0.0.1:9".to_owned(),
            public_url: "https://pulse.example/".to_owned(),
        };
        let lookup_every = Duration::from_millis(50);
        let parts =
            Parts { lookup: self.names.clone(), lookup_every, log: log_sink(Arc::default()), ..Parts::default() };
        Notifier::with_parts(deps, options, parts)
    }

    pub fn start(&self, worker: &str, capacity: u32, evaluators: &[String]) -> Running {
        let notifier = self.build(worker, capacity, evaluators).unwrap();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(notifier.clone().run(shutdown.clone()));
        Running { notifier, shutdown, task }
    }

    /// Stores a webhook channel.
    pub async fn webhook(&self, id: u64, url: String) -> ChannelId {
        let settings = Settings::Webhook(WebhookSettings { url, ..WebhookSettings::default() });
        let id = ChannelId(id);
        let row = ChannelRow {
            id,
            tenant: TENANT,
            name: format!("channel-{}", id.0),
            kind: "webhook".to_owned(),
            settings: seal_settings(&self.sealer, TENANT, id, &settings),
            version: 1,
            created_ms: 0,
            changed_ms: 0,
            disabled: String::new(),
            deleted: false,
        };
        self.store.add_channel(row).await.unwrap();
        id
    }
}

impl Running {
    pub async fn stop(self) {
        self.shutdown.cancel();
        within(Duration::from_secs(25), self.task).await.unwrap();
    }

    pub fn ready(&self) -> bool {
        self.notifier.readiness().ready
    }

    pub fn missing(&self) -> Vec<String> {
        self.notifier.readiness().missing
    }
}
