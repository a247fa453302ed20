//! A load balancer as plain as can be: each connection goes to the next backend that accepts it, and bytes are passed
//! on as they are, so that what a client sends wrongly reaches the server wrongly.

use super::background::background;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A backend that does not accept within this is skipped.
const CONNECT: Duration = Duration::from_secs(1);

/// The balancer; it ends with this value.
pub struct Forwarder {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Forwarder {
    /// Listens at `address` for as long as this lives.
    pub fn listen(address: SocketAddr, backends: Vec<SocketAddr>) -> Self {
        let listener = std::net::TcpListener::bind(address).expect("the front's port");
        listener.set_nonblocking(true).expect("a listener");
        let address = listener.local_addr().expect("bound");
        let backends = Arc::new(Backends { addresses: backends, next: AtomicUsize::new(0) });
        Self { address, task: background().spawn(accept(listener, backends)) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Forwarder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Backends {
    addresses: Vec<SocketAddr>,
    next: AtomicUsize,
}

impl Backends {
    /// The next one that accepts; `None`: none does, and the client is hung up on.
    async fn connect(&self) -> Option<TcpStream> {
        for _ in 0..self.addresses.len() {
            let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.addresses.len();
            if let Ok(Ok(stream)) = timeout(CONNECT, TcpStream::connect(self.addresses[turn])).await {
                return Some(stream);
            }
        }
        None
    }
}

async fn accept(listener: std::net::TcpListener, backends: Arc<Backends>) {
    let listener = TcpListener::from_std(listener).expect("a listener");
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(pass(client, Arc::clone(&backends)));
    }
}

async fn pass(mut client: TcpStream, backends: Arc<Backends>) {
    let Some(mut server) = backends.connect().await else { return };
    // Requests and replies are small and each waits for the other.
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    // Either side may vanish at any moment; the other one sees its connection end.
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
}
