//! A second opinion on what the engine concludes.
//!
//! - [`model`]: what a log implies, worked out naively.
//! - [`timeline`]: what a log says about one monitor, in words.
//! - [`backtest`]: what other settings would have concluded from the same pings.
//! - [`audit`]: follows the log of a running installation and holds what was concluded against what it implies.

pub mod audit;
pub mod backtest;
mod metric;
pub mod model;
pub mod timeline;
