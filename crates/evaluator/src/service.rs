//! `ShardService`: what ingest and API nodes ask of a shard's owner.

use crate::shard::{ShardHandle, Shards};
use domain::command::{Answer, RefusalCode};
use domain::ids::MonitorId;
use eventlog::EventLog;
use std::sync::Arc;
use std::time::Duration;
use tonic::{Request, Response, Status};
use wire::convert::rows::view_to_wire;
use wire::v1::shard_await_response::Answer as WireAnswer;
use wire::v1::shard_service_server::ShardService;
use wire::v1::{Empty, EngineRefusal, ShardAwaitRequest, ShardAwaitResponse, ShardReadRequest, ShardReadResponse};
use wire::v1::{ShardDigestRequest, ShardDigestResponse};

/// The longest anybody may wait for an answer.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// How long a question waits for what stood in the log when it was asked: whoever has just pinged sees it.
const READ_PATIENCE: Duration = Duration::from_millis(500);
/// How long it waits on for a monitor that is not known yet: it may stand in what is not applied.
const ABSENT_PATIENCE: Duration = Duration::from_secs(1);
/// Monitors of one question.
const READ_MAX: usize = 1_000;

/// Answers for the shards owned here.
pub struct ShardAnswers {
    shards: Shards,
    log: Arc<dyn EventLog>,
}

impl ShardAnswers {
    pub(crate) fn new(shards: Shards, log: Arc<dyn EventLog>) -> Self {
        Self { shards, log }
    }

    fn shard(&self, shard: u32) -> Result<Arc<ShardHandle>, Status> {
        self.shards.get(shard).ok_or_else(|| Status::unavailable(format!("shard {shard} is not owned here")))
    }
}

#[tonic::async_trait]
impl ShardService for ShardAnswers {
    async fn read(&self, request: Request<ShardReadRequest>) -> Result<Response<ShardReadResponse>, Status> {
        let request = request.into_inner();
        if request.monitors.len() > READ_MAX {
            return Err(Status::invalid_argument(format!("monitors: at most {READ_MAX}")));
        }
        let ids: Vec<MonitorId> = request.monitors.into_iter().map(MonitorId).collect();
        let shard = self.shard(request.shard)?;
        let end = self.log.bounds(shard.id()).await.ok().map(|bounds| bounds.next);
        let mut is_behind = !shard.reach_end(end, READ_PATIENCE).await;
        let mut views = shard.views(&ids);
        if is_behind && views.len() < ids.len() {
            is_behind = !shard.reach_end(end, ABSENT_PATIENCE).await;
            views = shard.views(&ids);
        }
        Ok(Response::new(ShardReadResponse { views: views.iter().map(view_to_wire).collect(), is_behind }))
    }

    async fn r#await(&self, request: Request<ShardAwaitRequest>) -> Result<Response<ShardAwaitResponse>, Status> {
        let request = request.into_inner();
        let timeout = Duration::from_millis(request.timeout_ms.into()).min(WAIT_MAX);
        let shard = self.shard(request.shard)?;
        let answer = shard.answer(request.offset, timeout).await;
        let answer =
            answer.ok_or_else(|| Status::deadline_exceeded("the record is in the log, but not applied yet"))?;
        Ok(Response::new(ShardAwaitResponse { answer: Some(answer.map_or(WireAnswer::Applied(Empty {}), to_wire)) }))
    }

    async fn digest(&self, request: Request<ShardDigestRequest>) -> Result<Response<ShardDigestResponse>, Status> {
        let shard = self.shard(request.into_inner().shard)?;
        let digest = tokio::task::spawn_blocking(move || shard.digest()).await;
        let digest = digest.map_err(|error| Status::internal(error.to_string()))?;
        Ok(Response::new(digest.into()))
    }
}

fn to_wire(answer: Answer) -> WireAnswer {
    match answer {
        Answer::Created => WireAnswer::Created(Empty {}),
        Answer::Found => WireAnswer::Found(Empty {}),
        Answer::Done(view) => WireAnswer::Done(view.map(|view| view_to_wire(&view)).unwrap_or_default()),
        Answer::Refused(refusal) => WireAnswer::Refused(EngineRefusal {
            code: RefusalCode::ALL.iter().position(|code| *code == refusal.code).unwrap_or(0) as u32,
            field: refusal.error.field,
            message: refusal.error.message,
        }),
    }
}
