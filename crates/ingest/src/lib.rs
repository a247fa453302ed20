//! The door for pings: tells a real token from a forged one, appends to the log, answers when it is durable.
//!
//! A ping is answered `200` only after the log has acknowledged it (invariant I10). Nothing on the way of an
//! ordinary ping reads the store: a token proves itself, a slug is remembered. What could not be appended is
//! confessed to the log as `deaf` as soon as it takes records again, and canaries prove that silence is silence.
//!
//! - [`http`]: the accept loop and the ping routes; everything else goes to the fallback router
//! - [`grpc`]: `PingService`, for workers that send many
//! - `gate`: whose ping is this, and is it one too many
//! - `valve`: a log that is known not to acknowledge is not waited for
//! - `canary`, `deaf`, `confess`: evidence that this process hears, and the confession when it did not
//! - `watch`: the loops that keep all that up, and `readiness`, what they have found

mod append;
mod boot;
mod canary;
mod complaint;
mod confess;
mod core;
mod deaf;
#[doc(hidden)]
pub mod fuzzing;
mod gate;
pub mod grpc;
pub mod http;
mod message;
mod metric;
mod options;
mod readiness;
mod signal;
mod skew;
mod valve;
mod watch;

pub use self::core::{Ingest, Unacknowledged};
/// Networks, for the list of trusted proxies.
pub use domain::egress::Cidr;
pub use options::{IngestDeps, IngestOptions};
pub use readiness::Readiness;
