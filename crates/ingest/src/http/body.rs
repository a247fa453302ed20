//! A ping's body: the beginning is kept raw, ten times the limit is read, and then reading stops. Whatever
//! the body, the ping counts.

use crate::core::Core;
use crate::metric::Shed;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::timeout;

/// How many times the limit is read before the client is told to stop.
const READ_FACTOR: usize = 10;
/// What is read and thrown away of an HTTP/2 body behind its reply, in bytes and in time. Many clients take a
/// stream that is reset while they send for a failure, whatever the reply said (RFC 9113 section 8.1).
const DISCARD_BYTES: usize = 4 << 20;
const DISCARD_PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of bodies all pings in progress may hold; above it bodies are dropped and pings still count.
const MAX_HELD_BYTES: usize = 64 << 20;

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct ReadBody {
    pub kept: Vec<u8>,
    /// More came than is kept.
    pub is_cut: bool,
    /// Unread bytes are left on the connection: it cannot be used again.
    pub is_unfinished: bool,
}

/// Why a ping has no body that could be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    TooSlow,
    /// Chunks that are none, a length that is not kept, a client that went away.
    Malformed,
}

/// Memory that bodies in progress hold, given back when the ping is done.
pub(crate) struct Held<'a> {
    core: &'a Core,
    bytes: usize,
}

impl<'a> Held<'a> {
    pub(crate) fn new(core: &'a Core) -> Self {
        Self { core, bytes: 0 }
    }

    /// Whether `more` bytes may be kept.
    fn take(&mut self, more: usize) -> bool {
        let before = self.core.body_bytes.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
        before + more <= MAX_HELD_BYTES
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.core.body_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        }
    }
}

/// Reads `body` within `patience`.
pub(crate) async fn read(
    body: &mut Incoming,
    held: &mut Held<'_>,
    limit: usize,
    patience: Duration,
) -> Result<ReadBody, BodyError> {
    timeout(patience, read_frames(body, held, limit)).await.unwrap_or(Err(BodyError::TooSlow))
}

async fn read_frames(body: &mut Incoming, held: &mut Held<'_>, limit: usize) -> Result<ReadBody, BodyError> {
    let mut read = ReadBody::default();
    let mut total = 0usize;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Malformed)?;
        let Some(data) = frame.data_ref() else { continue };
        total = total.saturating_add(data.len());
        keep(&mut read, data, held, limit);
        if total > limit.saturating_mul(READ_FACTOR) {
            read.is_unfinished = true;
            break;
        }
    }
    Ok(read)
}

/// Takes the rest of a body nobody wants, up to a bound.
pub(crate) async fn discard(body: &mut Incoming) {
    let _ = timeout(DISCARD_PATIENCE, async {
        let mut total = 0;
        while total < DISCARD_BYTES
            && let Some(Ok(frame)) = body.frame().await
        {
            total += frame.data_ref().map_or(0, bytes::Bytes::len);
        }
    })
    .await;
}

fn keep(read: &mut ReadBody, data: &[u8], held: &mut Held<'_>, limit: usize) {
    let room = limit.saturating_sub(read.kept.len());
    let part = data.get(..room).unwrap_or(data);
    read.is_cut |= part.len() < data.len();
    if part.is_empty() {
        return;
    }
    if held.take(part.len()) {
        read.kept.extend_from_slice(part);
    } else {
        read.is_cut = true;
        held.core.metrics.shed(Shed::Body);
    }
}
