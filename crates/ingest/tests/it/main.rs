//! Ingest over real sockets: every URL form and reply of the ping API, bad input, limits, overload, evidence.

mod batch;
mod bodies;
mod coalescing;
mod connections;
mod creating;
mod evidence;
mod gate;
mod grpc;
mod heads;
mod http2;
mod overload;
mod support;
mod urls;
