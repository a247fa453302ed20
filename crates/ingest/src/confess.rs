//! Tells the log in which stretches pings of a shard were not taken. The attempt is also the probe: it needs no
//! traffic, so a node that nobody asks any more finds out by itself that the log is back.

use crate::core::Core;
use domain::ids::ShardId;
use domain::record::Body;
use eventlog::AppendError;
use futures::future::join_all;
use tokio::time::{Instant, timeout, timeout_at};

/// One attempt for one shard, if there is anything to confess.
pub(crate) async fn confess(core: &Core, shard: ShardId) {
    let Some(span) = core.hearing.unreported(shard) else { return };
    let (received, since) = (core.now(), Instant::now());
    let ticket = core.producer.append(shard, &Body::Deaf { from: span.from, to: span.to }, received);
    match timeout(core.options.append_timeout, ticket).await.unwrap_or(Err(AppendError::TimedOut)) {
        Ok(appended) => {
            core.acknowledged(shard, received, since, appended);
            core.hearing.reported(shard, span);
            let seconds = span.to.since(span.from) as f64 / 1000.0;
            tracing::warn!(shard = shard.0, seconds, "pings of a shard were not taken, and the log knows now");
        }
        Err(error) => core.failed(shard, since, error),
    }
}

/// What is left to confess when no more pings come, as far as the log takes it until `end`.
pub(crate) async fn last_words(core: &Core, end: Instant) {
    let confessions = core.keys.shards().all().map(|shard| confess(core, shard));
    if timeout_at(end, join_all(confessions)).await.is_err() {
        tracing::error!("pings of some shards were not taken, and the log could not be told");
    }
}
