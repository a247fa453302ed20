//! One connection: what it is doing, seen from its worker's sweep, and the stream that tells it.
//!
//! hyper's own timers cost an allocation a request and close a quiet keep-alive connection like a slow head.
//! Here the stream notes when the first byte of a head arrives, the service notes when a request begins and
//! ends, both in ticks of the worker, and a sweep over all connections closes what is overdue.

use crate::http::framing::Framing;
use crate::http::sweep::{Tick, TickClock};
use bytes::{Buf, Bytes};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::TcpStream;

/// How an HTTP/2 connection with prior knowledge begins (RFC 9113 section 3.4).
const H2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What is read and thrown away after the last reply, so that unread bytes do not reset the connection
/// before the client has read it.
const LINGER_BYTES: usize = 64 << 20;
/// What is read at a time of HTTP/1.
const READ_BYTES: usize = 8_192;

/// The state of a connection, shared by its stream, its requests and the sweep. All on one thread.
pub(crate) struct Conn {
    clock: Rc<TickClock>,
    born: Tick,
    requests: Cell<u32>,
    pages: Cell<u32>,
    has_served: Cell<bool>,
    is_h2: Cell<bool>,
    changed: Cell<Tick>,
    head_since: Cell<Option<Tick>>,
    linger_since: Cell<Option<Tick>>,
    is_retiring: Cell<bool>,
    is_closing: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Conn {
    pub(crate) fn new(clock: Rc<TickClock>) -> Self {
        let (born, changed) = (clock.now(), Cell::new(clock.now()));
        Self {
            clock,
            born,
            requests: Cell::default(),
            pages: Cell::default(),
            has_served: Cell::default(),
            is_h2: Cell::default(),
            changed,
            head_since: Cell::default(),
            linger_since: Cell::default(),
            is_retiring: Cell::default(),
            is_closing: Cell::default(),
            waker: RefCell::default(),
        }
    }

    /// A request's head has been read.
    pub(crate) fn begin(self: &Rc<Self>) -> Busy {
        self.requests.set(self.requests.get() + 1);
        self.head_since.set(None);
        self.has_served.set(true);
        Busy { conn: Rc::clone(self), is_page: Cell::new(false) }
    }

    /// From now on the next reply is the last. HTTP/2 can say so at once (RFC 9113 section 6.8).
    pub(crate) fn retire(&self) {
        self.is_retiring.set(true);
        if self.is_h2.get() {
            self.close();
        }
    }

    /// Asks for an orderly end: no more requests, those in progress are finished. One whose head has begun to
    /// come is in progress.
    pub(crate) fn close(&self) {
        self.is_closing.set(true);
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// Whether it should end with the present reply: it was asked to, or has lived long enough, so that clients
    /// behind a balancer spread anew. HTTP/2 is told here, HTTP/1 by the caller's header.
    pub(crate) fn retires(&self, age: Tick) -> bool {
        let is_last = self.is_retiring.get() || self.clock.is_past(self.born, age);
        if is_last && self.is_h2.get() {
            self.close();
        }
        is_last
    }

    /// Whether nobody drives it yet, and nothing came: it can be cut without a loss.
    pub(crate) fn is_untouched(&self) -> bool {
        self.idle_since().is_some() && self.waker.borrow().is_none()
    }

    /// Whether hyper may be asked to end it. Asked too early it drops a request of HTTP/1 that is half there.
    fn may_end(&self) -> bool {
        self.is_closing.get() && (self.is_h2.get() || self.idle_since().is_some())
    }

    /// Whether nothing is in progress, so that it may be closed to make room. The tick it is idle since.
    pub(crate) fn idle_since(&self) -> Option<Tick> {
        let idle = self.requests.get() == 0 && self.head_since.get().is_none();
        idle.then(|| self.changed.get())
    }

    /// Whether it has been in its present state for too long.
    pub(crate) fn is_overdue(&self, limits: &Limits) -> bool {
        if let Some(since) = self.linger_since.get() {
            return self.clock.is_past(since, limits.linger);
        }
        if let Some(since) = self.head_since.get() {
            return self.clock.is_past(since, limits.head);
        }
        match self.requests.get() {
            0 if !self.has_served.get() => self.clock.is_past(self.changed.get(), limits.head),
            busy if busy == self.pages.get() => self.clock.is_past(self.changed.get(), limits.idle),
            _ => false,
        }
    }

    fn bytes_came(&self) {
        if !self.is_h2.get() && self.requests.get() == 0 && self.head_since.get().is_none() {
            self.head_since.set(Some(self.clock.now()));
        }
    }
}

/// How long a connection may stay in each state, in ticks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// From the first byte of a head, or from the connection's start, to the end of a head.
    pub head: Tick,
    /// Without a request in progress, or with a page whose client takes nothing.
    pub idle: Tick,
    /// After the last reply.
    pub linger: Tick,
    /// In all, until a request ends it.
    pub age: Tick,
}

/// A request in progress; dropped when it is answered, a page when it is sent.
pub(crate) struct Busy {
    conn: Rc<Conn>,
    is_page: Cell<bool>,
}

impl Busy {
    /// From now on only the client's reading is waited for.
    pub(crate) fn becomes_page(&self) {
        if !self.is_page.replace(true) {
            self.conn.pages.set(self.conn.pages.get() + 1);
            self.progressed();
        }
    }

    /// The client has taken something.
    pub(crate) fn progressed(&self) {
        self.conn.changed.set(self.conn.clock.now());
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.conn.requests.set(self.conn.requests.get().saturating_sub(1));
        if self.is_page.get() {
            self.conn.pages.set(self.conn.pages.get().saturating_sub(1));
        }
        self.progressed();
    }
}

/// Drives a hyper connection to its end; `end` asks it for an orderly one, once what has come was read.
pub(crate) async fn drive<C: Future>(connection: C, conn: &Conn, end: fn(Pin<&mut C>)) -> C::Output {
    let mut connection = pin!(connection);
    let mut is_told = false;
    std::future::poll_fn(|context| {
        let mut polled = connection.as_mut().poll(context);
        if polled.is_pending() && !is_told && conn.may_end() {
            is_told = true;
            end(connection.as_mut());
            polled = connection.as_mut().poll(context);
        }
        let mut waker = conn.waker.borrow_mut();
        if polled.is_pending() && !waker.as_ref().is_some_and(|known| known.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
        polled
    })
    .await
}

/// The client's stream: what was read to tell the protocol, then the socket itself.
pub(crate) struct Stream {
    prefix: Bytes,
    socket: TokioIo<TcpStream>,
    conn: Rc<Conn>,
    /// Of HTTP/1.
    framing: Option<Framing>,
    lingered: usize,
}

impl Stream {
    /// Reads until it is clear whether the client speaks HTTP/2; the sweep bounds the time.
    pub(crate) async fn sniff(mut socket: TcpStream, conn: Rc<Conn>) -> io::Result<Self> {
        let mut first = [0; 1024];
        let mut filled = 0;
        while is_preface_so_far(&first, filled) {
            match socket.read(first.get_mut(filled..).unwrap_or_default()).await? {
                0 => break,
                more => filled += more,
            }
            conn.head_since.set(conn.head_since.get().or(Some(conn.clock.now())));
        }
        let read = first.get_mut(..filled).unwrap_or_default();
        conn.is_h2.set(read.starts_with(H2_PREFACE));
        let mut framing = (!conn.is_h2.get()).then(Framing::default);
        if let Some(framing) = &mut framing {
            framing.inspect(read);
        }
        let prefix = Bytes::copy_from_slice(read);
        Ok(Self { prefix, socket: TokioIo::new(socket), conn, framing, lingered: 0 })
    }

    /// Whether the client has said that it speaks HTTP/2.
    pub(crate) fn is_h2(&self) -> bool {
        self.conn.is_h2.get()
    }

    fn poll_socket(&mut self, context: &mut Context<'_>, mut buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let Some(framing) = &mut self.framing else {
            return Pin::new(&mut self.socket).poll_read(context, buffer);
        };
        let mut scratch = [std::mem::MaybeUninit::uninit(); READ_BYTES];
        let room = buffer.remaining().min(READ_BYTES);
        let mut read = ReadBuf::uninit(scratch.get_mut(..room).unwrap_or_default());
        ready!(Pin::new(self.socket.inner_mut()).poll_read(context, &mut read))?;
        framing.inspect(read.filled_mut());
        buffer.put_slice(read.filled());
        Poll::Ready(Ok(()))
    }

    fn poll_linger(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [std::mem::MaybeUninit::uninit(); 16_384];
        while self.lingered < LINGER_BYTES {
            let mut buffer = ReadBuf::uninit(&mut scratch);
            match ready!(Pin::new(self.socket.inner_mut()).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => self.lingered += buffer.filled().len(),
                Ok(()) | Err(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Whether what was read is shorter than the preface and agrees with it.
fn is_preface_so_far(first: &[u8], filled: usize) -> bool {
    filled < H2_PREFACE.len() && first.get(..filled).is_some_and(|read| H2_PREFACE.starts_with(read))
}

impl Read for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        if stream.prefix.has_remaining() {
            let part = stream.prefix.len().min(buffer.remaining());
            buffer.put_slice(&stream.prefix.split_to(part));
            return Poll::Ready(Ok(()));
        }
        let polled = stream.poll_socket(context, buffer);
        if let Poll::Ready(Ok(())) = polled {
            stream.conn.bytes_came();
        }
        polled
    }
}

impl Write for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().socket).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().socket).poll_flush(context)
    }

    /// Sends the end of our side, then takes what the client still sends until it ends its own.
    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.get_mut();
        if stream.conn.linger_since.get().is_none() {
            ready!(Pin::new(&mut stream.socket).poll_shutdown(context))?;
            stream.conn.linger_since.set(Some(stream.conn.clock.now()));
        }
        stream.poll_linger(context)
    }
}
