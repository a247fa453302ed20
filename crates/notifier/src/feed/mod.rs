//! The way from the evaluators and back: offers in, outcomes out.

mod ledger;
mod link;
mod offer;
mod session;

use crate::attempt::Attempts;
use crate::options::NotifierOptions;
use ledger::Ledger;
use link::Link;
use std::sync::Arc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use wire::internal_auth::InternalAuth;

/// Links to all evaluators.
#[derive(Clone)]
pub(crate) struct Feed {
    evaluators: Vec<String>,
    worker: String,
    capacity: u32,
    auth: InternalAuth,
    attempts: Arc<Attempts>,
    ledger: Arc<Ledger>,
}

impl Feed {
    pub(crate) fn new(options: &NotifierOptions, auth: InternalAuth, attempts: Arc<Attempts>) -> Self {
        // Each evaluator gets its share, so that none of them can fill the whole worker.
        let share = options.capacity.max(1) / (options.evaluators.len().max(1) as u32);
        Self {
            evaluators: options.evaluators.clone(),
            worker: options.worker.clone(),
            capacity: share.max(1),
            auth,
            attempts,
            ledger: Arc::default(),
        }
    }

    /// Keeps one link to each evaluator until `shutdown`, then waits for what is under way.
    pub(crate) async fn run(&self, shutdown: CancellationToken) {
        let mut links = JoinSet::new();
        for evaluator in &self.evaluators {
            let link = Link {
                evaluator: evaluator.clone(),
                worker: self.worker.clone(),
                capacity: self.capacity,
                auth: self.auth.clone(),
                attempts: self.attempts.clone(),
                ledger: self.ledger.clone(),
            };
            links.spawn(link.keep(shutdown.clone()));
        }
        while links.join_next().await.is_some() {}
        shutdown.cancelled().await;
    }
}
