//! Attempts under way and just ended, so that the same attempt is never made twice at once.
//!
//! An offer comes again when its lease ends or when its evaluator's connection was lost. Its attempt is then
//! either still running, and its outcome goes to whoever asked last; or it has ended, and the outcome is
//! repeated. All of it is only a memory: losing it costs a duplicate that the receiver can tell by its id.

use domain::ids::DeliveryId;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use wire::v1::WorkerMessage;

/// A delivery and the number of the attempt.
pub(super) type Key = (DeliveryId, u32);
/// Where outcomes go: the sending half of one session.
pub(super) type Reply = mpsc::Sender<WorkerMessage>;

const KEEP: Duration = Duration::from_secs(600);
const MAX_KEPT: usize = 10_000;

enum Entry {
    Running(Reply),
    Ended(WorkerMessage),
}

#[derive(Default)]
struct State {
    entries: HashMap<Key, Entry>,
    /// Keys of ended attempts, oldest first.
    ended: VecDeque<(Instant, Key)>,
}

/// Knows the attempts of this process.
#[derive(Default)]
pub(super) struct Ledger(Mutex<State>);

/// What an offer is.
pub(super) enum Claim {
    /// A new attempt, to be made.
    New(Running),
    /// Under way; its outcome will go to the session that asked last.
    Repeated,
    /// Made already; this is how it ended.
    Ended(WorkerMessage),
}

impl Ledger {
    /// Takes an attempt on, unless it is or was.
    pub(super) fn claim(self: &Arc<Self>, key: Key, reply: Reply) -> Claim {
        let mut state = self.0.lock();
        state.forget(Instant::now());
        match state.entries.get_mut(&key) {
            Some(Entry::Running(asked)) => {
                *asked = reply;
                Claim::Repeated
            }
            Some(Entry::Ended(outcome)) => Claim::Ended(outcome.clone()),
            None => {
                state.entries.insert(key, Entry::Running(reply));
                Claim::New(Running { ledger: self.clone(), key })
            }
        }
    }

    fn end(&self, key: Key, outcome: WorkerMessage) -> Option<Reply> {
        let mut state = self.0.lock();
        state.ended.push_back((Instant::now(), key));
        match state.entries.insert(key, Entry::Ended(outcome)) {
            Some(Entry::Running(reply)) => Some(reply),
            _ => None,
        }
    }
}

impl State {
    fn forget(&mut self, now: Instant) {
        while let Some((since, key)) = self.ended.front().copied() {
            if self.ended.len() <= MAX_KEPT && now < since + KEEP {
                break;
            }
            self.ended.pop_front();
            self.entries.remove(&key);
        }
    }
}

/// An attempt under way. Dropped without an end (a panic), it leaves no trace and may be offered again.
pub(super) struct Running {
    ledger: Arc<Ledger>,
    key: Key,
}

impl Running {
    /// Remembers the outcome and says who asked for it last.
    pub(super) fn end(self, outcome: WorkerMessage) -> Option<Reply> {
        self.ledger.end(self.key, outcome)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut state = self.ledger.0.lock();
        if matches!(state.entries.get(&self.key), Some(Entry::Running(_))) {
            state.entries.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = (DeliveryId([7; 16]), 1);

    fn session() -> (Reply, mpsc::Receiver<WorkerMessage>) {
        mpsc::channel(1)
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_is_made_once_and_its_end_is_remembered() {
        let ledger = Arc::new(Ledger::default());
        let (first, second) = (session(), session());
        let Claim::New(running) = ledger.claim(KEY, first.0.clone()) else { panic!("not new") };
        assert!(matches!(ledger.claim(KEY, second.0.clone()), Claim::Repeated));
        assert!(matches!(ledger.claim((KEY.0, 2), first.0.clone()), Claim::New(_)), "another attempt is another");
        let reply = running.end(WorkerMessage::default()).unwrap();
        assert!(reply.same_channel(&second.0), "the last one who asked is told");
        assert!(matches!(ledger.claim(KEY, first.0.clone()), Claim::Ended(_)));
        tokio::time::advance(KEEP).await;
        assert!(matches!(ledger.claim(KEY, first.0), Claim::New(_)));
    }

    #[tokio::test]
    async fn an_attempt_that_broke_off_may_be_made_again() {
        let ledger = Arc::new(Ledger::default());
        drop(ledger.claim(KEY, session().0));
        assert!(matches!(ledger.claim(KEY, session().0), Claim::New(_)));
    }

    #[tokio::test]
    async fn the_memory_is_bounded() {
        let ledger = Arc::new(Ledger::default());
        for number in 0..(MAX_KEPT as u32 + 500) {
            let Claim::New(running) = ledger.claim((KEY.0, number), session().0) else { panic!("not new") };
            running.end(WorkerMessage::default());
        }
        assert!(ledger.0.lock().entries.len() <= MAX_KEPT + 2);
    }
}
