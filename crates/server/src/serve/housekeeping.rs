//! What must happen now and then as long as the process lives.

use crate::config::types::Store as StoreSettings;
use crate::health::Health;
use domain::time::Clock;
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use std::time::Duration;
use store::{Store, StoreError};
use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

const EXPIRE_EVERY: Duration = Duration::from_secs(3_600);
/// Soon after the start too: a process that restarts every half hour must expire as well.
const FIRST_EXPIRE_AFTER: Duration = Duration::from_secs(60);
/// Histograms keep raw samples until somebody folds them; nobody may ever scrape.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);
const HEALTH_EVERY: Duration = Duration::from_secs(1);

/// Takes from the store what is older than the configuration keeps.
pub async fn expire(store: Arc<dyn Store>, clock: Arc<dyn Clock>, settings: StoreSettings, stop: CancellationToken) {
    let mut every = interval_at(Instant::now() + FIRST_EXPIRE_AFTER, EXPIRE_EVERY);
    while tick(&mut every, &stop).await {
        let before = |length: crate::config::value::Length| clock.now().0.saturating_sub_unsigned(length.as_ms());
        report(store.expire(before(settings.history_for), before(settings.transitions_for)).await);
    }
}

/// Most sweeps find nothing, which is not worth a line.
fn report(swept: Result<u64, StoreError>) {
    match swept {
        Ok(0) => {}
        Ok(rows) => tracing::info!(rows, "removed what is older than is kept"),
        Err(error) => tracing::warn!(%error, "old rows could not be removed, trying again in an hour"),
    }
}

/// Folds histograms.
pub async fn upkeep(metrics: PrometheusHandle, stop: CancellationToken) {
    let mut every = tokio::time::interval(UPKEEP_EVERY);
    while tick(&mut every, &stop).await {
        metrics.run_upkeep();
    }
}

/// Says over `grpc.health.v1` and as a metric what `/readyz` says.
pub async fn mirror_health(health: Health, reporter: HealthReporter, stop: CancellationToken) {
    let mut every = tokio::time::interval(HEALTH_EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while tick(&mut every, &stop).await {
        let status =
            if health.report().await.missing.is_empty() { ServingStatus::Serving } else { ServingStatus::NotServing };
        reporter.set_service_status("", status).await;
    }
    reporter.set_service_status("", ServingStatus::NotServing).await;
}

/// Waits for the next turn; false when the end has come.
async fn tick(every: &mut tokio::time::Interval, stop: &CancellationToken) -> bool {
    tokio::select! {
        _ = every.tick() => true,
        () = stop.cancelled() => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::io::{self, Write};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(swept: Result<u64, StoreError>) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        tracing::subscriber::with_default(subscriber, || report(swept));
        let text = lines.0.lock().clone();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_sweep_that_found_nothing_says_nothing() {
        assert_eq!(logged(Ok(0)), "");
        assert!(logged(Ok(3)).contains("removed what is older than is kept rows=3"), "{}", logged(Ok(3)));
        let refused = StoreError::Damaged { table: "history", problem: "torn".into() };
        assert!(logged(Err(refused)).contains("old rows could not be removed"));
    }
}
