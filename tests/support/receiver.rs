//! Somebody's webhook endpoint.

use super::peer::{Mode, Peer, Received};
use super::wait::until;
use serde_json::Value;
use std::ops::Deref;
use std::time::Duration;

/// An endpoint that says yes until it is told otherwise.
#[derive(Clone)]
pub struct Receiver(Peer);

impl Deref for Receiver {
    type Target = Peer;

    fn deref(&self) -> &Peer {
        &self.0
    }
}

impl Receiver {
    pub async fn listen() -> Self {
        Self::answering(Mode::ok()).await
    }

    /// Always the same answer.
    pub async fn answering(mode: Mode) -> Self {
        Self(Peer::listen(move |_| mode.clone()).await)
    }

    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Waits for a message of a type (`monitor.down`) about a monitor.
    pub async fn message(&self, kind: &str, slug: &str, patience: Duration) -> Received {
        until(&format!("{kind} of {slug}"), patience, async || self.find(kind, slug).into_iter().next()).await
    }

    /// The messages of a type about a monitor; those in a digest as well.
    pub fn find(&self, kind: &str, slug: &str) -> Vec<Received> {
        let about = |message: &Value| message["type"] == kind && message["monitor"]["slug"] == slug;
        self.received().into_iter().filter(|received| items(&received.json()).iter().any(about)).collect()
    }
}

/// A message, or those that a digest lists.
pub fn items(message: &Value) -> Vec<Value> {
    match message["items"].as_array() {
        Some(items) => items.clone(),
        None => vec![message.clone()],
    }
}
