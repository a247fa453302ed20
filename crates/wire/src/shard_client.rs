//! How ingest and API nodes ask a shard's owner: one small client for `ShardService`, with its connections
//! kept. Who owns a shard is looked up by the caller's resolver at each connect, since owners change.

use crate::internal_auth::InternalAuth;
use crate::v1;
use crate::v1::shard_service_client::ShardServiceClient;
use domain::ids::{MonitorId, ShardId};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tonic::Status;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};

/// Finds the `host:port` of a shard's owner; `None` when nobody is known to own it.
pub type OwnerResolver = Arc<dyn Fn(ShardId) -> Pin<Box<dyn Future<Output = Option<String>> + Send>> + Send + Sync>;

type Client = ShardServiceClient<InterceptedService<Channel, InternalAuth>>;

/// Asks shard owners. Cheap to clone.
#[derive(Clone)]
pub struct ShardClient {
    resolve: OwnerResolver,
    auth: InternalAuth,
    connected: Arc<Mutex<BTreeMap<String, Client>>>,
}

impl ShardClient {
    /// A client that finds owners with `resolve`.
    pub fn new(resolve: OwnerResolver, auth: InternalAuth) -> Self {
        Self { resolve, auth, connected: Arc::default() }
    }

    /// The engine's answer to the record at `offset`, waiting at most `timeout`. `DEADLINE_EXCEEDED` or
    /// `UNAVAILABLE` say nothing about the record: it is in the log and will be applied.
    pub async fn answer(
        &self,
        shard: ShardId,
        offset: u64,
        timeout: Duration,
    ) -> Result<v1::ShardAwaitResponse, Status> {
        let request = v1::ShardAwaitRequest { shard: shard.0.into(), offset, timeout_ms: timeout.as_millis() as u32 };
        let call = async { self.client(shard).await?.r#await(request).await.map(tonic::Response::into_inner) };
        within(timeout + Duration::from_millis(200), call).await
    }

    /// The live state of monitors of one shard. Unknown ones are left out.
    pub async fn read(
        &self,
        shard: ShardId,
        monitors: &[MonitorId],
        timeout: Duration,
    ) -> Result<Vec<v1::MonitorViewRow>, Status> {
        let request = v1::ShardReadRequest { shard: shard.0.into(), monitors: monitors.iter().map(|m| m.0).collect() };
        let call = async { self.client(shard).await?.read(request).await.map(|reply| reply.into_inner().views) };
        within(timeout, call).await
    }

    async fn client(&self, shard: ShardId) -> Result<Client, Status> {
        let owner = (self.resolve)(shard).await.ok_or_else(|| Status::unavailable("no owner of the shard is known"))?;
        if let Some(client) = self.connected.lock().get(&owner) {
            return Ok(client.clone());
        }
        let endpoint = Endpoint::from_shared(format!("http://{owner}"))
            .map_err(|_| Status::internal("the owner's address is not an address"))?
            .connect_timeout(Duration::from_secs(1))
            .tcp_nodelay(true);
        let client = ShardServiceClient::with_interceptor(endpoint.connect_lazy(), self.auth.clone());
        self.connected.lock().insert(owner, client.clone());
        Ok(client)
    }
}

async fn within<T>(timeout: Duration, call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    match tokio::time::timeout(timeout, call).await {
        Ok(answer) => answer,
        Err(_) => Err(Status::deadline_exceeded("the shard's owner did not answer in time")),
    }
}
