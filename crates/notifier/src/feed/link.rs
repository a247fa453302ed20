//! One evaluator: connect, work, and connect again when the stream ends.

use super::ledger::Ledger;
use super::session;
use crate::attempt::Attempts;
use crate::metric;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use wire::internal_auth::InternalAuth;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A session that lasted this long was a good one.
const GOOD_SESSION: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(5);
/// Tells a dead peer from a quiet one.
const KEEP_ALIVE: Duration = Duration::from_secs(30);

/// What a link works with.
#[derive(Clone)]
pub(super) struct Link {
    /// `host:port`.
    pub evaluator: String,
    pub worker: String,
    pub capacity: u32,
    pub auth: InternalAuth,
    pub attempts: Arc<Attempts>,
    pub ledger: Arc<Ledger>,
}

impl Link {
    /// Holds a session until `shutdown`.
    pub(super) async fn keep(self, shutdown: CancellationToken) {
        let mut pause = FIRST_PAUSE;
        while !shutdown.is_cancelled() {
            let began = Instant::now();
            let ended = self.session(&shutdown).await;
            if shutdown.is_cancelled() {
                return;
            }
            if began.elapsed() >= GOOD_SESSION {
                pause = FIRST_PAUSE;
            }
            self.tell(&ended, pause);
            tokio::select! {
                () = tokio::time::sleep(jittered(pause)) => {}
                () = shutdown.cancelled() => return,
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn session(&self, shutdown: &CancellationToken) -> Result<(), Status> {
        let channel = tokio::select! {
            channel = self.connect() => channel?,
            () = shutdown.cancelled() => return Ok(()),
        };
        metric::move_feeds(1.0);
        let ended = session::work(self, channel, shutdown).await;
        metric::move_feeds(-1.0);
        ended
    }

    async fn connect(&self) -> Result<Channel, Status> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.evaluator))
            .map_err(|_| Status::invalid_argument("the evaluator's address is not host:port"))?
            .connect_timeout(CONNECT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .keep_alive_timeout(Duration::from_secs(10))
            .keep_alive_while_idle(true);
        endpoint.connect().await.map_err(|_| Status::unavailable("the evaluator cannot be reached"))
    }

    /// Wrong credentials do not pass by themselves; everything else is expected now and then.
    fn tell(&self, ended: &Result<(), Status>, pause: Duration) {
        let (evaluator, pause_ms) = (self.evaluator.as_str(), pause.as_millis() as u64);
        match ended {
            Ok(()) => tracing::info!(evaluator, pause_ms, "the evaluator ended the stream of offers"),
            Err(status)
                if matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied | Code::InvalidArgument) =>
            {
                tracing::error!(evaluator, pause_ms, code = %status.code(), "the evaluator refuses this notifier");
            }
            Err(status) => tracing::info!(evaluator, pause_ms, code = %status.code(), "the stream of offers broke"),
        }
    }
}

/// Half to one and a half of `pause`, so that notifiers do not come back in step.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.5..1.5))
}
