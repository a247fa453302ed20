//! What all links of a notifier share.

use super::Jitter;
use super::dial::Dial;
use super::ledger::Ledger;
use super::places::Places;
use super::roster::Roster;
use crate::attempt::Attempts;
use crate::metric;
use parking_lot::Mutex;
use std::sync::Arc;
use wire::internal_auth::InternalAuth;

/// One for each notifier.
pub(super) struct Shared {
    /// This notifier's name in the evaluators' logs.
    pub worker: String,
    pub auth: InternalAuth,
    pub dial: Arc<dyn Dial>,
    pub jitter: Jitter,
    pub attempts: Arc<Attempts>,
    pub ledger: Arc<Ledger>,
    pub places: Arc<Places>,
    pub roster: Mutex<Roster>,
}

impl Shared {
    /// Changes the roster, and shows how many links there are then.
    pub(super) fn note<T>(&self, change: impl FnOnce(&mut Roster) -> T) -> T {
        let mut roster = self.roster.lock();
        let said = change(&mut roster);
        let (up, wanted) = roster.counts();
        metric::set_feeds(up, wanted);
        said
    }

    /// How many unanswered offers an evaluator may send us now.
    pub(super) fn share(&self) -> u32 {
        let (_, links) = self.roster.lock().counts();
        self.places.share(links)
    }
}
