//! A thread that serves pings: its own single-threaded runtime, so that a connection never changes cores and
//! nothing a request touches needs a lock.

use crate::core::Core;
use crate::http::connection::{Conn, Limits, Stream, drive};
use crate::http::door::Door;
use crate::http::reply::closing;
use crate::http::sweep::{Pool, Tick, TickClock, tick_and_limits};
use crate::metric::Shed;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at, timeout};

/// The largest head hyper buffers; its parts are limited to 8 kB each by the routes.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// HTTP/2 limits (RFC 9113): streams at a time, bytes of a head, bytes of replies that wait for a window.
const H2_STREAMS: u32 = 100;
const H2_HEAD_BYTES: u32 = 16 << 10;
const H2_SEND_BYTES: usize = 64 << 10;
/// HTTP/2 windows: what a client may send ahead on a stream and on its connection.
const H2_STREAM_WINDOW: u32 = 64 << 10;
const H2_CONNECTION_WINDOW: u32 = 256 << 10;
/// How often a draining worker looks whether it is done.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Connections that wait for their worker.
const QUEUE: usize = 1_024;

/// A connection on its way to a worker.
pub(crate) type Accepted = (TcpStream, SocketAddr);

/// A running worker: where to send connections, and how to wait for its end.
pub(crate) struct Worker {
    pub queue: mpsc::Sender<Accepted>,
    pub thread: JoinHandle<()>,
}

impl Worker {
    /// Starts a worker for at most `capacity` connections. It drains and ends when its queue is closed.
    pub(crate) fn start(core: &Arc<Core>, number: usize, capacity: usize, fallback: axum::Router) -> io::Result<Self> {
        let (queue, connections) = mpsc::channel(QUEUE);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (core, pages) = (Arc::clone(core), Handle::current());
        let run = move || {
            let door = Rc::new(Door::new(core, fallback, pages));
            let serving = Serving::new(door, capacity);
            LocalSet::new().block_on(&runtime, serving.run(connections));
        };
        let thread = std::thread::Builder::new().name(format!("ingest-{number}")).spawn(run)?;
        Ok(Self { queue, thread })
    }
}

struct Serving {
    door: Rc<Door>,
    pool: Rc<Pool>,
    clock: Rc<TickClock>,
    tick: Duration,
    limits: Limits,
}

impl Serving {
    fn new(door: Rc<Door>, capacity: usize) -> Self {
        let options = &door.core.options;
        let (tick, limits) = tick_and_limits(options.header_timeout, options.idle_timeout, options.connection_age);
        Self { pool: Rc::new(Pool::new(capacity)), clock: Rc::default(), door, tick, limits }
    }

    async fn run(self, mut connections: mpsc::Receiver<Accepted>) {
        let mut ticks = interval(self.tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                accepted = connections.recv() => match accepted {
                    Some(accepted) => self.open(accepted),
                    None => break,
                },
                _ = ticks.tick() => self.sweep(),
            }
        }
        self.drain().await;
    }

    fn sweep(&self) {
        self.clock.advance();
        self.pool.sweep(&self.limits);
    }

    /// Makes the next reply on each connection its last, then closes the quiet ones, finishes what is in
    /// progress, and cuts what does not finish in time.
    async fn drain(mut self) {
        // A client that keeps its pool of connections open does not notice the end of ours.
        self.limits.linger /= 2;
        let (options, began) = (&self.door.core.options, Instant::now());
        self.pool.retire_all();
        self.until_empty(began + options.quiet_grace.min(options.drain_timeout / 3)).await;
        self.pool.close_all();
        self.until_empty(began + options.drain_timeout).await;
        let cut = self.pool.cut_all();
        if cut > 0 {
            tracing::warn!(connections = cut, "connections were cut because they did not finish in time");
        }
    }

    async fn until_empty(&self, end: Instant) {
        let mut ticks = interval_at(Instant::now() + self.tick, self.tick);
        while !self.pool.is_empty() && Instant::now() < end {
            tokio::select! {
                _ = ticks.tick() => self.sweep(),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    fn open(&self, (stream, peer): Accepted) {
        let core = &self.door.core;
        if !self.pool.make_room() {
            core.metrics.shed(Shed::Connection);
            core.hearing.missed_everywhere(core.now(), core.now());
            return;
        }
        let conn = Rc::new(Conn::new(Rc::clone(&self.clock)));
        let open = Open::new(Rc::clone(&self.door), Rc::clone(&self.pool));
        let id = open.id;
        let task = tokio::task::spawn_local(serve(open, stream, peer, Rc::clone(&conn), self.limits.age));
        self.pool.add(id, conn, task.abort_handle());
    }
}

/// A connection's place in the pool and in the count of all; given back however its task ends.
struct Open {
    door: Rc<Door>,
    pool: Rc<Pool>,
    id: u64,
}

impl Open {
    fn new(door: Rc<Door>, pool: Rc<Pool>) -> Self {
        door.core.connections.fetch_add(1, Ordering::Relaxed);
        let id = pool.next_id();
        Self { door, pool, id }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.door.core.connections.fetch_sub(1, Ordering::Relaxed);
        self.pool.remove(self.id);
    }
}

/// One connection from its first byte to its last. What goes wrong on it is the client's business: hyper has
/// answered what can be answered, and nothing of it is worth a log line.
async fn serve(open: Open, stream: TcpStream, peer: SocketAddr, conn: Rc<Conn>, max_age: Tick) {
    let Ok(socket) = tokio::net::TcpStream::from_std(stream) else { return };
    let Ok(stream) = Stream::sniff(socket, Rc::clone(&conn)).await else { return };
    let door = Rc::clone(&open.door);
    let of_requests = Rc::clone(&conn);
    let service = service_fn(move |request| {
        let (door, conn) = (Rc::clone(&door), Rc::clone(&of_requests));
        let busy = conn.begin();
        async move {
            let version = request.version();
            let reply = door.answer(request, peer, busy).await;
            Ok::<_, std::convert::Infallible>(if conn.retires(max_age) { closing(reply, version) } else { reply })
        }
    });
    if stream.is_h2() {
        let mut http2 = http2::Builder::new(OnThisThread);
        http2.max_concurrent_streams(H2_STREAMS).max_header_list_size(H2_HEAD_BYTES).max_send_buf_size(H2_SEND_BYTES);
        http2.initial_stream_window_size(H2_STREAM_WINDOW).initial_connection_window_size(H2_CONNECTION_WINDOW);
        let _ =
            drive(http2.serve_connection(stream, service), &conn, |connection| connection.graceful_shutdown()).await;
    } else {
        let mut http1 = http1::Builder::new();
        http1.max_buf_size(MAX_HEAD_BYTES).half_close(false);
        let _ =
            drive(http1.serve_connection(stream, service), &conn, |connection| connection.graceful_shutdown()).await;
    }
}

/// Runs the streams of an HTTP/2 connection where the connection runs.
#[derive(Clone, Copy)]
struct OnThisThread;

impl<F> hyper::rt::Executor<F> for OnThisThread
where
    F: Future + 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(async move {
            future.await;
        });
    }
}

/// Waits for workers to end, at most `patience`.
pub(crate) async fn join(threads: Vec<JoinHandle<()>>, patience: Duration) -> io::Result<()> {
    let joined = tokio::task::spawn_blocking(move || threads.into_iter().all(|thread| thread.join().is_ok()));
    match timeout(patience, joined).await {
        Ok(Ok(true)) => Ok(()),
        Ok(_) => Err(io::Error::other("a thread that serves pings has panicked")),
        Err(_) => Err(io::Error::new(io::ErrorKind::TimedOut, "a thread that serves pings did not end")),
    }
}
