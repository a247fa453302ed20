//! What breaks things that signals do not: packets that do not arrive. Everything it does is undone when it is dropped,
//! and what a run that was killed left behind is swept away by the next one.

mod firewall;
pub mod selftest;

pub use firewall::{Cut, require, sweep};
