//! Connections of the gRPC port: bounded in number, and an accept loop that outlives running out of files.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::{Connected, TcpConnectInfo};

/// Connections at once; more wait in the kernel's queue.
const MOST_CONNECTIONS: usize = 2_000;
/// An accept that fails (no files left) fails again at once: wait for connections to end.
const BACK_OFF: Duration = Duration::from_millis(50);

/// A connection and its place among those allowed.
pub struct Held {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
}

/// Accepts until the stream is dropped.
pub fn accept(listener: TcpListener) -> ReceiverStream<io::Result<Held>> {
    let (send, receive) = mpsc::channel(1);
    tokio::spawn(async move {
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        while let Ok(place) = places.clone().acquire_owned().await {
            let stream = tokio::select! {
                accepted = listener.accept() => accepted,
                () = send.closed() => return,
            };
            match stream {
                Ok((stream, _)) => {
                    // Without it small replies wait for the peer's delayed acknowledgement; failing is harmless.
                    let _best_effort = stream.set_nodelay(true);
                    if send.send(Ok(Held { stream, _place: place })).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the grpc port could not take a connection");
                    tokio::time::sleep(BACK_OFF).await;
                }
            }
        }
    });
    ReceiverStream::new(receive)
}

impl Connected for Held {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Held {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Held {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, from)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
