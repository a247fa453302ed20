//! One shard on embedded backends in a directory of its own, and helpers that read like a story.

use domain::command::{Action, Command};
use domain::engine::snapshot::Format;
use domain::ids::{ChannelId, CommandId, MonitorId, ShardCount, ShardId, TenantId};
use domain::monitor::{Identity, MonitorConfig, Policy};
use domain::ping::{Ping, PingDetails, PingKind};
use domain::record::{Body, Params};
use domain::schedule::Schedule;
use domain::time::{Clock, UnixMs};
use evaluator::{Evaluator, EvaluatorDeps, EvaluatorOptions};
use eventlog::embedded::{EmbeddedLog, EmbeddedLogOptions};
use eventlog::placement::EveryShard;
use eventlog::producer::Producer;
use eventlog::{Appended, EventLog};
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use store::embedded::EmbeddedStore;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Server};

pub const SHARD: ShardId = ShardId(0);
pub const TENANT: TenantId = TenantId(1);
pub const HOOK: ChannelId = ChannelId(7);
pub const M: MonitorId = MonitorId(1);

pub struct TestClock(AtomicI64);

impl Clock for TestClock {
    fn now(&self) -> UnixMs {
        UnixMs(self.0.load(Ordering::SeqCst))
    }
}

/// A directory, and what runs in it.
pub struct Rig {
    pub directory: tempfile::TempDir,
    pub clock: Arc<TestClock>,
    pub log: Arc<EmbeddedLog>,
    pub store: Arc<EmbeddedStore>,
    pub producer: Producer,
    pub evaluator: Evaluator,
    pub channel: Channel,
    commands: Mutex<u8>,
}

impl Rig {
    pub async fn start() -> Self {
        let clock = Arc::new(TestClock(AtomicI64::new(1_795_478_400_000)));
        Self::start_in(tempfile::tempdir().expect("a directory"), clock, 1).await
    }

    /// Stops everything, as SIGTERM does, and starts it anew.
    pub async fn restart(self) -> Self {
        let (directory, clock) = self.stop().await;
        Self::start_in(directory, clock, 2).await
    }

    pub async fn stop(self) -> (tempfile::TempDir, Arc<TestClock>) {
        self.evaluator.stop().await;
        self.log.close().await;
        (self.directory, self.clock)
    }

    pub async fn start_in(directory: tempfile::TempDir, clock: Arc<TestClock>, producer: u64) -> Self {
        let shards = ShardCount::new(1).expect("one shard");
        let options = EmbeddedLogOptions {
            directory: directory.path().to_owned(),
            shards,
            retain_bytes: 1 << 30,
            retain_ms: 86_400_000,
            queue_records: 10_000,
        };
        let log = EmbeddedLog::open(options, clock.clone()).expect("the log opens");
        let store = EmbeddedStore::open(directory.path()).expect("the store opens");
        let producer = Producer::new(log.clone(), producer, 1, 0);
        let deps =
            EvaluatorDeps { log: log.clone(), store: store.clone(), producer: producer.clone(), clock: clock.clone() };
        let evaluator = Evaluator::start(deps, options_of_test(), Box::new(EveryShard::of(shards)));
        let caught_up = async {
            while !evaluator.readiness().ready {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), caught_up).await.expect("the evaluator is ready");
        let channel = serve(&evaluator).await;
        Self { directory, clock, log, store, producer, evaluator, channel, commands: Mutex::new(0) }
    }

    pub async fn append(&self, body: Body) -> Appended {
        self.producer.append(SHARD, &body, self.clock.now()).await.expect("the log takes it")
    }

    pub fn append_nowait(&self, body: Body) -> eventlog::AppendTicket {
        self.producer.append(SHARD, &body, self.clock.now())
    }

    pub async fn ping(&self, kind: PingKind) -> Appended {
        self.ping_with(kind, "", "").await
    }

    pub async fn ping_with(&self, kind: PingKind, message: &str, body: &str) -> Appended {
        let details = PingDetails { message: message.into(), body: body.into(), ..PingDetails::default() };
        let (generation, run, metrics) = (Some(0), None, vec![]);
        let (duration_ms, details, create) = (None, Some(Box::new(details)), None);
        self.append(Body::Ping(Ping { monitor: M, generation, kind, run, duration_ms, metrics, details, create })).await
    }

    pub async fn command(&self, action: Action) -> Appended {
        let id = {
            let mut commands = self.commands.lock();
            *commands += 1;
            CommandId([*commands; 16])
        };
        self.append(Body::Command(Command { id, tenant: TENANT, monitor: M, actor: "test".into(), action })).await
    }

    /// A monitor of 60 s and no grace that tells `HOOK`.
    pub async fn create(&self) -> Appended {
        let policy = Policy { channels: vec![HOOK], ..Policy::every(Schedule::Period { seconds: 60 }, 0) };
        let identity = Identity { tenant: TENANT, slug: "backup".into(), name: "Backup".into(), ..Identity::default() };
        self.command(Action::Create(Box::new(MonitorConfig { identity, policy }))).await
    }

    /// Time passes, and an ingest is heard at its end.
    pub async fn pass(&self, seconds: i64) {
        for _ in 0..seconds {
            self.clock.0.fetch_add(1_000, Ordering::SeqCst);
            self.append(Body::Canary).await;
        }
    }

    /// Time passes and nobody is heard.
    pub fn jump(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    /// Waits until the evaluator has applied a record.
    pub async fn applied(&self, appended: Appended) {
        let request = wire::v1::ShardAwaitRequest { shard: 0, offset: appended.offset, timeout_ms: 10_000 };
        let mut client = wire::v1::shard_service_client::ShardServiceClient::new(self.channel.clone());
        client.r#await(request).await.expect("applied in time");
    }
}

pub fn options_of_test() -> EvaluatorOptions {
    EvaluatorOptions {
        params: Params::EMBEDDED,
        address: "127.0.0.1:1".into(),
        node: 1,
        snapshot_every: Duration::from_secs(3_600),
        format: Format::default(),
        offer_lease: Duration::from_secs(40),
    }
}

async fn serve(evaluator: &Evaluator) -> Channel {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("its address");
    let (feed, shards) = (evaluator.feed_service(), evaluator.shard_service());
    tokio::spawn(
        Server::builder().add_service(feed).add_service(shards).serve_with_incoming(TcpListenerStream::new(listener)),
    );
    Channel::from_shared(format!("http://{address}")).expect("a URI").connect_lazy()
}
