//! The gRPC door: `PingService`, for workers that send many pings over one connection.
//!
//! Same gate, same words, same refusals as the ping route; what the route says with a status and a text is
//! here a `google.rpc.Code` and the same text. A stream keeps the order of its pings in the log.

mod service;

pub use service::PingDoor;
pub(crate) use service::{message_of, service};
