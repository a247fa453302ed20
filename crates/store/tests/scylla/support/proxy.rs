//! A TCP proxy before the node that can lose the answers: what the client asks is done, and it never hears.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The length of a frame's header, and where in it the opcode and the length of the body are (CQL binary
/// protocol v4, section 2).
const HEADER: usize = 9;
const OPCODE: usize = 4;
const LENGTH: usize = 5;
const BATCH: u8 = 0x0d;

/// What happens to answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Pass,
    Swallow,
}

/// What all connections share.
struct State {
    mode: watch::Sender<Mode>,
    /// From the next batch on no answer gets through.
    waits_for_batch: AtomicBool,
    swallowed: AtomicUsize,
}

/// Stops when dropped.
pub struct Proxy {
    pub address: String,
    state: Arc<State>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Proxy {
    pub async fn before(node: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mode = watch::channel(Mode::Pass).0;
        let state = Arc::new(State { mode, waits_for_batch: AtomicBool::new(false), swallowed: AtomicUsize::new(0) });
        let accepting = tokio::spawn(accept(listener, node, state.clone()));
        Self { address, state, accepting }
    }

    /// From now on no answer gets through.
    pub fn swallow(&self) {
        self.state.mode.send_replace(Mode::Swallow);
    }

    /// As [`swallow`](Self::swallow), from the next batch on.
    pub fn swallow_from_batch(&self) {
        self.state.waits_for_batch.store(true, Ordering::Release);
    }

    /// Answers get through again, on new connections: the old ones, which lack some bytes, are cut.
    pub fn pass(&self) {
        self.state.mode.send_replace(Mode::Pass);
    }

    /// Bytes of answers that nobody got.
    pub fn swallowed(&self) -> usize {
        self.state.swallowed.load(Ordering::Acquire)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, node: String, state: Arc<State>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let server = TcpStream::connect(&node).await.unwrap();
        let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
        let asking = tokio::spawn(ask(from_client, to_server, state.clone()));
        let state = state.clone();
        tokio::spawn(async move {
            answer(from_server, to_client, &state).await;
            asking.abort();
        });
    }
}

/// Carries questions, frame by frame.
async fn ask(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: Arc<State>) -> std::io::Result<()> {
    loop {
        let mut frame = vec![0; HEADER];
        from.read_exact(&mut frame).await?;
        let length: [u8; 4] = frame[LENGTH..HEADER].try_into().unwrap();
        frame.resize(HEADER + u32::from_be_bytes(length) as usize, 0);
        from.read_exact(&mut frame[HEADER..]).await?;
        if frame[OPCODE] == BATCH && state.waits_for_batch.swap(false, Ordering::AcqRel) {
            state.mode.send_replace(Mode::Swallow);
        }
        to.write_all(&frame).await?;
    }
}

async fn answer(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, state: &State) {
    let mut mode = state.mode.subscribe();
    let (mut has_lost, mut bytes) = (false, vec![0; 1 << 16]);
    loop {
        let read = tokio::select! {
            read = from.read(&mut bytes) => read,
            // A connection that lost bytes is of no more use.
            _ = mode.wait_for(|mode| has_lost && *mode == Mode::Pass) => return,
        };
        let Some(count) = read.ok().filter(|count| *count > 0) else { return };
        let now = *state.mode.borrow();
        match now {
            Mode::Swallow => {
                has_lost = true;
                state.swallowed.fetch_add(count, Ordering::Release);
            }
            Mode::Pass if to.write_all(&bytes[..count]).await.is_err() => return,
            Mode::Pass => {}
        }
    }
}
