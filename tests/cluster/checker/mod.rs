//! An offline checker: reads the whole topic, everything that was stored, what the receiver got and what the clients
//! saw, and says which promise is broken. It shares no code with the engine.
//!
//! | file | promise |
//! |---|---|
//! | `acked` | what was acknowledged is in the log, and nothing else is |
//! | `missed` | no `missed` of a job that was told `OK` in time |
//! | `incidents` | one silence, one transition, one incident |
//! | `model` | the log implies exactly what was concluded: every miss, none too many, none of the paused |
//! | `deliveries` | every alert has a delivery that came to its end |
//! | `order` | one id a delivery, `down` before `up` |
//! | `offsets` | what was applied is never taken back |
//!
//! `selftest` breaks a good history in one place each time, and the checker must see it.

mod acked;
mod deliveries;
pub mod facts;
mod incidents;
mod missed;
mod model;
mod offsets;
mod order;
pub mod sabotage;
pub mod selftest;
mod stored;
mod summary;
mod synthetic;
mod timeline;
mod topic;
mod violation;

pub use facts::Facts;
pub use stored::Stored;
pub use summary::Summary;
pub use topic::Topic;
pub use violation::{Rule, Violation};

/// Every broken promise, and what the facts held.
pub fn check(facts: &Facts) -> (Vec<Violation>, Summary) {
    let (by_model, opinions) = model::check(facts);
    let rules = [acked::check, missed::check, incidents::check, deliveries::check, order::check, offsets::check];
    let found: Vec<Violation> = rules.into_iter().flat_map(|rule| rule(facts)).chain(by_model).collect();
    let teller = timeline::Teller::of(facts);
    (found.into_iter().map(|violation| teller.tell(violation)).collect(), Summary::of(facts, &opinions))
}
