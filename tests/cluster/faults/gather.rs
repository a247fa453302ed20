//! Brings the facts together, in an order that lets none be missed.

use super::scene::Scene;
use crate::checker::Facts;
use crate::history::arrivals;
use suites::support::runner::lock;

/// Everything up to `ends`. The log comes first: what it implies is stored already, and who sent it is in the history.
pub async fn gather(scene: &Scene, ends: Vec<u64>, cut_ms: i64) -> Facts {
    let log = scene.topic(move |topic| topic.read(&ends)).await;
    let verdicts = scene.stored.verdicts(scene.load.monitors().iter().copied()).await;
    let deliveries = scene.stored.deliveries(&scene.channels).await;
    Facts {
        log,
        verdicts,
        deliveries,
        // What was delivered before the deliveries were read has arrived by now.
        arrivals: arrivals(&scene.receiver.received()),
        operations: scene.history.operations(),
        snapshots: lock(&scene.snapshots).clone(),
        cut_ms,
        settled_before_ms: cut_ms,
    }
}

/// Runs what blocks.
pub async fn sync<T: Send + 'static>(doing: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(doing).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
