//! One attempt of one client.

use serde::{Deserialize, Serialize};

/// What a client did and what it was told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// The same for all attempts of one operation.
    pub id: String,
    /// The monitor's slug.
    pub monitor: String,
    pub action: Action,
    /// From 1.
    pub attempt: u32,
    /// By the machine's wall clock. An end of `i64::MAX`: still under way.
    pub start_ms: i64,
    pub end_ms: i64,
    /// By the monotonic clock, from the beginning of the history.
    pub start_us: u64,
    pub end_us: u64,
    pub outcome: Outcome,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Ping(Signal),
    Create,
    Pause,
    Resume,
    Update,
}

/// What a ping said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    Success,
    Start,
    Fail,
    Log,
}

/// What the client was told.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It has happened.
    Ok,
    /// An answer that promises nothing: it may have happened.
    Refused(String),
    /// No answer: it may have happened.
    Unknown(String),
}

impl Operation {
    pub fn is_acknowledged(&self) -> bool {
        self.outcome == Outcome::Ok
    }

    pub fn ping(&self) -> Option<Signal> {
        match self.action {
            Action::Ping(signal) => Some(signal),
            _ => None,
        }
    }
}
