//! A second opinion on what the engine concludes.
//!
//! - [`model`]: what a log implies, worked out naively.

pub mod model;
