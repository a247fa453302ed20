//! The way from the evaluators and back: offers in, outcomes out.
//!
//! - `target`, `discover`, `roster`: which evaluators there are. A name is looked up every few seconds, and each of its
//!   addresses gets a link; a name service that fails takes nothing away.
//! - `dial`: the way to an evaluator.
//! - `link`, `session`: one evaluator, one stream of offers at a time.
//! - `places`: how much is worked on at once, over all of them.
//! - `ledger`: one attempt is made once, however many evaluators offer it.

mod dial;
mod discover;
mod ledger;
mod link;
mod offer;
mod places;
mod roster;
mod session;
mod shared;
mod target;

use crate::attempt::Attempts;
use crate::egress::Lookup;
use crate::notifier::{NotifierError, Parts};
use crate::options::NotifierOptions;
use crate::readiness::Readiness;
pub(crate) use dial::Tonic;
pub use dial::{Dial, Offers, Outcomes};
use discover::Discovery;
use link::Link;
use parking_lot::Mutex;
use places::Places;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use roster::Roster;
use shared::Shared;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;
use target::Target;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use wire::internal_auth::InternalAuth;

/// Attempts under way get this long to end after a shutdown.
const DRAIN: Duration = Duration::from_secs(20);

/// Links to all evaluators. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Feed {
    targets: Arc<[Target]>,
    lookup: Arc<dyn Lookup>,
    every: Duration,
    shared: Arc<Shared>,
}

impl Feed {
    /// Fails when an entry is not `host:port`.
    pub(crate) fn new(
        options: &NotifierOptions,
        auth: InternalAuth,
        attempts: Arc<Attempts>,
        parts: Parts,
    ) -> Result<Self, NotifierError> {
        let refused = |problem| NotifierError::Setting { setting: "notifier.evaluators", problem };
        let targets = options.evaluators.iter().map(|text| Target::parse(text).map_err(refused));
        let targets = targets.collect::<Result<Arc<[Target]>, _>>()?;
        let shared = Shared {
            worker: options.worker.clone(),
            auth,
            dial: parts.dial,
            jitter: Jitter::of(&options.worker),
            attempts,
            ledger: Arc::default(),
            places: Places::new(options.capacity),
            roster: Roster::new(targets.iter().map(Target::to_string)).into(),
        };
        Ok(Self { targets, lookup: parts.lookup, every: parts.lookup_every, shared: Arc::new(shared) })
    }

    /// Keeps one link to each evaluator there is until `shutdown`, then waits for what is under way.
    pub(crate) async fn run(&self, shutdown: CancellationToken) {
        self.shared.note(|roster| roster.set_running(true));
        let (found, mut news) = mpsc::channel(self.targets.len().max(1));
        let mut discoveries = self.discover(&found);
        let mut links = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some((nth, answer)) = news.recv() => {
                    for address in self.shared.note(|roster| roster.resolved(nth, answer)) {
                        links.spawn(Link::new(address, self.shared.clone()).keep(shutdown.clone()));
                    }
                }
                Some(_) = links.join_next() => {}
            }
        }
        discoveries.abort_all();
        self.shared.note(|roster| roster.set_running(false));
        let ended = async {
            while links.join_next().await.is_some() {}
            // Also of those whose evaluator is gone.
            self.shared.places.idle().await;
        };
        let _late = tokio::time::timeout(DRAIN + Duration::from_secs(2), ended).await;
    }

    /// Whether any evaluator is reached, and which are not.
    pub(crate) fn readiness(&self) -> Readiness {
        self.shared.roster.lock().readiness()
    }

    fn discover(&self, found: &mpsc::Sender<discover::Found>) -> JoinSet<()> {
        let mut discoveries = JoinSet::new();
        for (nth, target) in self.targets.iter().cloned().enumerate() {
            let (lookup, shared) = (self.lookup.clone(), self.shared.clone());
            let discovery = Discovery { nth, target, lookup, every: self.every, shared };
            discoveries.spawn(discovery.run(found.clone()));
        }
        discoveries
    }
}

/// Half to one and a half of a pause, so that notifiers do not come back in step. The same for the same name, pause
/// after pause: what a notifier does follows from what it is told.
struct Jitter(Mutex<StdRng>);

impl Jitter {
    fn of(name: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        Self(Mutex::new(StdRng::seed_from_u64(hasher.finish())))
    }

    fn of_pause(&self, pause: Duration) -> Duration {
        pause.mul_f64(self.0.lock().random_range(0.5..1.5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_spread_between_half_and_one_and_a_half() {
        let (one, other) = (Jitter::of("notifier-1"), Jitter::of("notifier-2"));
        let draw = |jitter: &Jitter| -> Vec<u128> {
            (0..200).map(|_| jitter.of_pause(Duration::from_secs(1)).as_millis()).collect()
        };
        let (ours, theirs) = (draw(&one), draw(&other));
        assert!(ours.iter().all(|ms| (500..1_500).contains(ms)));
        assert!(ours.iter().any(|ms| *ms < 600) && ours.iter().any(|ms| *ms > 1_400));
        assert!(ours.iter().zip(&theirs).filter(|(a, b)| a.abs_diff(**b) < 10).count() < 20, "not in step");
        assert_eq!(draw(&Jitter::of("notifier-1")), ours);
    }
}
