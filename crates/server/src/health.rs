//! The operator's listener: `/metrics`, `/healthz` (alive) and `/readyz` (can do its job now, or what is missing).

use crate::telemetry::{metric, process};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use metrics_exporter_prometheus::PrometheusHandle;
use parking_lot::RwLock;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use store::Store;

/// What a part of the process lacks.
#[derive(Default)]
pub struct Lack {
    /// What keeps it from its job.
    pub missing: Vec<String>,
    /// What somebody should look at, although it does its job.
    pub warnings: Vec<String>,
}

/// A part of the process that can say what it lacks.
pub type Part = Box<dyn Fn() -> Lack + Send + Sync>;

/// How far the process is, and what its parts lack. Cheap to clone.
#[derive(Clone, Default)]
pub struct Health(Arc<RwLock<Inner>>);

#[derive(Default)]
struct Inner {
    stage: Stage,
    parts: Vec<Part>,
    store: Option<Arc<dyn Store>>,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Stage {
    #[default]
    Starting,
    Serving,
    Stopping,
}

/// What `/readyz` says.
#[derive(Serialize)]
pub struct Report {
    ready: bool,
    /// In words, the most basic first.
    pub missing: Vec<String>,
    /// What somebody should look at all the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<String>,
}

impl Health {
    /// From now on `part` has a word in readiness.
    pub fn add(&self, part: Part) {
        self.0.write().parts.push(part);
    }

    /// From now on the store must answer.
    pub fn watch_store(&self, store: Arc<dyn Store>) {
        self.0.write().store = Some(store);
    }

    /// Every port serves.
    pub fn serving(&self) {
        self.0.write().stage = Stage::Serving;
    }

    /// The end has begun: not ready whatever the parts say, and they are let go.
    pub fn stopping(&self) {
        let mut inner = self.0.write();
        inner.stage = Stage::Stopping;
        inner.parts.clear();
        inner.store = None;
    }

    /// What the parts lack, the stage aside.
    pub fn lacking(&self) -> Lack {
        self.0.read().parts.iter().fold(Lack::default(), |mut all, part| {
            let Lack { missing, warnings } = part();
            all.missing.extend(missing);
            all.warnings.extend(warnings);
            all
        })
    }

    /// Everything that is missing now.
    pub async fn report(&self) -> Report {
        let (stage, store) = {
            let inner = self.0.read();
            (inner.stage, inner.store.clone())
        };
        let mut missing: Vec<String> = match stage {
            Stage::Starting => vec!["the start: not every part runs yet".into()],
            Stage::Stopping => vec!["the server: it is shutting down".into()],
            Stage::Serving => vec![],
        };
        let lacking = self.lacking();
        missing.extend(lacking.missing);
        if let Some(store) = store {
            missing.extend(store_problem(store.as_ref()).await);
        }
        let report = Report { ready: missing.is_empty(), missing, warnings: lacking.warnings };
        metric::observe_ready(report.ready);
        report
    }
}

/// A store that does not answer within a second cannot be worked with.
async fn store_problem(store: &dyn Store) -> Option<String> {
    match tokio::time::timeout(Duration::from_secs(1), store.ping()).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(format!("the store: {error}")),
        Err(_) => Some("the store: no answer within 1 s".into()),
    }
}

#[derive(Clone)]
struct Shown {
    health: Health,
    metrics: PrometheusHandle,
}

/// The routes of the operator's listener.
pub fn router(health: Health, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/metrics", get(scrape))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(readyz))
        .fallback(|| async { (StatusCode::NOT_FOUND, "not found\n") })
        .with_state(Shown { health, metrics })
}

async fn scrape(State(shown): State<Shown>) -> impl IntoResponse {
    shown.health.report().await;
    process::observe();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], shown.metrics.render())
}

async fn readyz(State(shown): State<Shown>) -> Response {
    let report = shown.health.report().await;
    let status = if report.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn readiness_names_what_is_missing() {
        let health = Health::default();
        assert_eq!(health.report().await.missing, ["the start: not every part runs yet"]);
        health.serving();
        assert!(health.report().await.ready);
        health.add(Box::new(|| Lack { warnings: vec!["the disk is slow".into()], ..Lack::default() }));
        let report = health.report().await;
        assert!(report.ready);
        assert_eq!(report.warnings, ["the disk is slow"]);
        health.add(Box::new(|| Lack { missing: vec!["canary of shard 2".into()], ..Lack::default() }));
        let report = health.report().await;
        assert!(!report.ready);
        assert_eq!(report.missing, ["canary of shard 2"]);
        health.stopping();
        assert_eq!(health.report().await.missing, ["the server: it is shutting down"]);
    }
}
