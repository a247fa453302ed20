//! What the store does on a real Cassandra or ScyllaDB. `QP_CASSANDRA` is the `host:port` of a node, or of
//! several with commas between; `deploy/local/cluster up` starts them. Tests that put a proxy before the node need a
//! cluster of one.

mod conformance;
mod counting;
mod doubt;
mod encryption;
mod feed;
mod history;
mod lifetimes;
mod opening;
mod owners;
mod schema;
mod snapshots;
mod support;
mod tags;
