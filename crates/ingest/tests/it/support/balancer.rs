//! What stands in front of nodes: takes a connection, asks which node is to have it, and carries bytes.

use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Choose = Box<dyn Fn() -> Option<SocketAddr> + Send>;

/// A balancer on a port of its own.
pub struct Balancer {
    pub address: SocketAddr,
    choose: Arc<Mutex<Choose>>,
    hides_headers: Arc<AtomicBool>,
}

impl Balancer {
    /// Knows no node yet: connections are closed at once.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let choose: Arc<Mutex<Choose>> = Arc::new(Mutex::new(Box::new(|| None)));
        let hides_headers = Arc::<AtomicBool>::default();
        tokio::spawn(accept(listener, choose.clone(), hides_headers.clone()));
        Self { address, choose, hides_headers }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Which node gets the next connection; `None`: it is closed.
    pub fn route(&self, choose: impl Fn() -> Option<SocketAddr> + Send + 'static) {
        *self.choose.lock() = Box::new(choose);
    }

    /// From now on replies lose the header by which pings are told from other things.
    pub fn hide_headers(&self) {
        self.hides_headers.store(true, Ordering::Relaxed);
    }
}

async fn accept(listener: TcpListener, choose: Arc<Mutex<Choose>>, hides_headers: Arc<AtomicBool>) {
    while let Ok((client, _)) = listener.accept().await {
        let node = (choose.lock())();
        let hides_headers = hides_headers.clone();
        tokio::spawn(async move {
            if let Some(node) = node {
                carry(client, node, &hides_headers).await;
            }
        });
    }
}

/// One request and one reply: which node is asked is decided anew each time.
async fn carry(mut client: TcpStream, node: SocketAddr, hides_headers: &AtomicBool) {
    let Ok(mut server) = TcpStream::connect(node).await else { return };
    let mut bytes = [0; 65_536];
    let Ok(asked) = client.read(&mut bytes).await else { return };
    let Ok(()) = server.write_all(&bytes[..asked]).await else { return };
    let Ok(answered) = server.read(&mut bytes).await else { return };
    let mut reply = String::from_utf8(bytes[..answered].to_vec()).unwrap();
    if hides_headers.load(Ordering::Relaxed) {
        reply = reply.replace("ping-body-limit", "x-something");
    }
    // The caller sees the end of the connection and takes a new one next time.
    let _ = client.write_all(reply.as_bytes()).await;
}
