//! The promise of an append: resolves when the record is durable.
//!
//! Tickets of one batch share one allocation; the committer fills in the batch's outcome once and wakes
//! whoever waits. A ticket is a plain future without a channel of its own, which is what keeps an append
//! below two microseconds.
//!
//! Waking a task from a thread outside its runtime costs about a microsecond and often a system call, so
//! the committer may wake one waiter per thread only ([`BatchOutcome::resolve_through_leaders`]): that one,
//! when polled, wakes its neighbours from inside the runtime, where it is cheap. A leader that is dropped
//! wakes them too, and one that is never polled is made up for by [`BatchOutcome::wake_rest`].

#[cfg(feature = "kafka")]
use crate::slot::Slot;
use crate::{AppendError, Appended};
use domain::ids::ShardId;
use domain::time::UnixMs;
use parking_lot::Mutex;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Waker};

/// Resolves when the record is durable, or says why it is not known to be. Dropping it takes nothing back.
pub struct AppendTicket(State);

enum State {
    Waiting {
        batch: Arc<BatchOutcome>,
        shard: ShardId,
        place: u32,
        seat: Option<Seat>,
    },
    /// With the row in which it waits, once it does.
    #[cfg(feature = "kafka")]
    Slot(Arc<Slot>, Option<usize>),
    Ready(Option<Result<Appended, AppendError>>),
}

impl AppendTicket {
    /// A ticket whose answer is known.
    pub fn ready(result: Result<Appended, AppendError>) -> Self {
        Self(State::Ready(Some(result)))
    }

    /// The `place`-th record of `shard` in `batch`, from 0.
    pub fn waiting(batch: Arc<BatchOutcome>, shard: ShardId, place: u32) -> Self {
        Self(State::Waiting { batch, shard, place, seat: None })
    }

    /// A record with an outcome of its own.
    #[cfg(feature = "kafka")]
    pub(crate) fn slot(slot: Arc<Slot>) -> Self {
        Self(State::Slot(slot, None))
    }
}

impl Future for AppendTicket {
    type Output = Result<Appended, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Ready(result) => Poll::Ready(result.take().unwrap_or(Err(AppendError::Closed))),
            #[cfg(feature = "kafka")]
            State::Slot(slot, row) => slot.poll(row, context.waker()),
            State::Waiting { batch, shard, place, seat } => batch.poll(*shard, *place, seat, context.waker()),
        }
    }
}

impl Drop for AppendTicket {
    /// A leader that goes away unpolled passes the news on all the same.
    fn drop(&mut self) {
        match &self.0 {
            State::Waiting { batch, seat: Some(seat), .. } if batch.done.get().is_some() => batch.wake_row(seat.row),
            #[cfg(feature = "kafka")]
            State::Slot(slot, Some(row)) => slot.leave(Some(*row)),
            _ => {}
        }
    }
}

/// How many lists the waiters of a batch are spread over. Threads beyond share.
pub(crate) const ROWS: usize = 16;

/// What became of a batch: written once by the committer, read by its tickets.
#[derive(Default)]
pub struct BatchOutcome {
    done: OnceLock<Result<Vec<ShardStart>, AppendError>>,
    /// Who waits, by the thread that polled first.
    rows: [Mutex<Vec<Waker>>; ROWS],
}

/// Where a ticket's waker stands.
#[derive(Clone, Copy)]
struct Seat {
    row: usize,
    at: usize,
}

/// Where a batch's records of one shard begin.
#[derive(Clone, Copy, Debug)]
pub struct ShardStart {
    pub shard: ShardId,
    pub first_offset: u64,
    pub append: UnixMs,
}

impl BatchOutcome {
    /// The committer's word: where each shard's records went, or why the batch is not known to be durable.
    /// Wakes everybody. Only the first word counts.
    pub fn resolve(&self, outcome: Result<Vec<ShardStart>, AppendError>) {
        if self.done.set(outcome).is_ok() {
            self.wake_rest();
        }
    }

    /// As [`resolve`](Self::resolve), but wakes one waiter per thread and leaves the others to it. The caller
    /// owes a [`wake_rest`](Self::wake_rest) a moment later, for leaders whose task has other things to do.
    pub fn resolve_through_leaders(&self, outcome: Result<Vec<ShardStart>, AppendError>) {
        if self.done.set(outcome).is_err() {
            return;
        }
        for row in &self.rows {
            let leader = row.lock().pop();
            leader.into_iter().for_each(Waker::wake);
        }
    }

    /// Wakes everybody who has not been woken yet.
    pub fn wake_rest(&self) {
        (0..ROWS).for_each(|row| self.wake_row(row));
    }

    fn wake_row(&self, row: usize) {
        // The lock is not held while waking: a waker may run anything.
        let wakers = self.rows.get(row).map(|row| std::mem::take(&mut *row.lock()));
        wakers.into_iter().flatten().for_each(Waker::wake);
    }

    fn poll(
        &self,
        shard: ShardId,
        place: u32,
        seat: &mut Option<Seat>,
        waker: &Waker,
    ) -> Poll<Result<Appended, AppendError>> {
        if self.done.get().is_none() && self.take_seat(seat, waker) {
            return Poll::Pending;
        }
        if let Some(seat) = seat.take() {
            self.wake_row(seat.row);
        }
        Poll::Ready(self.place_of(shard, place))
    }

    /// False when the outcome came in between: it is set before the rows are locked to wake them, so looking
    /// again under the row's lock misses nothing.
    fn take_seat(&self, seat: &mut Option<Seat>, waker: &Waker) -> bool {
        let row = seat.map_or_else(own_row, |seat| seat.row);
        let Some(waiting) = self.rows.get(row) else { return false };
        let mut waiting = waiting.lock();
        if self.done.get().is_some() {
            return false;
        }
        match seat.and_then(|seat| waiting.get_mut(seat.at)) {
            Some(old) => old.clone_from(waker),
            None => {
                *seat = Some(Seat { row, at: waiting.len() });
                waiting.push(waker.clone());
            }
        }
        true
    }

    fn place_of(&self, shard: ShardId, place: u32) -> Result<Appended, AppendError> {
        let starts = self.done.get().ok_or(AppendError::Broken)?.as_ref().map_err(|error| *error)?;
        let start = starts.iter().find(|start| start.shard == shard).ok_or(AppendError::Broken)?;
        Ok(Appended { offset: start.first_offset + u64::from(place), append: start.append })
    }
}

/// The row of the calling thread.
pub(crate) fn own_row() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local!(static ROW: usize = NEXT.fetch_add(1, Ordering::Relaxed) % ROWS);
    ROW.with(|row| *row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::task::{ArcWake, waker};

    #[derive(Default)]
    struct Bell(AtomicUsize);

    impl ArcWake for Bell {
        fn wake_by_ref(bell: &Arc<Self>) {
            bell.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    struct Waiter(AppendTicket, Arc<Bell>);

    impl Waiter {
        fn new(batch: &Arc<BatchOutcome>, place: u32) -> Self {
            let mut waiter = Self(AppendTicket::waiting(batch.clone(), ShardId(1), place), Arc::default());
            assert_eq!(waiter.poll(), Poll::Pending);
            waiter
        }

        fn poll(&mut self) -> Poll<Result<Appended, AppendError>> {
            Pin::new(&mut self.0).poll(&mut Context::from_waker(&waker(self.1.clone())))
        }

        fn rung(&self) -> bool {
            self.1.0.load(Ordering::Relaxed) > 0
        }
    }

    fn landed() -> Result<Vec<ShardStart>, AppendError> {
        Ok(vec![ShardStart { shard: ShardId(1), first_offset: 40, append: UnixMs(7) }])
    }

    fn three() -> (Arc<BatchOutcome>, [Waiter; 3]) {
        let batch = Arc::new(BatchOutcome::default());
        let waiters = [0, 1, 2].map(|place| Waiter::new(&batch, place));
        (batch, waiters)
    }

    #[test]
    fn a_resolved_batch_wakes_all_and_tells_each_its_offset() {
        let (batch, waiters) = three();
        batch.resolve(landed());
        for (place, mut waiter) in waiters.into_iter().enumerate() {
            assert!(waiter.rung());
            assert_eq!(waiter.poll(), Poll::Ready(Ok(Appended { offset: 40 + place as u64, append: UnixMs(7) })));
        }
    }

    #[test]
    fn the_leader_of_a_thread_wakes_its_neighbours() {
        let (batch, mut waiters) = three();
        batch.resolve_through_leaders(landed());
        assert_eq!(waiters.iter().filter(|w| w.rung()).count(), 1);
        let leader = waiters.iter_mut().find(|w| w.rung()).unwrap();
        assert!(leader.poll().is_ready());
        assert!(waiters.iter().all(Waiter::rung));
    }

    #[test]
    fn a_leader_that_is_dropped_wakes_its_neighbours() {
        let (batch, waiters) = three();
        batch.resolve_through_leaders(landed());
        let (leader, rest): (Vec<_>, Vec<_>) = waiters.into_iter().partition(Waiter::rung);
        drop(leader);
        assert!(rest.iter().all(Waiter::rung));
    }

    #[test]
    fn a_leader_that_is_never_polled_holds_nobody_up() {
        let (batch, waiters) = three();
        batch.resolve_through_leaders(landed());
        batch.wake_rest();
        assert!(waiters.iter().all(Waiter::rung));
    }

    #[test]
    fn a_ticket_dropped_before_the_outcome_leaves_the_others_their_seats() {
        let (batch, [first, second, third]) = three();
        drop(second);
        batch.resolve(Err(AppendError::Broken));
        for mut waiter in [first, third] {
            assert!(waiter.rung());
            assert_eq!(waiter.poll(), Poll::Ready(Err(AppendError::Broken)));
        }
    }

    #[test]
    fn only_the_first_word_counts() {
        let (batch, [mut first, ..]) = three();
        batch.resolve(landed());
        batch.resolve(Err(AppendError::Broken));
        assert_eq!(first.poll(), Poll::Ready(Ok(Appended { offset: 40, append: UnixMs(7) })));
    }
}
