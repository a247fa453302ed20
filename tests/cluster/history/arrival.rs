//! What the receiver of alerts got.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use suites::support::peer::Received;
use suites::support::receiver::items;

/// One request at the webhook endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Arrival {
    /// By the machine's wall clock.
    pub at_ms: i64,
    /// The header `webhook-id`.
    pub id: String,
    /// One, or those that a digest lists.
    pub items: Vec<Item>,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Such as `monitor.down`.
    pub kind: String,
    /// The transition's id.
    pub transition: String,
    /// The monitor's slug.
    pub monitor: String,
    pub incident: Option<String>,
}

/// All that came, oldest first.
pub fn arrivals(received: &[Received]) -> Vec<Arrival> {
    received.iter().map(Arrival::of).collect()
}

impl Arrival {
    fn of(received: &Received) -> Self {
        let items = items(&received.json()).iter().map(Item::of).collect();
        Self { at_ms: received.at.as_millisecond(), id: received.header("webhook-id").to_owned(), items }
    }
}

impl Item {
    fn of(message: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            kind: text(&message["type"]),
            transition: text(&message["id"]),
            monitor: text(&message["monitor"]["slug"]),
            incident: message["incident"]["id"].as_str().map(str::to_owned),
        }
    }
}
