//! Promises that are kept one by one: each record of a Kafka producer has an outcome of its own, in whatever order
//! the brokers acknowledge.
//!
//! A [`Slot`] is one allocation that the ticket, the client library and the list of deadlines share. Outcomes come in
//! batches, and waking is what costs: a [`Board`] wakes one waiter per thread and leaves the others to it, as
//! [`crate::ticket`] explains. The reporting thread owes a [`Board::wake_rest`] a moment later.

use crate::ticket::{ROWS, own_row};
use crate::{AppendError, Appended};
use parking_lot::Mutex;
use std::sync::Arc;
use std::task::{Poll, Waker};

/// What became of a record, or who waits to hear of it.
pub(crate) struct Slot {
    board: Arc<Board>,
    /// What the record takes in the queue.
    pub bytes: usize,
    state: Mutex<State>,
}

enum State {
    /// With the row of the thread that polled last.
    Waiting(Option<(Waker, usize)>),
    Known(Result<Appended, AppendError>),
}

/// Waiters whose outcome is known and who are to be woken by their thread's leader.
#[derive(Default)]
pub(crate) struct Board {
    rows: [Mutex<Vec<Waker>>; ROWS],
}

impl Slot {
    pub fn new(board: &Arc<Board>, bytes: usize) -> Arc<Self> {
        Arc::new(Self { board: board.clone(), bytes, state: Mutex::new(State::Waiting(None)) })
    }

    /// `row`: where this waiter is remembered, for [`leave`](Self::leave).
    pub fn poll(&self, row: &mut Option<usize>, waker: &Waker) -> Poll<Result<Appended, AppendError>> {
        if let Some(result) = self.look_or_wait(row, waker) {
            self.leave(row.take());
            return Poll::Ready(result);
        }
        Poll::Pending
    }

    fn look_or_wait(&self, row: &mut Option<usize>, waker: &Waker) -> Option<Result<Appended, AppendError>> {
        match &mut *self.state.lock() {
            State::Known(result) => Some(*result),
            State::Waiting(Some((old, _))) => {
                old.clone_from(waker);
                None
            }
            State::Waiting(nobody) => {
                let own = *row.insert(own_row());
                *nobody = Some((waker.clone(), own));
                None
            }
        }
    }

    /// A waiter goes: if it was the leader of its row it passes the news on.
    pub fn leave(&self, row: Option<usize>) {
        if let Some(row) = row {
            self.board.wake_row(row);
        }
    }

    pub fn is_known(&self) -> bool {
        matches!(&*self.state.lock(), State::Known(_))
    }

    /// False when the outcome was known already: only the first word counts.
    fn settle(&self, result: Result<Appended, AppendError>, woken: &mut [Vec<Waker>; ROWS]) -> bool {
        let mut state = self.state.lock();
        let State::Waiting(waiter) = &mut *state else { return false };
        let waiter = waiter.take();
        *state = State::Known(result);
        drop(state);
        if let Some((waker, row)) = waiter
            && let Some(row) = woken.get_mut(row)
        {
            row.push(waker);
        }
        true
    }
}

impl Board {
    /// Settles all of `outcomes` and wakes one waiter per thread. Returns how many were not settled before.
    pub fn settle(&self, outcomes: impl IntoIterator<Item = (Arc<Slot>, Result<Appended, AppendError>)>) -> usize {
        let mut woken: [Vec<Waker>; ROWS] = Default::default();
        let settled = outcomes.into_iter().filter(|(slot, result)| slot.settle(*result, &mut woken)).count();
        for (row, mut wakers) in self.rows.iter().zip(woken) {
            let Some(leader) = wakers.pop() else { continue };
            row.lock().append(&mut wakers);
            // The lock is not held while waking: a waker may run anything.
            leader.wake();
        }
        settled
    }

    /// Wakes everybody whose leader has not come by yet.
    pub fn wake_rest(&self) {
        (0..ROWS).for_each(|row| self.wake_row(row));
    }

    fn wake_row(&self, row: usize) {
        let wakers = self.rows.get(row).map(|row| std::mem::take(&mut *row.lock()));
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AppendTicket;
    use domain::time::UnixMs;
    use futures::task::{ArcWake, waker};
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Context;

    #[derive(Default)]
    struct Bell(AtomicUsize);

    impl ArcWake for Bell {
        fn wake_by_ref(bell: &Arc<Self>) {
            bell.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    struct Waiter {
        ticket: AppendTicket,
        slot: Arc<Slot>,
        bell: Arc<Bell>,
    }

    impl Waiter {
        fn new(board: &Arc<Board>) -> Self {
            let slot = Slot::new(board, 0);
            let mut waiter = Self { ticket: AppendTicket::slot(slot.clone()), slot, bell: Arc::default() };
            assert_eq!(waiter.poll(), Poll::Pending);
            waiter
        }

        fn poll(&mut self) -> Poll<Result<Appended, AppendError>> {
            Pin::new(&mut self.ticket).poll(&mut Context::from_waker(&waker(self.bell.clone())))
        }

        fn rung(&self) -> bool {
            self.bell.0.load(Ordering::Relaxed) > 0
        }
    }

    fn at(offset: u64) -> Result<Appended, AppendError> {
        Ok(Appended { offset, append: UnixMs(7) })
    }

    fn three() -> (Arc<Board>, [Waiter; 3]) {
        let board = Arc::new(Board::default());
        let waiters = [0, 1, 2].map(|_| Waiter::new(&board));
        (board, waiters)
    }

    fn settle_all(board: &Board, waiters: &[Waiter]) -> usize {
        board.settle(waiters.iter().enumerate().map(|(n, waiter)| (waiter.slot.clone(), at(40 + n as u64))))
    }

    #[test]
    fn each_hears_its_own_outcome() {
        let (board, mut waiters) = three();
        assert_eq!(settle_all(&board, &waiters), 3);
        for (n, waiter) in waiters.iter_mut().enumerate() {
            assert_eq!(waiter.poll(), Poll::Ready(at(40 + n as u64)));
        }
    }

    #[test]
    fn the_leader_of_a_thread_wakes_its_neighbours() {
        let (board, mut waiters) = three();
        settle_all(&board, &waiters);
        assert_eq!(waiters.iter().filter(|w| w.rung()).count(), 1);
        assert!(waiters.iter_mut().find(|w| w.rung()).unwrap().poll().is_ready());
        assert!(waiters.iter().all(Waiter::rung));
    }

    #[test]
    fn a_leader_that_is_dropped_wakes_its_neighbours() {
        let (board, waiters) = three();
        settle_all(&board, &waiters);
        let (leader, rest): (Vec<_>, Vec<_>) = waiters.into_iter().partition(Waiter::rung);
        drop(leader);
        assert!(rest.iter().all(Waiter::rung));
    }

    #[test]
    fn a_leader_that_is_never_polled_holds_nobody_up() {
        let (board, waiters) = three();
        settle_all(&board, &waiters);
        board.wake_rest();
        assert!(waiters.iter().all(Waiter::rung));
    }

    #[test]
    fn only_the_first_word_counts() {
        let (board, [mut first, ..]) = three();
        assert_eq!(board.settle([(first.slot.clone(), Err(AppendError::TimedOut))]), 1);
        assert_eq!(board.settle([(first.slot.clone(), at(9))]), 0, "a late acknowledgement is dropped");
        assert_eq!(first.poll(), Poll::Ready(Err(AppendError::TimedOut)));
    }

    #[test]
    fn an_outcome_without_a_waiter_is_kept_for_it() {
        let board = Arc::new(Board::default());
        let slot = Slot::new(&board, 0);
        board.settle([(slot.clone(), at(1))]);
        let mut ticket = AppendTicket::slot(slot);
        let polled = Pin::new(&mut ticket).poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(polled, Poll::Ready(at(1)));
    }
}
