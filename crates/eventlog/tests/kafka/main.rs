//! The log on a real Kafka, at `QP_KAFKA` = host:port: the rules that every backend obeys, and those of its own.
//!
//! Each test makes a topic of its own and deletes it. Those that stop a broker start one of their own, and run only
//! with `QP_FAULTS=1`.

mod admin;
mod append;
mod conformance;
mod faults;
mod placement;
mod read;
mod support;
