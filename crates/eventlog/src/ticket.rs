//! The promise of an append: resolves when the record is durable.
//!
//! Tickets of one batch share one allocation; the committer fills in the batch's outcome once and wakes
//! whoever waits. A ticket is a plain future without a channel of its own, which is what keeps an append
//! below two microseconds.

use crate::{AppendError, Appended};
use domain::ids::ShardId;
use domain::time::UnixMs;
use parking_lot::Mutex;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Resolves when the record is durable, or says why it is not known to be. Dropping it takes nothing back.
pub struct AppendTicket(State);

enum State {
    Waiting { batch: Arc<BatchOutcome>, shard: ShardId, place: u32, waker_slot: Option<usize> },
    Ready(Option<Result<Appended, AppendError>>),
}

impl AppendTicket {
    /// A ticket whose answer is known.
    pub fn ready(result: Result<Appended, AppendError>) -> Self {
        Self(State::Ready(Some(result)))
    }

    /// The `place`-th record of `shard` in `batch`, from 0.
    pub fn waiting(batch: Arc<BatchOutcome>, shard: ShardId, place: u32) -> Self {
        Self(State::Waiting { batch, shard, place, waker_slot: None })
    }
}

impl Future for AppendTicket {
    type Output = Result<Appended, AppendError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Ready(result) => Poll::Ready(result.take().unwrap_or(Err(AppendError::Closed))),
            State::Waiting { batch, shard, place, waker_slot } => batch.poll(*shard, *place, waker_slot, context.waker()),
        }
    }
}

/// What became of a batch: written once by the committer, read by its tickets.
#[derive(Default)]
pub struct BatchOutcome(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    done: Option<Result<Vec<ShardStart>, AppendError>>,
    wakers: Vec<Waker>,
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
    pub fn resolve(&self, outcome: Result<Vec<ShardStart>, AppendError>) {
        let wakers = {
            let mut inner = self.0.lock();
            inner.done = Some(outcome);
            std::mem::take(&mut inner.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    fn poll(&self, shard: ShardId, place: u32, slot: &mut Option<usize>, waker: &Waker) -> Poll<Result<Appended, AppendError>> {
        let mut inner = self.0.lock();
        match &inner.done {
            Some(outcome) => Poll::Ready(place_of(outcome, shard, place)),
            None => {
                match slot {
                    Some(at) => inner.wakers[*at].clone_from(waker),
                    None => {
                        *slot = Some(inner.wakers.len());
                        inner.wakers.push(waker.clone());
                    }
                }
                Poll::Pending
            }
        }
    }
}

fn place_of(outcome: &Result<Vec<ShardStart>, AppendError>, shard: ShardId, place: u32) -> Result<Appended, AppendError> {
    let starts = outcome.as_ref().map_err(|error| *error)?;
    let start = starts.iter().find(|start| start.shard == shard).ok_or(AppendError::Broken)?;
    Ok(Appended { offset: start.first_offset + u64::from(place), append: start.append })
}
