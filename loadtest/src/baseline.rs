//! The unit of every rate: an axum server that answers `OK` and does nothing else.

use axum::Router;
use axum::routing::get;
use std::net::SocketAddr;

/// Serves on `listener` until the process ends.
pub async fn serve(listener: tokio::net::TcpListener) -> std::io::Result<()> {
    let router = Router::new().route("/ping/{token}", get(|| async { "OK" }));
    axum::serve(axum::serve::ListenerExt::tap_io(listener, |stream| drop(stream.set_nodelay(true))), router).await
}

/// Binds a free port of the loopback interface.
pub async fn bind() -> std::io::Result<(tokio::net::TcpListener, SocketAddr)> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}
