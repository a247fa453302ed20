//! What may happen to an append, and what happens to this one.

use super::dice::{between, happens};
use rand::rngs::StdRng;
use std::time::Duration;

/// What may happen to the appends of a client. Probabilities are from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AppendFaults {
    /// How long a record is on its way, from and to. Longer than `timeout_ms`: it is reported as timed out, and
    /// lands all the same.
    pub delay_ms: (u64, u64),
    /// Never lands; timed out.
    pub loss: f64,
    /// Lands; timed out.
    pub ack_lost: f64,
    /// Lands twice, one behind the other, though records of other clients may come between; answered once.
    pub duplicate: f64,
    /// Refused at once.
    pub busy: f64,
    pub timeout_ms: u64,
}

impl Default for AppendFaults {
    fn default() -> Self {
        Self { delay_ms: (0, 0), loss: 0.0, ack_lost: 0.0, duplicate: 0.0, busy: 0.0, timeout_ms: 5_000 }
    }
}

/// What happens to an append.
pub(super) enum Fate {
    Busy,
    Lost,
    Lands(Landing),
}

/// How a record lands.
pub(super) struct Landing {
    pub delay: Duration,
    /// Whether its caller hears of it.
    pub told: bool,
    /// Of the second one, counted from the append too.
    pub copy_delay: Option<Duration>,
}

impl AppendFaults {
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    pub(super) fn draw(&self, dice: &mut StdRng) -> Fate {
        if happens(dice, self.busy) {
            return Fate::Busy;
        }
        if happens(dice, self.loss) {
            return Fate::Lost;
        }
        let mut delay = || Duration::from_millis(between(dice, self.delay_ms));
        let (first, second) = (delay(), delay());
        let told = !happens(dice, self.ack_lost);
        let copy_delay = happens(dice, self.duplicate).then_some(second);
        Fate::Lands(Landing { delay: first, told, copy_delay })
    }
}
