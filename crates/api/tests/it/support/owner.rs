//! An owner of all shards: applies the log to the real engine, stores what follows, and answers. It can be
//! told to be away, to fall behind, to hang, to be slow, and to lose answers.

use domain::command::{Answer, RefusalCode};
use domain::engine::Engine;
use domain::engine::effects::{Effect, HistoryRow};
use domain::ids::{MonitorId, ShardId};
use domain::record::{Body, Params, Record};
use eventlog::{EventLog, RawRecord};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use store::ShardBatch;
use store::row::Revocation;
use tokio::sync::watch;
use tonic::{Request, Response, Status};
use wire::convert::log::decode_record;
use wire::convert::rows::view_to_wire;
use wire::v1;
use wire::v1::shard_await_response::Answer as Word;

/// All shards.
pub struct Owner {
    shards: Vec<Arc<Shard>>,
    away: AtomicBool,
    hangs: AtomicBool,
    /// How long a read takes, in milliseconds.
    slow_ms: AtomicU64,
    /// Reads so far, by shard.
    pub reads: Mutex<Vec<u32>>,
}

struct Shard {
    state: Mutex<State>,
    /// The offset of the next record to apply.
    applied: watch::Sender<u64>,
    behind: watch::Sender<bool>,
}

struct State {
    engine: Engine,
    answers: BTreeMap<u64, Answer>,
    /// Bodies of `ChannelClosed` records.
    closed: Vec<domain::ids::ChannelId>,
    /// How many answers to come are lost.
    losing: usize,
}

impl Owner {
    pub fn start(log: Arc<dyn EventLog>, store: Arc<dyn store::Store>) -> Arc<Self> {
        let shard = |id| {
            let engine = Engine::new(id, Params::EMBEDDED);
            let state = Mutex::new(State { engine, answers: BTreeMap::new(), closed: Vec::new(), losing: 0 });
            let shard = Arc::new(Shard { state, applied: watch::Sender::new(0), behind: watch::Sender::new(false) });
            tokio::spawn(follow(shard.clone(), id, log.clone(), store.clone()));
            shard
        };
        let (away, hangs) = (AtomicBool::new(false), AtomicBool::new(false));
        let shards = log.shards().all().map(shard).collect();
        Arc::new(Self { shards, away, hangs, slow_ms: AtomicU64::new(0), reads: Mutex::default() })
    }

    /// Answers nobody, while the log is still followed.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// Takes questions and never answers one, as a process that is frozen.
    pub fn set_hanging(&self, hangs: bool) {
        self.hangs.store(hangs, Ordering::SeqCst);
    }

    /// Each read takes so long.
    pub fn set_slow(&self, slow: Duration) {
        self.slow_ms.store(slow.as_millis() as u64, Ordering::SeqCst);
    }

    /// Loses the answers to the next records of each shard that have one, as an owner that took the shard over
    /// after they were given.
    pub fn lose_answers(&self, count: usize) {
        self.shards.iter().for_each(|shard| shard.state.lock().losing = count);
    }

    /// Applies nothing new until it is told to go on.
    pub fn set_behind(&self, behind: bool) {
        self.shards.iter().for_each(|shard| {
            shard.behind.send_replace(behind);
        });
    }

    /// Returns when the record at `offset` was applied and what follows from it is stored.
    pub async fn applied(&self, shard: ShardId, offset: u64) {
        let mut applied = self.shards[usize::from(shard.0)].applied.subscribe();
        let reached = applied.wait_for(|next| *next > offset);
        tokio::time::timeout(Duration::from_secs(10), reached).await.expect("applied").expect("alive");
    }

    /// How many shards were told that a channel is closed.
    pub fn shards_told(&self, channel: domain::ids::ChannelId) -> usize {
        self.shards.iter().filter(|shard| shard.state.lock().closed.contains(&channel)).count()
    }

    async fn heed(&self) {
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        tokio::time::sleep(Duration::from_millis(self.slow_ms.load(Ordering::SeqCst))).await;
    }

    fn shard(&self, shard: u32) -> Result<&Arc<Shard>, Status> {
        if self.away.load(Ordering::SeqCst) {
            return Err(Status::unavailable("not owned here"));
        }
        self.shards.get(shard as usize).ok_or_else(|| Status::unavailable("not owned here"))
    }
}

async fn follow(shard: Arc<Shard>, id: ShardId, log: Arc<dyn EventLog>, store: Arc<dyn store::Store>) {
    let mut reader = log.reader(id, 0).await.expect("a reader from the start");
    while let Ok(records) = reader.next(1_000).await {
        let _ = shard.behind.subscribe().wait_for(|behind| !behind).await;
        let last = records.last().map_or(0, |record| record.offset);
        let (batch, answers) = apply(&shard, records);
        store.write(id, batch).await.expect("a step is stored");
        shard.state.lock().keep(answers);
        shard.applied.send_replace(last + 1);
    }
}

impl State {
    fn keep(&mut self, answers: Vec<(u64, Answer)>) {
        let lost = self.losing.min(answers.len());
        self.losing -= lost;
        self.answers.extend(answers.into_iter().skip(lost));
    }
}

fn apply(shard: &Shard, records: Vec<RawRecord>) -> (ShardBatch, Vec<(u64, Answer)>) {
    let (mut batch, mut answers) = (ShardBatch::default(), Vec::new());
    let mut state = shard.state.lock();
    for raw in records {
        let (envelope, body) = decode_record(&raw.payload).expect("a record");
        if let Body::ChannelClosed { channel } = body {
            state.closed.push(channel);
        }
        let record = Record { offset: raw.offset, append: raw.append, envelope, body };
        let mut effects = Vec::new();
        state.engine.apply(&record, &mut effects);
        effects.into_iter().for_each(|effect| take(effect, &record, &mut batch, &mut answers));
    }
    batch.hlt_us = state.engine.hlt_us();
    (batch, answers)
}

fn take(effect: Effect, record: &Record, batch: &mut ShardBatch, answers: &mut Vec<(u64, Answer)>) {
    match effect {
        Effect::Monitor(row) => batch.monitors.push(*row),
        Effect::Status(row) => batch.statuses.push(*row),
        Effect::Heard(heard) => {
            let details = match &record.body {
                Body::Ping(ping) => ping.details.as_deref().cloned().unwrap_or_default(),
                _ => Default::default(),
            };
            let (monitor, ping, ignored) = (heard.monitor, heard.ping, heard.ignored.to_owned());
            batch.history.push(HistoryRow { monitor, offset: record.offset, ping, ignored, coalesced: 0, details });
        }
        Effect::Transition(transition) => batch.transitions.push(*transition),
        Effect::Delivery(delivery) => batch.deliveries.push(*delivery),
        Effect::Answer { answer, .. } => answers.push((record.offset, answer)),
        Effect::Revoke { monitor, least_generation, .. } => {
            batch.revocations.push(Revocation { monitor, least_generation })
        }
        Effect::Offer { .. } | Effect::Withdraw { .. } | Effect::DisableChannel { .. } | Effect::Note(_) => {}
    }
}

/// The owner behind its gRPC service.
pub struct Answers(pub Arc<Owner>);

#[tonic::async_trait]
impl v1::shard_service_server::ShardService for Answers {
    async fn read(&self, request: Request<v1::ShardReadRequest>) -> Result<Response<v1::ShardReadResponse>, Status> {
        let request = request.into_inner();
        self.0.reads.lock().push(request.shard);
        self.0.heed().await;
        let shard = self.0.shard(request.shard)?;
        let (state, is_behind) = (shard.state.lock(), *shard.behind.borrow());
        let views = request.monitors.into_iter().filter_map(|id| state.engine.view(MonitorId(id)));
        let views = views.map(|view| view_to_wire(&view)).collect();
        Ok(Response::new(v1::ShardReadResponse { views, is_behind }))
    }

    async fn r#await(
        &self,
        request: Request<v1::ShardAwaitRequest>,
    ) -> Result<Response<v1::ShardAwaitResponse>, Status> {
        let request = request.into_inner();
        self.0.heed().await;
        let shard = self.0.shard(request.shard)?;
        let mut applied = shard.applied.subscribe();
        let patience = Duration::from_millis(request.timeout_ms.into());
        let reached = tokio::time::timeout(patience, applied.wait_for(|next| *next > request.offset)).await;
        drop(reached.map_err(|_| Status::deadline_exceeded("not applied yet"))?);
        let answer = shard.state.lock().answers.get(&request.offset).cloned();
        Ok(Response::new(v1::ShardAwaitResponse { answer: Some(answer.map_or(Word::Applied(v1::Empty {}), to_wire)) }))
    }

    async fn digest(&self, _: Request<v1::ShardDigestRequest>) -> Result<Response<v1::ShardDigestResponse>, Status> {
        Err(Status::unimplemented("not asked here"))
    }
}

fn to_wire(answer: Answer) -> Word {
    match answer {
        Answer::Created => Word::Created(v1::Empty {}),
        Answer::Found => Word::Found(v1::Empty {}),
        Answer::Done(view) => Word::Done(view.map(|view| view_to_wire(&view)).unwrap_or_default()),
        Answer::Refused(refusal) => Word::Refused(v1::EngineRefusal {
            code: RefusalCode::ALL.iter().position(|code| *code == refusal.code).unwrap_or_default() as u32,
            field: refusal.error.field,
            message: refusal.error.message,
        }),
    }
}
