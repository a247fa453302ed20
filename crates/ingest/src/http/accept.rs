//! The accept loop: hands connections to the workers in turn, so that each carries the same share.

use crate::core::Core;
use crate::http::worker::Worker;
use futures::FutureExt;
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// The pause after an error that is ours (no file descriptors, no memory), at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Accepts until `shutdown`; then once more what the kernel has already completed, since those clients
/// believe they are connected.
pub(crate) async fn run(
    core: &Arc<Core>,
    listener: TcpListener,
    workers: &[Worker],
    shutdown: CancellationToken,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let mut turns = (0..workers.len()).cycle();
    let mut pause = FIRST_PAUSE;
    loop {
        let accepted = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(accepted) => {
                hand_over(core, workers, turns.next(), accepted).await;
                pause = FIRST_PAUSE;
            }
            Err(error) if is_of_one_client(&error) => {}
            Err(error) => {
                back_off(core, &error, pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
    while let Some(Ok(accepted)) = listener.accept().now_or_never() {
        hand_over(core, workers, turns.next(), accepted).await;
    }
    Ok(())
}

/// A full queue makes the loop wait, and clients wait in the kernel's queue: the bound on what is accepted
/// and not yet served.
async fn hand_over(core: &Core, workers: &[Worker], turn: Option<usize>, (stream, peer): (TcpStream, SocketAddr)) {
    // Without it a reply may wait 40 ms for the client's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    // Leaves this runtime for the worker's.
    let Ok(stream) = stream.into_std() else { return };
    let Some(worker) = turn.and_then(|turn| workers.get(turn)) else { return };
    if worker.queue.send((stream, peer)).await.is_err() {
        tracing::error!("a thread that serves pings has ended early");
        core.hearing.missed_everywhere(core.now(), core.now());
    }
}

/// Errors that Linux reports for the connection that was to be accepted (accept(2)).
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::Interrupted)
}

/// Waits, and remembers that nobody new could be heard meanwhile.
async fn back_off(core: &Core, error: &io::Error, pause: Duration) {
    let from = core.now();
    tracing::warn!(%error, pause_ms = pause.as_millis() as u64, "no connection can be accepted");
    tokio::time::sleep(pause).await;
    core.hearing.missed_everywhere(from, core.now());
}
