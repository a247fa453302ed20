//! A world of one API server, and the words of its stories.

mod owner;
mod recorder;
mod store;
mod world;

pub use recorder::counted;
pub use world::{OTHER, TENANT, World, limits};

use domain::time::{Clock, UnixMs};
use std::future::Future;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// Moves only when told.
pub struct ManualClock(AtomicI64);

impl ManualClock {
    pub fn at(ms: i64) -> Self {
        Self(AtomicI64::new(ms))
    }

    pub fn advance(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixMs {
        UnixMs(self.0.load(Ordering::SeqCst))
    }
}

/// The code of a refusal and the field it names.
#[track_caller]
pub fn refusal<T: std::fmt::Debug>(outcome: Result<T, Status>) -> (Code, String) {
    let status = outcome.expect_err("should have been refused");
    let violations = status.get_details_bad_request().map(|details| details.field_violations).unwrap_or_default();
    (status.code(), violations.into_iter().next().map(|violation| violation.field).unwrap_or_default())
}

/// Only the code of a refusal.
#[track_caller]
pub fn code<T: std::fmt::Debug>(outcome: Result<T, Status>) -> Code {
    refusal(outcome).0
}

/// A refusal of `field` as a bad argument.
pub fn bad(field: &str) -> (Code, String) {
    (Code::InvalidArgument, field.to_owned())
}

/// Waits until `check` gives something, at most ten seconds.
pub async fn until<T, F: Future<Output = Option<T>>>(mut check: impl FnMut() -> F) -> T {
    let found = async {
        loop {
            if let Some(found) = check().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), found).await.expect("it should have come true by now")
}
