//! What the store does on a real Cassandra or ScyllaDB. `QP_CASSANDRA` is the `host:port` of a node;
//! `deploy/local/cluster up` starts one.

mod conformance;
mod counting;
mod doubt;
mod feed;
mod history;
mod lifetimes;
mod opening;
mod owners;
mod schema;
mod snapshots;
mod support;
mod tags;
