//! The day as it happens: on Kafka and Cassandra, with a notifier that answers, a silence in which nobody is heard, and
//! an evaluator that is replaced in the afternoon.

use super::grounds::{Grounds, SHARDS};
use super::script::{RECORDS, Script};
use domain::engine::snapshot::{Format, Manifest};
use domain::ids::{MonitorId, ShardId};
use domain::record::{Body, Params};
use domain::time::{Clock, UnixMs};
use evaluator::{Evaluator, EvaluatorDeps, EvaluatorOptions};
use eventlog::producer::Producer;
use eventlog::{EventLog, RawRecord};
use futures::future::join_all;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;
use store::ShardTables;
use suites::support::wait::{secs, until};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::transport::{Channel, Server};
use wire::v1::delivery_feed_client::DeliveryFeedClient;
use wire::v1::{
    Empty, LogOutcome, LogRetry, Offer, WorkerHello, WorkerMessage, WorkerOutcome, log_outcome, worker_message,
};

/// One record every so often: a minute in all.
const PACE: Duration = Duration::from_millis(5);
/// When nobody is heard for a while, and for how long: longer than C.
const SILENCE_AT: usize = RECORDS / 2;
const SILENCE: Duration = Duration::from_secs(6);
/// When the evaluator is replaced.
const REPLACED_AT: usize = RECORDS * 3 / 4;

/// The log of the day.
pub struct Day(pub BTreeMap<ShardId, Vec<RawRecord>>);

/// The machine's clock.
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> UnixMs {
        UnixMs(jiff::Timestamp::now().as_millisecond())
    }
}

/// Lives through it; gives the log as Kafka kept it, and whom it was about.
pub async fn run(grounds: &Grounds, seed: u64) -> (Day, Vec<MonitorId>) {
    let mut script = Script::new(seed);
    let mut judge = Judge::start(grounds).await;
    let (mut pace, mut tickets) = (tokio::time::interval(PACE), Vec::new());
    for step in 0..RECORDS {
        match step {
            SILENCE_AT => tokio::time::sleep(SILENCE).await,
            REPLACED_AT => judge = judge.replace(grounds).await,
            _ => {}
        }
        pace.tick().await;
        let entry = script.next(WallClock.now());
        tickets.push(grounds.log.append(entry.shard, entry.payload));
    }
    for appended in join_all(tickets).await {
        appended.expect("Kafka takes every record");
    }
    // A successor is ready when it has judged everything that is there; the one before it may lag on a busy machine.
    judge.replace(grounds).await.stop().await;
    let monitors = script.monitors().to_vec();
    (Day::read(grounds).await, monitors)
}

/// An evaluator, and a notifier that works for it.
struct Judge {
    evaluator: Evaluator,
    serving: JoinHandle<()>,
    notifying: JoinHandle<()>,
}

impl Judge {
    async fn start(grounds: &Grounds) -> Self {
        let log: Arc<dyn EventLog> = grounds.log.clone();
        let producer = Producer::new(Arc::clone(&log), rand::random(), 9, 0);
        let deps = EvaluatorDeps { log, store: grounds.store.clone(), producer, clock: Arc::new(WallClock) };
        let placement = grounds.log.placement().expect("a member of the group");
        let evaluator = Evaluator::start(deps, options(), placement);
        until("the evaluator is ready", secs(60), async || evaluator.readiness().ready.then_some(())).await;
        let (channel, serving) = serve(&evaluator).await;
        Self { evaluator, serving, notifying: tokio::spawn(answer_offers(channel)) }
    }

    async fn replace(self, grounds: &Grounds) -> Self {
        self.stop().await;
        Self::start(grounds).await
    }

    async fn stop(self) {
        self.evaluator.stop().await;
        self.notifying.abort();
        self.serving.abort();
    }
}

/// How both evaluators of the comparison work.
pub fn options() -> EvaluatorOptions {
    EvaluatorOptions {
        params: Params { w_ms: 2_000, c_ms: 2_000, ..Params::KAFKA },
        address: "127.0.0.1:1".into(),
        node: 9,
        snapshot_every: secs(5),
        format: Format::default(),
        offer_lease: EvaluatorOptions::OFFER_LEASE,
    }
}

async fn serve(evaluator: &Evaluator) -> (Channel, JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let server = Server::builder().add_service(evaluator.feed_service());
    let serving = tokio::spawn(async move {
        server.serve_with_incoming(TcpListenerStream::new(listener)).await.expect("the feed is served");
    });
    (Channel::from_shared(format!("http://{address}")).expect("a URI").connect_lazy(), serving)
}

/// Takes every offer and answers it as its id says.
async fn answer_offers(channel: Channel) {
    let (out, messages) = mpsc::channel(64);
    let hello = WorkerHello { worker: "day".into(), capacity: 64 };
    out.send(WorkerMessage { message: Some(worker_message::Message::Hello(hello)) }).await.expect("room");
    let work = DeliveryFeedClient::new(channel).work(ReceiverStream::new(messages)).await;
    let mut offers = work.expect("a feed").into_inner();
    while let Ok(Some(offer)) = offers.message().await {
        if out.send(WorkerMessage { message: Some(answer(offer)) }).await.is_err() {
            return;
        }
    }
}

fn answer(offer: Offer) -> worker_message::Message {
    let delivery = offer.delivery.expect("a delivery").id;
    let mut hasher = DefaultHasher::new();
    (&delivery, offer.attempt).hash(&mut hasher);
    let result = match hasher.finish() % 20 {
        0..4 => log_outcome::Result::Retry(LogRetry { after_ms: Some(1_000), error: "status 503".into() }),
        4 => log_outcome::Result::Failed("status 400".into()),
        5 => log_outcome::Result::Gone("status 410".into()),
        _ => log_outcome::Result::Delivered(Empty {}),
    };
    let outcome = Some(LogOutcome { delivery, attempt: offer.attempt, result: Some(result) });
    worker_message::Message::Outcome(WorkerOutcome { shard: offer.shard, outcome })
}

impl Day {
    /// What was judged of the log. An outcome or a tick may stand behind it, which came when the evaluator ended.
    async fn read(grounds: &Grounds) -> Self {
        let mut day = BTreeMap::new();
        for shard in SHARDS.all() {
            let next = judged(grounds, shard).await;
            let mut reader = grounds.log.reader(shard, 0).await.expect("the log from its beginning");
            let mut records: Vec<RawRecord> = Vec::new();
            while (records.len() as u64) < next {
                records.extend(reader.next(1_000).await.expect("records"));
            }
            records.truncate(usize::try_from(next).expect("few records"));
            assert!(
                records.iter().zip(0..).all(|(record, offset)| record.offset == offset),
                "no hole in shard {shard}"
            );
            day.insert(shard, records);
        }
        Self(day)
    }

    pub fn len(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    /// The same day, but for one ping that nobody sent.
    pub fn without(&self, (monitor, offset): (MonitorId, u64)) -> Self {
        let mut other = self.0.clone();
        let records = other.get_mut(&SHARDS.shard_of(monitor)).expect("a shard");
        let record = records.iter_mut().find(|record| record.offset == offset).expect("a record");
        let (envelope, body) = wire::convert::log::decode_record(&record.payload).expect("a ping");
        assert!(matches!(body, Body::Ping(_)), "{body:?}");
        record.payload = wire::convert::log::encode_record(&envelope, &Body::Canary).into();
        Self(other)
    }

    /// A day without one of the kinds shows less than it says.
    pub fn assert_has_everything(&self) {
        let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
        for record in self.0.values().flatten() {
            let body = wire::convert::log::decode_record(&record.payload).map(|(_, body)| body);
            *kinds.entry(body.as_ref().map_or("poison", kind)).or_default() += 1;
        }
        println!("day: {kinds:?}");
        let all = [
            "boot",
            "canary",
            "channel_closed",
            "command",
            "deaf",
            "exit",
            "fail",
            "log",
            "outcome",
            "params",
            "poison",
            "start",
            "success",
            "tick",
        ];
        assert_eq!(kinds.keys().copied().collect::<Vec<_>>(), all);
        assert!(self.len() > RECORDS);
    }
}

/// How far the evaluator had come when it ended: its last snapshot says so.
async fn judged(grounds: &Grounds, shard: ShardId) -> u64 {
    let manifest = grounds.store.load_manifest(shard).await.expect("the store answers").expect("a snapshot");
    let (judged, end) = (Manifest::decode(&manifest).expect("a manifest").next_offset, grounds.log.bounds(shard).await);
    let end = end.expect("bounds").next;
    assert!(judged <= end && judged + 100 > end, "shard {shard}: judged {judged} of {end} records");
    judged
}

fn kind(body: &Body) -> &'static str {
    match body {
        Body::Ping(ping) => ping.kind.word(),
        Body::Canary => "canary",
        Body::Boot => "boot",
        Body::Deaf { .. } => "deaf",
        Body::Tick => "tick",
        Body::Command(_) => "command",
        Body::Outcome(_) => "outcome",
        Body::ChannelClosed { .. } => "channel_closed",
        Body::Params(_) => "params",
        Body::Moved => "moved",
        Body::Adopt(_) => "adopt",
    }
}
