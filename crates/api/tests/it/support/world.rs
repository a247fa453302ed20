//! One API server with everything it stands on.

use super::ManualClock;
use super::owner::{Answers, Owner};
use super::store::SwitchedStore;
use api::{ApiDeps, Backup, ChannelTester, Limits};
use domain::egress::EgressPolicy;
use domain::ids::{MonitorId, ShardCount, ShardId, TenantId};
use domain::ping::{Ping, PingDetails, PingKind};
use domain::record::Body;
use domain::time::{Clock, UnixMs};
use domain::token::KeyRing;
use eventlog::EventLog;
use eventlog::embedded::{EmbeddedLog, EmbeddedLogOptions};
use eventlog::producer::Producer;
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::Directory;
use store::embedded::EmbeddedStore;
use store::row::{ApiKeyRow, ChannelRow, Scope, TenantRow};
use store::seal::Sealer;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::RoutesBuilder;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Status, async_trait};
use wire::internal_auth::{InternalAuth, InternalGuard};
use wire::shard_client::ShardClient;
use wire::v1;

pub const TENANT: TenantId = TenantId(1);
pub const OTHER: TenantId = TenantId(2);
/// 2026-11-24T00:00:00Z.
const MIDNIGHT: i64 = 1_795_478_400_000;

pub struct World {
    pub clock: Arc<ManualClock>,
    pub store: Arc<EmbeddedStore>,
    pub log: Arc<EmbeddedLog>,
    pub owner: Arc<Owner>,
    /// The store as the API sees it.
    pub switch: Arc<SwitchedStore>,
    pub tester: Arc<Tester>,
    pub backups: Arc<Backups>,
    pub keys: KeyRing,
    pub sealer: Sealer,
    pub address: SocketAddr,
    pub channel: Channel,
    /// A key of [`TENANT`] with scope `admin`.
    pub admin: String,
    producer: Producer,
    deps: ApiDeps,
    limits: Limits,
    claims: Claims,
    _directory: tempfile::TempDir,
}

/// The limits of most stories: as the product's, but quick.
pub fn limits() -> Limits {
    Limits {
        answer: Duration::from_secs(5),
        read: Duration::from_secs(2),
        watch_every: Duration::from_millis(20),
        key_trusted: Duration::from_millis(100),
        ..Limits::default()
    }
}

impl World {
    pub async fn start() -> Self {
        Self::with(limits()).await
    }

    pub async fn with(limits: Limits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(MIDNIGHT));
        let shards = ShardCount::new(4).unwrap();
        let options = EmbeddedLogOptions {
            directory: directory.path().to_owned(),
            shards,
            retain_bytes: u64::MAX,
            retain_ms: u64::MAX,
            queue_records: 10_000,
        };
        let log = EmbeddedLog::open(options, clock.clone()).unwrap();
        let store = EmbeddedStore::open(directory.path()).unwrap();
        let owner = Owner::start(log.clone(), store.clone());
        let producer = Producer::new(log.clone(), 7, 7, 0);
        let keys = KeyRing::new([1; 32], vec![[2; 32]], shards);
        let sealer = Sealer::new(&[3; 32]);
        let (tester, backups) = (Arc::new(Tester::default()), Arc::new(Backups::default()));
        let (switch, claims) = (SwitchedStore::new(store.clone()), Claims::default());
        claims.set(owner.clone()).await;
        let deps = ApiDeps {
            store: switch.clone(),
            producer: producer.clone(),
            keys: keys.clone(),
            shards: claims.client(),
            sealer: sealer.clone(),
            clock: clock.clone(),
            tester: tester.clone(),
            backup: backups.clone(),
            public_url: "https://ping.example.org/".to_owned(),
            egress: EgressPolicy { own_hosts: vec!["ping.example.org".into()], ..EgressPolicy::default() },
        };
        let address = serve(deps.clone(), limits).await;
        let channel = connect(address);
        for tenant in [TENANT, OTHER] {
            let row = TenantRow { id: tenant, name: tenant.to_string(), ping_key_generation: 0, created_ms: MIDNIGHT };
            store.put_tenant(row).await.unwrap();
        }
        let admin = new_key(&store, TENANT, Scope::Admin).await.0;
        Self {
            clock,
            store,
            log,
            owner,
            switch,
            tester,
            backups,
            keys,
            sealer,
            address,
            channel,
            admin,
            producer,
            deps,
            limits,
            claims,
            _directory: directory,
        }
    }

    /// Another API node over the same log, store and owners.
    pub async fn second_node(&self) -> Channel {
        connect(serve(ApiDeps { shards: self.claims.client(), ..self.deps.clone() }, self.limits).await)
    }

    /// Another owner of all shards, which has read the log from its beginning. Nobody asks it yet.
    pub fn second_owner(&self) -> Arc<Owner> {
        Owner::start(self.log.clone(), self.store.clone())
    }

    /// From now on `owner` is said to own all shards.
    pub async fn set_owner(&self, owner: Arc<Owner>) {
        self.claims.set(owner).await;
    }

    /// A second connection.
    pub fn connect(&self) -> Channel {
        connect(self.address)
    }

    /// A new key of a tenant, and its row.
    pub async fn key(&self, tenant: TenantId, scope: Scope) -> (String, ApiKeyRow) {
        new_key(&self.store, tenant, scope).await
    }

    /// A request with the admin key.
    pub fn ask<T>(&self, message: T) -> Request<T> {
        Self::ask_with(&self.admin, message)
    }

    /// A request with any key.
    pub fn ask_with<T>(key: &str, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let bearer: MetadataValue<Ascii> = format!("Bearer {key}").parse().unwrap();
        request.metadata_mut().insert("authorization", bearer);
        request
    }

    pub fn monitors(&self) -> v1::monitor_service_client::MonitorServiceClient<Channel> {
        v1::monitor_service_client::MonitorServiceClient::new(self.channel.clone())
    }

    pub fn channels(&self) -> v1::channel_service_client::ChannelServiceClient<Channel> {
        v1::channel_service_client::ChannelServiceClient::new(self.channel.clone())
    }

    pub fn incidents(&self) -> v1::incident_service_client::IncidentServiceClient<Channel> {
        v1::incident_service_client::IncidentServiceClient::new(self.channel.clone())
    }

    pub fn admins(&self) -> v1::admin_service_client::AdminServiceClient<Channel> {
        v1::admin_service_client::AdminServiceClient::new(self.channel.clone())
    }

    pub async fn create(&self, monitor: v1::Monitor) -> Result<v1::Monitor, Status> {
        self.create_under("", monitor).await
    }

    pub async fn create_under(&self, command_id: &str, monitor: v1::Monitor) -> Result<v1::Monitor, Status> {
        let message = v1::CreateMonitorRequest { monitor: Some(monitor), command_id: command_id.to_owned() };
        self.monitors().create_monitor(self.ask(message)).await.map(tonic::Response::into_inner)
    }

    pub async fn get(&self, slug: &str) -> Result<v1::Monitor, Status> {
        let message = v1::GetMonitorRequest { slug: slug.to_owned() };
        self.monitors().get_monitor(self.ask(message)).await.map(tonic::Response::into_inner)
    }

    pub async fn create_channel(&self, channel: v1::Channel) -> Result<v1::Channel, Status> {
        let message = v1::CreateChannelRequest { channel: Some(channel) };
        self.channels().create_channel(self.ask(message)).await.map(tonic::Response::into_inner)
    }

    pub fn monitor_id(&self, slug: &str) -> MonitorId {
        self.keys.monitor_id(TENANT, slug)
    }

    /// A ping of a monitor; returns when it was applied.
    pub async fn ping(&self, slug: &str, kind: PingKind, body: &[u8]) {
        let monitor = self.monitor_id(slug);
        let details =
            Some(Box::new(PingDetails { body: body.to_vec(), method: "POST".into(), ..PingDetails::default() }));
        let (generation, run, duration_ms) = (None, None, Some(1_500));
        let ping = Ping { monitor, generation, kind, run, duration_ms, metrics: Vec::new(), details, create: None };
        self.append(self.keys.shard_of(monitor), &Body::Ping(ping)).await;
    }

    /// Lets seconds pass: each with a tick and a proof of hearing in every shard.
    pub async fn pass(&self, seconds: u32) {
        for _ in 0..seconds {
            self.clock.advance(1_000);
            for shard in self.keys.shards().all() {
                self.append(shard, &Body::Canary).await;
                self.append(shard, &Body::Tick).await;
            }
        }
    }

    async fn append(&self, shard: ShardId, body: &Body) {
        let offset = self.producer.append(shard, body, self.clock.now()).await.unwrap().offset;
        self.owner.applied(shard, offset).await;
    }

    pub fn now(&self) -> UnixMs {
        self.clock.now()
    }
}

async fn new_key(store: &EmbeddedStore, tenant: TenantId, scope: Scope) -> (String, ApiKeyRow) {
    let (key, row) = api::keys::new_key(tenant, scope.word(), scope, UnixMs(MIDNIGHT));
    store.add_api_key(row.clone()).await.unwrap();
    (key, row)
}

/// Who is said to own the shards.
#[derive(Clone, Default)]
struct Claims(Arc<Mutex<String>>);

impl Claims {
    async fn set(&self, owner: Arc<Owner>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let service = v1::shard_service_server::ShardServiceServer::new(Answers(owner));
        let guarded = InterceptedService::new(service, InternalGuard::new("internal"));
        tokio::spawn(Server::builder().add_service(guarded).serve_with_incoming(TcpListenerStream::new(listener)));
        *self.0.lock() = address;
    }

    fn client(&self) -> ShardClient {
        let claims = self.clone();
        let resolve = Arc::new(move |_| {
            let address = claims.0.lock().clone();
            Box::pin(async move { Some(address) }) as _
        });
        ShardClient::new(resolve, InternalAuth::new("internal"))
    }
}

async fn serve(deps: ApiDeps, limits: Limits) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut routes = RoutesBuilder::default();
    api::add_services_with_limits(deps, limits, &mut routes);
    let server = Server::builder().http2_max_header_list_size(16 * 1024).add_routes(routes.routes());
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    address
}

fn connect(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

/// Remembers what it was asked to test, and answers as told.
#[derive(Default)]
pub struct Tester {
    pub tested: Mutex<Vec<ChannelRow>>,
    pub error: Mutex<Option<String>>,
}

#[async_trait]
impl ChannelTester for Tester {
    async fn test(&self, channel: ChannelRow) -> Result<(), String> {
        self.tested.lock().push(channel);
        self.error.lock().clone().map_or(Ok(()), Err)
    }
}

/// Remembers where it was asked to copy to.
#[derive(Default)]
pub struct Backups {
    pub asked: Mutex<Vec<PathBuf>>,
    pub error: Mutex<Option<String>>,
    /// Holds backups back while it is locked.
    pub slow: tokio::sync::Mutex<()>,
}

#[async_trait]
impl Backup for Backups {
    async fn backup(&self, directory: &Path) -> Result<u64, String> {
        self.asked.lock().push(directory.to_owned());
        let _turn = self.slow.lock().await;
        self.error.lock().clone().map_or(Ok(4_096), Err)
    }
}

impl World {
    /// Takes no more appends.
    pub async fn close_log(&self) {
        self.log.close().await;
    }
}
