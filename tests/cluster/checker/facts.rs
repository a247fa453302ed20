//! What is held against each other: the log as it stands in the topic, what the store says was concluded and told,
//! what the receiver got, and what the clients saw. Plain words only; nothing of the engine's.

use crate::history::{Arrival, Operation};
use serde::{Deserialize, Serialize};

/// Everything there is to know about one run, up to one moment.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Facts {
    /// Of every shard the records below the cut, in order.
    pub log: Vec<Vec<Entry>>,
    pub verdicts: Vec<Verdict>,
    pub deliveries: Vec<Delivery>,
    pub arrivals: Vec<Arrival>,
    pub operations: Vec<Operation>,
    pub snapshots: Vec<Snapshot>,
    /// The wall clock just before it was asked where the log ends: what was acknowledged by then is in it.
    pub cut_ms: i64,
    /// Deliveries that began before this must have ended by now, in milliseconds of the log's clock.
    pub settled_before_ms: i64,
}

/// One record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub shard: u16,
    pub offset: u64,
    /// The broker's time.
    pub append_ms: i64,
    pub producer: u64,
    pub sequence: u64,
    pub node: u64,
    pub received_ms: i64,
    pub what: What,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum What {
    Ping(Heard),
    Canary,
    Boot,
    Deaf {
        from_ms: i64,
        to_ms: i64,
    },
    Tick,
    Command {
        id: String,
        monitor: u64,
        action: Command,
    },
    /// Outcomes of deliveries, closed channels.
    Aside,
    Params {
        w_ms: i64,
        c_ms: i64,
    },
    Unreadable(String),
}

/// A ping in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Heard {
    pub monitor: u64,
    pub signal: Said,
    pub run: Option<String>,
    /// The id of the client's operation.
    pub id: String,
}

/// What it said, as far as a verdict goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Said {
    Success,
    Start,
    Failure,
    Note,
}

/// A change in the log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    Create(Config),
    Update {
        config: Config,
        version: u32,
    },
    Pause {
        until_ms: Option<i64>,
    },
    Resume,
    /// Nothing that a verdict of silence hangs on.
    Other,
}

/// A monitor's configuration, as far as it decides.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Config {
    pub slug: String,
    pub period_ms: i64,
    pub grace_ms: i64,
    pub max_runtime_ms: Option<i64>,
    /// What this checker has no rules for; empty for the load's own monitors.
    pub beyond: Vec<String>,
}

/// A transition as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub id: String,
    pub shard: u16,
    pub monitor: u64,
    pub slug: String,
    /// Such as `monitor.down`.
    pub kind: String,
    /// Such as `missed`.
    pub reason: String,
    pub occurred_ms: i64,
    pub known_ms: i64,
    /// The record that closed it.
    pub offset: u64,
    pub expected_ms: Option<i64>,
    pub deadline_ms: Option<i64>,
    pub incident: Option<String>,
    pub blind_ms: Option<(i64, i64)>,
    pub retracts: Option<String>,
    /// How many channels are told.
    pub channels: usize,
}

/// A delivery as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivery {
    pub id: String,
    pub monitor: u64,
    pub transitions: Vec<String>,
    pub state: String,
    pub attempts: u32,
    pub created_ms: i64,
    pub error: String,
}

/// Where a shard's snapshot stood when somebody looked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    pub at_ms: i64,
    pub shard: u16,
    /// The offset a new owner would go on from.
    pub next_offset: u64,
}

impl Facts {
    /// All records, shard by shard.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.log.iter().flatten()
    }

    /// All pings in the log.
    pub fn heard(&self) -> impl Iterator<Item = (&Entry, &Heard)> {
        self.entries().filter_map(|entry| match &entry.what {
            What::Ping(heard) => Some((entry, heard)),
            _ => None,
        })
    }
}

impl Verdict {
    pub fn is_down(&self) -> bool {
        self.kind == "monitor.down"
    }

    /// Where it stands among the verdicts of its monitor.
    pub fn order(&self) -> (u64, bool, Option<i64>) {
        order(self.offset, &self.kind, &self.reason, self.deadline_ms)
    }

    pub fn is_up(&self) -> bool {
        self.kind == "monitor.up"
    }

    pub fn is_missed(&self) -> bool {
        self.is_down() && self.reason == "missed"
    }

    /// Whether anybody is to be told.
    pub fn is_told(&self) -> bool {
        self.kind != "monitor.changed" && self.channels > 0
    }
}

/// The order of what one record closed: deadlines first, as they passed, then what the ping or command itself caused.
pub fn order(offset: u64, kind: &str, reason: &str, deadline_ms: Option<i64>) -> (u64, bool, Option<i64>) {
    let by_command = kind == "monitor.changed" && matches!(reason, "paused" | "deleted");
    (offset, by_command || matches!(reason, "failed" | "recovered" | "first_ping"), deadline_ms)
}

impl Delivery {
    pub fn is_terminal(&self) -> bool {
        matches!(self.state.as_str(), "delivered" | "failed" | "superseded")
    }
}
