//! Ingest over real sockets: every URL form and reply of the ping API, bad input, limits, overload, evidence.

mod batch;
mod bodies;
mod coalescing;
mod connections;
mod creating;
mod drain;
mod evidence;
mod gate;
mod grpc;
mod heads;
mod http2;
mod nodes;
mod overload;
mod storm;
mod support;
mod urls;
