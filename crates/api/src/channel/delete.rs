//! Deletes channels. The row stays as a tombstone without its settings, so that an alert on its way finds out
//! that nobody wants it any more.

use super::read::find_made;
use crate::auth::Caller;
use crate::deps::Api;
use crate::refusal::from_store;
use domain::ids::{ChannelId, ShardId};
use domain::record::Body;
use eventlog::AppendError;
use store::row::ChannelRow;
use tokio::time::timeout;
use tonic::Status;
use wire::v1;

/// How often a shard's log is asked to take the record.
const TRIES: u32 = 2;

/// Deletes a channel and closes its open deliveries. Monitors that name it go on without it.
pub(super) async fn delete(
    api: &Api,
    caller: Caller,
    asked: v1::DeleteChannelRequest,
) -> Result<v1::DeleteChannelResponse, Status> {
    let current = find_made(api, caller.tenant, &asked.name, "name").await?;
    let tombstone = ChannelRow {
        settings: Vec::new(),
        version: current.version + 1,
        changed_ms: api.deps.clock.now().0,
        deleted: true,
        ..current
    };
    let channel = tombstone.id;
    api.deps.store.update_channel(tombstone).await.map_err(from_store)?;
    close_deliveries(api, channel).await;
    Ok(v1::DeleteChannelResponse {})
}

/// Tells every shard that a channel takes nothing any more. A shard whose log does not take the record learns
/// it later: its next attempt finds the row. So this never fails the call.
pub(super) async fn close_deliveries(api: &Api, channel: ChannelId) {
    let closings = api.deps.keys.shards().all().map(|shard| close_in_shard(api, shard, channel));
    let told = futures::future::join_all(closings).await;
    let missed = told.iter().filter(|told| told.is_err()).count();
    if missed > 0 {
        tracing::warn!(%channel, shards = missed, "a closed channel's deliveries stay open until their next attempt");
    }
}

async fn close_in_shard(api: &Api, shard: ShardId, channel: ChannelId) -> Result<(), AppendError> {
    let body = Body::ChannelClosed { channel };
    let mut outcome = Err(AppendError::TimedOut);
    for _ in 0..TRIES {
        let ticket = api.deps.producer.append(shard, &body, api.deps.clock.now());
        outcome = timeout(api.limits.append, ticket).await.unwrap_or(Err(AppendError::TimedOut)).map(drop);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}
