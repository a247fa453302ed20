//! Threads for what may wait. When the processors are full, answering a ping comes before judging it: lag is
//! not silence, but a ping that is not acknowledged in time is sent again or lost. So the evaluator works on
//! threads of a lower scheduling priority, a runtime of their own.

use std::future::Future;
use std::io;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// Workers of the background runtime.
const THREADS: usize = 2;
/// Steps of nice(2) below the threads that answer pings: about a third of their share when all are busy.
const NICER: i32 = 5;

/// A runtime of lower priority. It ends when this is dropped.
pub(super) struct Background {
    runtime: Handle,
    _alive: oneshot::Sender<()>,
}

impl Background {
    /// Starts its threads.
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("background")
            .on_thread_start(be_nice)
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let (alive, ended) = oneshot::channel();
        // A runtime must not be dropped on a thread of another one: this thread only keeps it.
        std::thread::Builder::new().name("background-keeper".into()).spawn(move || drop(runtime.block_on(ended)))?;
        Ok(Self { runtime: handle, _alive: alive })
    }

    /// Runs `work` there; what it spawns stays there.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> io::Result<T> {
        self.runtime.spawn(work).await.map_err(io::Error::other)
    }
}

/// On Linux this concerns the calling thread only. A system that refuses it serves all the same.
fn be_nice() {
    if let Err(error) = rustix::process::nice(NICER) {
        tracing::debug!(%error, "the evaluator's priority could not be lowered");
    }
}
