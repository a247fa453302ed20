//! What to make of the driver's errors. Its own retries cover neither a client's time-out nor most of the
//! server's, so there is a loop here around every request that may be repeated.

use crate::{StoreError, metric};
use scylla::errors::{DbError, ExecutionError, PrepareError, RequestAttemptError};
use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;
use tokio::time::{Instant, sleep};

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What a failed request says about the next try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It was not carried out; another try may go better.
    Passing,
    /// It may have been carried out, or may still be.
    Unknown,
    /// It never will.
    Lasting,
}

/// What kind of failure an error is.
pub(super) fn judge(error: &ExecutionError) -> Failure {
    match error {
        ExecutionError::RequestTimeout(_) => Failure::Unknown,
        ExecutionError::LastAttemptError(attempt) => judge_attempt(attempt),
        ExecutionError::ConnectionPoolError(_) | ExecutionError::EmptyPlan => Failure::Passing,
        ExecutionError::PrepareError(PrepareError::ConnectionPoolError(_)) => Failure::Passing,
        ExecutionError::SchemaAgreementError(_) | ExecutionError::MetadataError(_) => Failure::Unknown,
        _ => Failure::Lasting,
    }
}

fn judge_attempt(error: &RequestAttemptError) -> Failure {
    match error {
        RequestAttemptError::BrokenConnectionError(_) => Failure::Unknown,
        RequestAttemptError::UnableToAllocStreamId => Failure::Passing,
        RequestAttemptError::DbError(error, _) => match error {
            DbError::WriteTimeout { .. } | DbError::WriteFailure { .. } | DbError::ServerError => Failure::Unknown,
            DbError::Unavailable { .. }
            | DbError::Overloaded
            | DbError::IsBootstrapping
            | DbError::TruncateError
            | DbError::ReadTimeout { .. }
            | DbError::ReadFailure { .. }
            | DbError::RateLimitReached { .. }
            | DbError::Unprepared { .. } => Failure::Passing,
            _ => Failure::Lasting,
        },
        _ => Failure::Lasting,
    }
}

/// An error as callers of the store see it.
pub(super) fn refused(error: &ExecutionError) -> StoreError {
    match judge(error) {
        Failure::Passing | Failure::Unknown => StoreError::Busy(error.to_string()),
        Failure::Lasting => StoreError::Broken(error.to_string()),
    }
}

/// The pauses between tries, longer each time, up to a bound in time.
pub(super) struct Patience {
    begun: Instant,
    bound: Duration,
    pause: Duration,
}

impl Patience {
    /// No try begins once `bound` has passed.
    pub(super) fn new(bound: Duration) -> Self {
        Self { begun: Instant::now(), bound, pause: FIRST_PAUSE }
    }

    /// Waits before the next try; `false`: there should be none.
    pub(super) async fn wait(&mut self) -> bool {
        if self.begun.elapsed() + self.pause >= self.bound {
            return false;
        }
        sleep(spread(self.pause)).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}

/// Between half of a pause and all of it, so that those who failed together do not come back together.
fn spread(pause: Duration) -> Duration {
    let share = RandomState::new().hash_one(0) % 512;
    pause * (512 + share as u32) / 1024
}

/// Tries a request that may be repeated until it succeeds, fails for good, or `bound` has passed.
pub(super) async fn repeat<T, F>(
    bound: Duration,
    is_write: bool,
    mut request: impl FnMut() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, ExecutionError>>,
{
    let mut patience = Patience::new(bound);
    loop {
        let error = match request().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let failure = judge(&error);
        if failure == Failure::Unknown && is_write {
            metric::count_unknown_outcomes(1);
        }
        if failure == Failure::Lasting || !patience.wait().await {
            return Err(refused(&error));
        }
        tracing::debug!(%error, "the database did not do it; trying again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn timed_out() -> ExecutionError {
        ExecutionError::RequestTimeout(Duration::from_secs(1))
    }

    fn database(error: DbError) -> ExecutionError {
        ExecutionError::LastAttemptError(RequestAttemptError::DbError(error, String::new()))
    }

    #[test]
    fn errors_are_told_apart_by_kind() {
        assert_eq!(judge(&timed_out()), Failure::Unknown);
        assert_eq!(judge(&database(DbError::ServerError)), Failure::Unknown);
        assert_eq!(judge(&database(DbError::Overloaded)), Failure::Passing);
        for lasting in [DbError::Invalid, DbError::SyntaxError, DbError::Unauthorized] {
            assert_eq!(judge(&database(lasting)), Failure::Lasting);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_repeated_until_it_succeeds() {
        let tries = Cell::new(0);
        let answer = repeat(Duration::from_secs(60), true, || {
            tries.set(tries.get() + 1);
            let answer = if tries.get() < 4 { Err(timed_out()) } else { Ok(tries.get()) };
            std::future::ready(answer)
        });
        assert_eq!(answer.await, Ok(4));
    }

    #[tokio::test(start_paused = true)]
    async fn patience_ends_and_what_lasts_is_not_repeated() {
        let begun = Instant::now();
        let busy = repeat(Duration::from_secs(15), true, || std::future::ready(Err::<(), _>(timed_out()))).await;
        assert!(matches!(busy, Err(StoreError::Busy(_))) && begun.elapsed() < Duration::from_secs(15));
        assert!(begun.elapsed() > Duration::from_secs(10), "{:?}", begun.elapsed());
        let tries = Cell::new(0);
        let broken = repeat(Duration::from_secs(15), true, || {
            tries.set(tries.get() + 1);
            std::future::ready(Err::<(), _>(database(DbError::Invalid)))
        });
        assert!(matches!(broken.await, Err(StoreError::Broken(_))));
        assert_eq!(tries.get(), 1);
    }
}
