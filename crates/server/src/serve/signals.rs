//! SIGTERM and SIGINT: the first asks for an orderly end, the second ends at once.

use crate::failure::{EXIT_FAILED, Failure};
use std::path::PathBuf;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancelled by the first signal. `ready_file` is removed if a second one cuts the end short.
pub fn listen(ready_file: PathBuf) -> Result<CancellationToken, Failure> {
    let open = |kind| signal(kind).map_err(|error| Failure::failed(format_args!("signal handler: {error}")));
    let (mut terminate, mut interrupt) = (open(SignalKind::terminate())?, open(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let first = stop.clone();
    tokio::spawn(async move {
        let name = next(&mut terminate, &mut interrupt).await;
        tracing::info!(signal = name, "shutting down");
        first.cancel();
        let name = next(&mut terminate, &mut interrupt).await;
        super::ready::remove_own(&ready_file);
        eprintln!("error: a second signal ({name}) came before the shutdown was done");
        std::process::exit(EXIT_FAILED.into());
    });
    Ok(stop)
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> &'static str {
    tokio::select! {
        _ = terminate.recv() => "SIGTERM",
        _ = interrupt.recv() => "SIGINT",
    }
}
