//! One evaluator: connect, work, and connect again when the stream ends, for as long as there is such an evaluator.

use super::session::Session;
use super::shared::Shared;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// A session that lasted this long was a good one.
const GOOD_SESSION: Duration = Duration::from_secs(5);
/// Dials in vain from one log line about them to the next.
const SAID_AGAIN: u32 = 12;

/// A link to one address.
pub(super) struct Link {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Whether the roster still has it: once it has not, the address may have a new link.
    is_listed: bool,
}

/// How a try went.
enum Tried {
    /// No stream was opened.
    Unreached(Status),
    /// It was, and has ended: `Ok`: the evaluator ended it in order.
    Ended(Result<(), Status>),
    /// We are to stop.
    Stopped,
}

impl Link {
    /// A link to an address that the roster has just taken on.
    pub(super) fn new(address: SocketAddr, shared: Arc<Shared>) -> Self {
        Self { address, shared, is_listed: true }
    }

    /// Holds a session until `shutdown`, or until the evaluator is neither named nor reached.
    pub(super) async fn keep(mut self, shutdown: CancellationToken) {
        let (mut pause, mut vain) = (FIRST_PAUSE, 0);
        loop {
            let began = Instant::now();
            let tried = self.try_once(&shutdown).await;
            if began.elapsed() >= GOOD_SESSION && matches!(tried, Tried::Ended(_)) {
                pause = FIRST_PAUSE;
            }
            vain = if matches!(tried, Tried::Unreached(_)) { vain + 1 } else { 0 };
            self.tell(&tried, vain, pause);
            if shutdown.is_cancelled() || !self.goes_on(&tried) {
                return;
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(self.shared.jitter.of_pause(pause)) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn try_once(&self, shutdown: &CancellationToken) -> Tried {
        let opened = tokio::select! {
            biased;
            () = shutdown.cancelled() => return Tried::Stopped,
            opened = self.open() => opened,
        };
        match opened {
            Err(status) => Tried::Unreached(status),
            Ok(session) => {
                self.shared.note(|roster| roster.opened(self.address));
                Tried::Ended(session.work(shutdown).await)
            }
        }
    }

    async fn open(&self) -> Result<Session, Status> {
        Session::open(&self.shared, self.address).await
    }

    /// Says to the roster how it went, which knows whether there is still such an evaluator.
    fn goes_on(&mut self, tried: &Tried) -> bool {
        let goes_on = match tried {
            Tried::Stopped => return false,
            Tried::Unreached(status) => self.shared.note(|roster| roster.unreached(self.address, unreached(status))),
            Tried::Ended(_) => self.shared.note(|roster| roster.ended(self.address, "has ended the stream of offers")),
        };
        self.is_listed = goes_on;
        if !goes_on {
            tracing::info!(evaluator = %self.address, "the evaluator is gone and is no longer dialled");
        }
        goes_on
    }

    /// Wrong credentials do not pass by themselves; everything else is expected now and then.
    fn tell(&self, tried: &Tried, vain: u32, pause: Duration) {
        let (evaluator, pause_ms) = (self.address, pause.as_millis() as u64);
        match tried {
            Tried::Stopped => {}
            Tried::Ended(Ok(())) => tracing::info!(%evaluator, pause_ms, "the evaluator ended the stream of offers"),
            Tried::Ended(Err(status)) => {
                tracing::info!(%evaluator, pause_ms, code = %status.code(), "the stream of offers broke");
            }
            Tried::Unreached(_) if vain % SAID_AGAIN != 1 => {}
            Tried::Unreached(status) if is_refusal(status) => {
                tracing::error!(%evaluator, vain, code = %status.code(), "the evaluator refuses this notifier");
            }
            Tried::Unreached(status) => {
                tracing::info!(%evaluator, vain, code = %status.code(), "the evaluator is not reached");
            }
        }
    }
}

impl Drop for Link {
    /// However it ends, the address may be dialled anew.
    fn drop(&mut self) {
        if self.is_listed {
            self.shared.note(|roster| roster.left(self.address));
        }
    }
}

fn is_refusal(status: &Status) -> bool {
    matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied | Code::InvalidArgument)
}

fn unreached(status: &Status) -> &'static str {
    if is_refusal(status) { "refuses this notifier" } else { "cannot be reached" }
}
