//! How often an operator is told of the same trouble: at once, then once a minute.

use parking_lot::Mutex;
use std::time::Duration;
use tokio::time::Instant;

const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// When the operator was last told; `None`: there is no trouble.
#[derive(Default)]
pub(crate) struct Complaint(Mutex<Option<Instant>>);

impl Complaint {
    /// The trouble is there; whether to say so now.
    pub(crate) fn is_due(&self) -> bool {
        let mut told = self.0.lock();
        let due = told.is_none_or(|last| last.elapsed() >= AGAIN_AFTER);
        if due {
            *told = Some(Instant::now());
        }
        due
    }

    /// Whether the operator knows of the trouble.
    pub(crate) fn was_told(&self) -> bool {
        self.0.lock().is_some()
    }

    /// The trouble is over; whether to say so, since the operator knew of it.
    pub(crate) fn is_settled(&self) -> bool {
        self.0.lock().take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn at_once_then_once_a_minute_and_the_end_once() {
        let complaint = Complaint::default();
        assert!(!complaint.is_settled());
        assert_eq!([complaint.is_due(), complaint.is_due()], [true, false]);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(!complaint.is_due() && complaint.was_told());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!([complaint.is_due(), complaint.is_due()], [true, false]);
        assert_eq!([complaint.is_settled(), complaint.is_settled()], [true, false]);
        assert!(complaint.is_due());
    }
}
