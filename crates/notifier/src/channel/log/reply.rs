//! Whether the line was written.

use crate::channel::Sent;
use std::io;
use std::time::Duration;
use tokio::task::JoinHandle;

const WRITE: Duration = Duration::from_secs(5);

/// Waits for the write. One that blocks is given up: the line may still appear.
pub(super) async fn read(write: JoinHandle<io::Result<()>>) -> Sent {
    match tokio::time::timeout(WRITE, write).await {
        Ok(Ok(outcome)) => written(outcome),
        Ok(Err(_)) => Sent::retry("stdout cannot be written"),
        Err(_) => Sent::retry("stdout is not being read"),
    }
}

/// What became of a line.
pub(super) fn written(outcome: io::Result<()>) -> Sent {
    match outcome {
        Ok(()) => Sent::delivered(),
        Err(_) => Sent::retry("stdout cannot be written"),
    }
}
