//! The harness. One file per thing that a case talks to; nothing in here knows a case.

pub mod binaries;
pub mod clock;
pub mod evidence;
pub mod http;
pub mod peer;
pub mod qp;
pub mod receiver;
pub mod runner;
pub mod server;
pub mod settings;
pub mod signature;
pub mod smtp;
pub mod target;
pub mod telegram;
pub mod tools;
#[cfg(feature = "cluster")]
pub mod topology;
pub mod wait;
