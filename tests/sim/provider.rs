//! The receivers of messages, and what they may do instead of taking them.

use crate::history::{Arrival, History};
use crate::plan::ProviderMode;
use async_trait::async_trait;
use domain::time::Clock;
use http::{Request, Response};
use notifier::{EgressError, Transport};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// All providers of the world.
pub struct Providers {
    modes: Mutex<BTreeMap<u64, ProviderMode>>,
    history: Arc<History>,
    clock: Arc<dyn Clock>,
}

impl Providers {
    pub fn new(history: Arc<History>, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { modes: Mutex::default(), history, clock })
    }

    pub fn set(&self, channel: u64, mode: Option<ProviderMode>) {
        let mut modes = self.modes.lock();
        match mode {
            Some(mode) => drop(modes.insert(channel, mode)),
            None => drop(modes.remove(&channel)),
        }
    }

    /// Everybody takes messages.
    pub fn heal(&self) {
        self.modes.lock().clear();
    }
}

/// One notifier's way to them.
pub struct Way {
    pub providers: Arc<Providers>,
    /// Set when the notifier is killed: nothing comes back to it.
    pub is_dead: Arc<AtomicBool>,
}

/// What a message of ours says, as far as order and counts need it.
fn told(body: &[u8]) -> Vec<(String, String)> {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(body) else { return Vec::new() };
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let of = |one: &serde_json::Value| (text(&one["type"]), text(&one["monitor"]["slug"]));
    match json["items"].as_array().or_else(|| json["data"]["items"].as_array()) {
        Some(items) => items.iter().map(of).collect(),
        None => vec![of(&json)],
    }
}

#[async_trait]
impl Transport for Way {
    async fn carry(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, EgressError> {
        let channel: u64 = request.uri().path().trim_start_matches('/').parse().unwrap_or(0);
        let id = request.headers().get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default().to_owned();
        tokio::time::sleep(Duration::from_millis(20)).await;
        let mode = self.providers.modes.lock().get(&channel).copied();
        let (is_answered, status, patience) = match mode {
            None => (true, Some(200), None),
            Some(ProviderMode::Status(status)) => (true, Some(status), None),
            Some(ProviderMode::Patience(secs)) => (true, Some(429), Some(secs)),
            Some(ProviderMode::Hang | ProviderMode::AcceptThenDrop) => (false, None, None),
        };
        let takes = matches!(mode, None | Some(ProviderMode::AcceptThenDrop));
        if takes && !self.is_dead.load(Ordering::Relaxed) {
            let at_ms = self.providers.clock.now().0;
            let told = told(request.body());
            self.providers.history.arrived(Arrival { at_ms, channel, id, told, is_answered });
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        let Some(status) = status.filter(|_| !self.is_dead.load(Ordering::Relaxed)) else {
            return std::future::pending().await;
        };
        let mut reply = Response::builder().status(status);
        if let Some(secs) = patience {
            reply = reply.header("retry-after", secs);
        }
        reply.body(Vec::new()).map_err(|_| EgressError::BadReply)
    }
}
