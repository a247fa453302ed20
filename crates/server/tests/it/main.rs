//! The real binary, started, looked at from outside and stopped.

mod admin;
mod auditing;
mod config;
mod harness;
mod operator;
mod secrets;
mod start;
mod stop;
