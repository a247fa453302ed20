//! What of a client is on its way to one shard, in the order in which it will happen.

use bytes::Bytes;
use eventlog::ticket::BatchOutcome;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::time::Instant;

/// What waits for an answer from one shard at most; more is refused as busy.
const QUEUE_RECORDS: usize = 10_000;

/// When something happens; what happens at the same time happens in the order in which it was begun.
pub(super) type When = (Instant, u64);

#[derive(Default)]
pub(super) struct Lane {
    events: BTreeMap<When, Event>,
    begun: u64,
    /// Records on their way: the next one must not overtake them.
    landings: usize,
    /// Appends that have no answer yet.
    open: usize,
    last_landing: Option<Instant>,
    /// Appended by a client that is frozen: begins when it goes on.
    pub held: VecDeque<Held>,
    /// Whether a task sees to the events.
    pub driven: bool,
    /// Rings for that task when something comes before what it sleeps for.
    pub bell: Arc<Notify>,
}

pub(super) enum Event {
    Land(Record),
    /// The append is given up.
    Expire(Arc<BatchOutcome>),
}

pub(super) struct Record {
    pub payload: Bytes,
    /// Who is to hear of it, and when it will be given up; nobody hears of a copy.
    pub reply: Option<(Arc<BatchOutcome>, When)>,
}

pub(super) struct Held {
    pub payload: Bytes,
    pub outcome: Arc<BatchOutcome>,
}

impl Lane {
    pub(super) fn is_full(&self) -> bool {
        self.open + self.held.len() >= QUEUE_RECORDS
    }

    pub(super) fn is_idle(&self) -> bool {
        self.events.is_empty() && self.held.is_empty()
    }

    /// Whether a record that takes no time may land at once.
    pub(super) fn is_clear(&self) -> bool {
        self.landings == 0
    }

    /// A record lands at `at`, or when those before it have.
    pub(super) fn land(&mut self, at: Instant, record: Record) {
        let at = self.last_landing.filter(|_| self.landings > 0).map_or(at, |last| last.max(at));
        self.last_landing = Some(at);
        self.landings += 1;
        self.begin(at, Event::Land(record));
    }

    pub(super) fn expire(&mut self, at: Instant, outcome: Arc<BatchOutcome>) -> When {
        self.open += 1;
        self.begin(at, Event::Expire(outcome))
    }

    /// An answer came in time.
    pub(super) fn forget(&mut self, when: When) {
        self.open -= usize::from(self.events.remove(&when).is_some());
    }

    fn begin(&mut self, at: Instant, event: Event) -> When {
        let when = (at, self.begun);
        self.begun += 1;
        if self.driven && self.next().is_none_or(|next| at < next) {
            self.bell.notify_one();
        }
        self.events.insert(when, event);
        when
    }

    /// When the next thing happens.
    pub(super) fn next(&self) -> Option<Instant> {
        self.events.first_key_value().map(|((at, _), _)| *at)
    }

    /// What is due by now.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Event> {
        let due = self.events.first_entry().filter(|entry| entry.key().0 <= now)?.remove();
        match due {
            Event::Land(_) => self.landings -= 1,
            Event::Expire(_) => self.open -= 1,
        }
        Some(due)
    }
}
