//! The four services over real gRPC, on the embedded log and store, with a small owner of shards that applies
//! the real engine.

mod admin;
mod auth;
mod bad_bytes;
mod channels;
mod incidents;
mod limits;
mod lists;
mod monitors;
mod owners;
mod support;
mod tenants;
mod updates;
mod watch;
