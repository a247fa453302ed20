//! The HTTP door: an accept loop, threads that serve pings, and the routes.
//!
//! A ping goes `accept` -> `worker` -> `door` -> `ping` -> the gate -> the log -> `reply`, on one thread and
//! without a lock of its own. What is not a ping goes to the fallback router on the caller's runtime.

mod accept;
pub mod batch;
mod body;
mod connection;
pub(crate) mod create;
mod door;
pub(crate) mod framing;
mod peer;
mod ping;
pub(crate) mod query;
mod reply;
pub(crate) mod route;
mod sweep;
mod worker;

use crate::confess;
use crate::core::Core;
pub(crate) use reply::PING_BODY_LIMIT;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use worker::Worker;

/// What a worker may take to end after it has drained.
const JOIN_MARGIN: Duration = Duration::from_secs(1);
/// What the last confession may take when the drain took its whole time.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Serves until `shutdown`, then drains, and confesses what was not taken meanwhile.
pub(crate) async fn serve(
    core: Arc<Core>,
    listener: TcpListener,
    fallback: axum::Router,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let count = core.options.workers.max(1);
    let capacity = (core.options.max_connections / count).max(1);
    let workers: Vec<_> =
        (0..count).map(|number| Worker::start(&core, number, capacity, fallback.clone())).collect::<io::Result<_>>()?;
    let accepted = accept::run(&core, listener, &workers, shutdown).await;
    let (drain, began) = (core.options.drain_timeout, Instant::now());
    // Dropping the queues tells the workers to drain.
    let threads = workers.into_iter().map(|worker| worker.thread).collect();
    let joined = worker::join(threads, drain + JOIN_MARGIN).await;
    confess::last_words(&core, began + drain + LAST_WORDS).await;
    joined.and(accepted)
}
