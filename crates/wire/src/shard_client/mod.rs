//! How ingest and API nodes ask a shard's owner: one small client for `ShardService`.
//!
//! Owners change: a process dies, another one claims its shards, and for some seconds nobody answers. So an owner is
//! believed for a second only, one that says "not owned here" or nothing at all is forgotten at once, and a question
//! that can wait ([`ShardClient::answer`]) is put again, to whoever owns the shard by then, until its time is up. One
//! that cannot ([`ShardClient::read`]) fails soon, so that its caller can look elsewhere.

mod connections;
mod owners;

use crate::internal_auth::InternalAuth;
use crate::v1;
use crate::v1::shard_service_client::ShardServiceClient;
use connections::Connections;
use domain::ids::{MonitorId, ShardId};
use owners::Owners;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// Finds the `host:port` of a shard's owner; `None` when nobody is known to own it. It is asked once a second for a
/// shard in use, and at once when an owner was wrong, so it should not remember anything itself.
pub type OwnerResolver = Arc<dyn Fn(ShardId) -> Pin<Box<dyn Future<Output = Option<String>> + Send>> + Send + Sync>;

type Client = ShardServiceClient<InterceptedService<Channel, InternalAuth>>;

/// An owner is asked to wait for a record no longer than this at a time: it may not be the owner much longer.
const WAIT: Duration = Duration::from_secs(1);
/// What an answer may need on its way.
const WAY: Duration = Duration::from_millis(500);
/// The pauses between questions that found no owner.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// How many owners a read follows: the known one, its successor, and one more.
const READ_HOPS: usize = 3;

/// Asks shard owners. Cheap to clone.
#[derive(Clone)]
pub struct ShardClient {
    owners: Arc<Owners>,
    connections: Arc<Connections>,
}

impl ShardClient {
    /// A client that finds owners with `resolve`.
    pub fn new(resolve: OwnerResolver, auth: InternalAuth) -> Self {
        Self { owners: Arc::new(Owners::new(resolve)), connections: Arc::new(Connections::new(auth)) }
    }

    /// The engine's answer to the record at `offset`, waiting at most `timeout` and for any owner that comes along
    /// meanwhile. `DEADLINE_EXCEEDED` or `UNAVAILABLE` say nothing about the record: it is in the log and will be
    /// applied. `Applied` as an answer to a record that has one means that the owner came after it was given.
    pub async fn answer(
        &self,
        shard: ShardId,
        offset: u64,
        timeout: Duration,
    ) -> Result<v1::ShardAwaitResponse, Status> {
        let until = Instant::now() + timeout;
        let mut pause = FIRST_PAUSE;
        loop {
            let asked = Instant::now();
            let refused = match self.answer_of_owner(shard, offset, until).await {
                Err(status) if may_pass(status.code()) => status,
                outcome => return outcome,
            };
            if Instant::now() + pause >= until {
                return Err(refused);
            }
            // An owner that has waited its time and not applied the record yet is asked on at once.
            if asked.elapsed() < WAIT {
                sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }

    /// The live state of monitors of one shard; unknown ones are left out, and an owner that is behind may not know them
    /// yet. Fails at once when nobody owns the shard,
    /// or when its owner did not answer others in time within the last second.
    pub async fn read(
        &self,
        shard: ShardId,
        monitors: &[MonitorId],
        timeout: Duration,
    ) -> Result<v1::ShardReadResponse, Status> {
        let until = Instant::now() + timeout;
        let request = v1::ShardReadRequest { shard: shard.0.into(), monitors: monitors.iter().map(|m| m.0).collect() };
        let (mut owner, mut hops) = (self.owner(shard, until).await?, 1);
        loop {
            if self.connections.is_silent(&owner) {
                return Err(Status::unavailable("the shard's owner did not answer just now"));
            }
            let mut client = self.connections.to(&owner)?;
            let asked = self.ask(shard, &owner, until, client.read(request.clone())).await;
            let refused = match asked {
                Err(status) if status.code() == Code::Unavailable && hops < READ_HOPS => status,
                outcome => return outcome,
            };
            let next = self.owner(shard, until).await?;
            if next == owner {
                return Err(refused);
            }
            (owner, hops) = (next, hops + 1);
        }
    }

    /// The hash of a shard's whole state, from its owner.
    pub async fn digest(&self, shard: ShardId, timeout: Duration) -> Result<v1::ShardDigestResponse, Status> {
        let until = Instant::now() + timeout;
        let owner = self.owner(shard, until).await?;
        let mut client = self.connections.to(&owner)?;
        let request = v1::ShardDigestRequest { shard: shard.0.into() };
        self.ask(shard, &owner, until, client.digest(request)).await
    }

    async fn answer_of_owner(
        &self,
        shard: ShardId,
        offset: u64,
        until: Instant,
    ) -> Result<v1::ShardAwaitResponse, Status> {
        let owner = self.owner(shard, until).await?;
        let mut client = self.connections.to(&owner)?;
        let wait = until.saturating_duration_since(Instant::now()).min(WAIT);
        let request = v1::ShardAwaitRequest { shard: shard.0.into(), offset, timeout_ms: wait.as_millis() as u32 };
        self.ask(shard, &owner, Instant::now() + wait + WAY, client.r#await(request)).await
    }

    async fn owner(&self, shard: ShardId, until: Instant) -> Result<String, Status> {
        let found =
            timeout_at(until, self.owners.of(shard)).await.map_err(|_| late("nobody said in time who owns it"))?;
        found.ok_or_else(|| Status::unavailable("no owner of the shard is known"))
    }

    /// Puts one question, and forgets an owner that is none or gives no answer by `until`.
    async fn ask<T>(
        &self,
        shard: ShardId,
        owner: &str,
        until: Instant,
        call: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<T, Status> {
        let outcome = timeout_at(until, call).await;
        match &outcome {
            Err(_) => {
                self.connections.hangs(owner);
                self.owners.refute(shard, owner);
            }
            // It answered, if only that the record is not applied yet.
            Ok(Err(status)) if status.code() == Code::DeadlineExceeded => {}
            Ok(Err(status)) if may_pass(status.code()) => self.owners.refute(shard, owner),
            Ok(_) => {}
        }
        outcome.map_err(|_| late("the shard's owner did not answer in time"))?.map(tonic::Response::into_inner)
    }
}

fn late(what: &'static str) -> Status {
    Status::deadline_exceeded(what)
}

/// Whether another try, perhaps with another owner, may end differently. A connection that breaks has many codes.
fn may_pass(code: Code) -> bool {
    !matches!(code, Code::Unauthenticated | Code::PermissionDenied | Code::InvalidArgument | Code::Unimplemented)
}
