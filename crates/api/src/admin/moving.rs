//! The old installation's part in a move: it stops judging, and shows what its log has still taken.

use super::only_operator;
use crate::auth::{Caller, Share};
use crate::deps::Api;
use domain::ids::ShardId;
use domain::record::Body;
use eventlog::{RawRecord, ReadError, ShardReader};
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use store::row::Scope;
use tonic::{Request, Response, Status};
use wire::v1;

/// Records of one message.
const BATCH: usize = 500;

type Records = BoxStream<'static, Result<v1::FollowLogResponse, Status>>;

/// Writes to every shard that its monitors go on elsewhere.
pub(super) async fn begin(api: &Api, caller: Caller) -> Result<v1::BeginMoveResponse, Status> {
    only_operator(&caller, "move it")?;
    tracing::warn!(by = caller.prefix, "the installation moves: from here on it judges nothing");
    let producer = &api.deps.producer;
    let mut offsets = Vec::new();
    for shard in producer.log().shards().all() {
        let appended = producer.append(shard, &Body::Moved, api.deps.clock.now()).await;
        offsets.push(appended.map_err(|error| Status::unavailable(error.to_string()))?.offset);
    }
    Ok(v1::BeginMoveResponse { offsets })
}

/// Streams a shard's records.
pub(super) async fn follow(api: &Api, request: Request<v1::FollowLogRequest>) -> Result<Response<Records>, Status> {
    let (caller, share) = api.gate.enter(Scope::Admin, request.metadata()).await?;
    only_operator(&caller, "read its log")?;
    let (asked, log) = (request.into_inner(), api.deps.producer.log());
    let shard = u16::try_from(asked.shard).ok().filter(|shard| *shard < log.shards().get()).map(ShardId);
    let shard = shard.ok_or_else(|| Status::invalid_argument("shard: no such shard"))?;
    let reader = log.reader(shard, asked.from).await.map_err(refusal)?;
    Ok(Response::new(stream::unfold((reader, share), next).boxed()))
}

type Reading = (Box<dyn ShardReader>, Share);

async fn next((mut reader, share): Reading) -> Option<(Result<v1::FollowLogResponse, Status>, Reading)> {
    match reader.next(BATCH).await {
        Ok(records) => {
            let records = records.into_iter().map(logged).collect();
            Some((Ok(v1::FollowLogResponse { records }), (reader, share)))
        }
        Err(ReadError::Closed) => None,
        Err(error) => Some((Err(refusal(error)), (reader, share))),
    }
}

fn logged(record: RawRecord) -> v1::LoggedRecord {
    v1::LoggedRecord { offset: record.offset, append_ms: record.append.0, payload: record.payload.to_vec() }
}

fn refusal(error: ReadError) -> Status {
    match error {
        ReadError::OutOfRange { .. } => Status::out_of_range(error.to_string()),
        _ => Status::unavailable(error.to_string()),
    }
}
