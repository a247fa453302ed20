//! Attempts under way and just ended, so that the same attempt is never made twice at once.
//!
//! An offer comes again when its lease ends, when its evaluator's connection was lost, or from another evaluator: for
//! some seconds two may believe that they own a shard. Its attempt is then either still running, and its outcome goes
//! to all who asked; or it has ended, and the outcome is repeated. Told twice, it counts once: outcomes name their
//! attempt. All of it is only a memory: losing it costs a duplicate that the receiver can tell by its id.

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
/// Where outcomes go: the sending half of one session, for as long as the session lasts.
pub(super) type Reply = mpsc::WeakSender<WorkerMessage>;

const KEEP: Duration = Duration::from_secs(600);
const MAX_KEPT: usize = 10_000;
/// Sessions that wait for one outcome. More than two are no longer a shard that moves.
const MAX_ASKED: usize = 4;

enum Entry {
    Running(Vec<Reply>),
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
    /// Under way; its outcome will go to the sessions that asked.
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
                let asks = reply.upgrade();
                let is_asking = |other: mpsc::Sender<_>| asks.as_ref().is_some_and(|asks| asks.same_channel(&other));
                asked.retain(|other| other.upgrade().is_some_and(|other| !is_asking(other)));
                asked.truncate(MAX_ASKED - 1);
                asked.push(reply);
                Claim::Repeated
            }
            Some(Entry::Ended(outcome)) => Claim::Ended(outcome.clone()),
            None => {
                state.entries.insert(key, Entry::Running(vec![reply]));
                Claim::New(Running { ledger: self.clone(), key })
            }
        }
    }

    fn end(&self, key: Key, outcome: WorkerMessage) -> Vec<Reply> {
        let mut state = self.0.lock();
        state.ended.push_back((Instant::now(), key));
        match state.entries.insert(key, Entry::Ended(outcome)) {
            Some(Entry::Running(asked)) => asked,
            _ => Vec::new(),
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
    /// Remembers the outcome and says who asked for it.
    pub(super) fn end(self, outcome: WorkerMessage) -> Vec<Reply> {
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

    fn session() -> mpsc::Sender<WorkerMessage> {
        mpsc::channel(1).0
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_is_made_once_and_its_end_is_remembered() {
        let ledger = Arc::new(Ledger::default());
        let (first, second) = (session(), session());
        let Claim::New(running) = ledger.claim(KEY, first.downgrade()) else { panic!("not new") };
        assert!(matches!(ledger.claim(KEY, second.downgrade()), Claim::Repeated));
        assert!(matches!(ledger.claim((KEY.0, 2), first.downgrade()), Claim::New(_)), "another attempt is another");
        for _ in 0..3 {
            assert!(matches!(ledger.claim(KEY, second.downgrade()), Claim::Repeated));
        }
        let asked = running.end(WorkerMessage::default());
        assert!(
            asked.len() == 2
                && asked[0].upgrade().unwrap().same_channel(&first)
                && asked[1].upgrade().unwrap().same_channel(&second)
        );
        assert!(matches!(ledger.claim(KEY, first.downgrade()), Claim::Ended(_)));
        tokio::time::advance(KEEP).await;
        assert!(matches!(ledger.claim(KEY, first.downgrade()), Claim::New(_)));
    }

    #[tokio::test]
    async fn an_attempt_that_broke_off_may_be_made_again() {
        let ledger = Arc::new(Ledger::default());
        drop(ledger.claim(KEY, session().downgrade()));
        assert!(matches!(ledger.claim(KEY, session().downgrade()), Claim::New(_)));
    }

    #[tokio::test]
    async fn sessions_that_are_gone_are_not_told_and_not_many_are() {
        let ledger = Arc::new(Ledger::default());
        let first = session();
        let Claim::New(running) = ledger.claim(KEY, first.downgrade()) else { panic!("not new") };
        drop(first);
        let sessions: Vec<_> = (0..9).map(|_| session()).collect();
        assert!(sessions.iter().all(|asks| matches!(ledger.claim(KEY, asks.downgrade()), Claim::Repeated)));
        let asked = running.end(WorkerMessage::default());
        assert!(
            asked.len() == MAX_ASKED && asked[0].upgrade().unwrap().same_channel(&sessions[0]),
            "the first that is there"
        );
        assert!(asked[MAX_ASKED - 1].upgrade().unwrap().same_channel(&sessions[8]), "and the last");
    }

    #[tokio::test]
    async fn the_memory_is_bounded() {
        let ledger = Arc::new(Ledger::default());
        for number in 0..(MAX_KEPT as u32 + 500) {
            let Claim::New(running) = ledger.claim((KEY.0, number), session().downgrade()) else { panic!("not new") };
            running.end(WorkerMessage::default());
        }
        assert!(ledger.0.lock().entries.len() <= MAX_KEPT + 2);
    }
}
