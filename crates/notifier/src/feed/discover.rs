//! Looks a name up again and again, so that evaluators that come are found.

use super::shared::Shared;
use super::target::Target;
use crate::egress::Lookup;
use crate::metric;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// A resolver that takes longer than this has no answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// A name without an address yet is looked up so much more often.
const HASTE: u32 = 4;

/// Which of the targets, and its addresses now or why there are none.
pub(super) type Found = (usize, Result<BTreeSet<SocketAddr>, String>);

/// A target and the way to its addresses.
pub(super) struct Discovery {
    pub nth: usize,
    pub target: Target,
    pub lookup: Arc<dyn Lookup>,
    pub every: Duration,
    pub shared: Arc<Shared>,
}

impl Discovery {
    /// Says what it finds until nobody listens any more. An address is said once.
    pub(super) async fn run(self, found: mpsc::Sender<Found>) {
        let Some(name) = self.target.name() else {
            let _ = found.send((self.nth, Ok(self.target.at(&[])))).await;
            return;
        };
        let mut last: Option<BTreeSet<SocketAddr>> = None;
        let mut is_failing = false;
        loop {
            let answer = self.look(name).await;
            self.tell(&answer, last.as_ref(), &mut is_failing);
            last = answer.as_ref().ok().cloned().or(last);
            if found.send((self.nth, answer)).await.is_err() {
                return;
            }
            let pause = if last.is_some() { self.every } else { self.every / HASTE };
            tokio::time::sleep(self.shared.jitter.of_pause(pause)).await;
        }
    }

    /// The addresses of the name; never none.
    async fn look(&self, name: &str) -> Result<BTreeSet<SocketAddr>, String> {
        match tokio::time::timeout(PATIENCE, self.lookup.lookup(name)).await {
            Ok(Ok(ips)) if ips.is_empty() => Err("the name has no address".to_owned()),
            Ok(Ok(ips)) => Ok(self.target.at(&ips)),
            Ok(Err(error)) => Err(format!("the name cannot be looked up: {error}")),
            Err(_) => Err("the name cannot be looked up: no answer in time".to_owned()),
        }
    }

    /// Each change once.
    fn tell(
        &self,
        answer: &Result<BTreeSet<SocketAddr>, String>,
        last: Option<&BTreeSet<SocketAddr>>,
        is_failing: &mut bool,
    ) {
        let was_failing = std::mem::replace(is_failing, answer.is_err());
        match answer {
            Ok(addresses) if Some(addresses) != last => {
                tracing::info!(target = %self.target, ?addresses, "evaluators found");
            }
            Ok(_) if was_failing => tracing::info!(target = %self.target, "the evaluators' name is looked up again"),
            Ok(_) => {}
            Err(problem) => {
                metric::count_failed_lookup();
                if !was_failing {
                    tracing::warn!(target = %self.target, problem, "the evaluators known so far are kept");
                }
            }
        }
    }
}
