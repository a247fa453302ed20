//! What the benchmarks share: a load generator that costs little itself, latency figures, and the bare
//! server every rate is compared with.

pub mod baseline;
pub mod generator;
pub mod latency;
