//! What the store does on a real Cassandra or ScyllaDB. `QP_CASSANDRA` is the `host:port` of a node, or of
//! several with commas between; `deploy/local/cluster up` starts them. Tests that put a proxy before the node need a
//! cluster of one. `QP_CASSANDRA_LOGIN` and `QP_CASSANDRA_CA` try a node with passwords and TLS (not those with a proxy,
//! which reads along).

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
