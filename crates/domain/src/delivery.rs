//! One transition (or digest) on its way to one channel, until a terminal state.

use crate::ids::{ChannelId, DeliveryId, MonitorId, TenantId, TransitionId, derive};
use crate::monitor::words;

/// Attempts come this long after the one before, in milliseconds; the first at once.
pub const RETRY_MS: [u64; 9] = [0, 5_000, 15_000, 60_000, 300_000, 900_000, 3_600_000, 10_800_000, 21_600_000];
/// A provider's `Retry-After` is honoured up to this, so that no endpoint can mute us.
pub const MAX_RETRY_AFTER_MS: u64 = 600_000;

/// Where a delivery stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeliveryState {
    /// Behind an older delivery of the same monitor and channel.
    #[default]
    Queued,
    /// Offered to notifiers; an attempt may be under way.
    Offered,
    /// Waiting for its next attempt.
    Retrying,
    /// Terminal: the provider took it.
    Delivered,
    /// Terminal: refused for good, or all attempts used up.
    Failed,
    /// Terminal: a later state made it pointless; `error` says which.
    Superseded,
}

words!(DeliveryState: Queued = "queued", Offered = "offered", Retrying = "retrying", Delivered = "delivered",
    Failed = "failed", Superseded = "superseded");

impl DeliveryState {
    /// Whether nothing more will happen to it.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Delivered | Self::Failed | Self::Superseded)
    }
}

/// A delivery as it is stored and listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub id: DeliveryId,
    pub tenant: TenantId,
    pub monitor: MonitorId,
    pub channel: ChannelId,
    /// What it tells: one transition, or several in a digest.
    pub transitions: Vec<TransitionId>,
    pub state: DeliveryState,
    /// Attempts begun.
    pub attempts: u32,
    pub created_ms: i64,
    /// Of the last change.
    pub changed_ms: i64,
    /// When the next attempt is due, while `Retrying`.
    pub due_ms: i64,
    /// The last error, or why it was closed.
    pub error: String,
}

/// The id of a transition's delivery to a channel.
pub fn delivery_id(transition: TransitionId, channel: ChannelId) -> DeliveryId {
    DeliveryId(derive("quietpulse delivery v1", &[&transition.0, &channel.0.to_be_bytes()]))
}

/// How long after a failed attempt the next one comes; `None` when that was the last. `attempts` counts
/// those made. Jitter of +-20 % is derived from the id, so that every replay waits as long.
pub fn retry_delay_ms(id: DeliveryId, attempts: u32, retry_after_ms: Option<u64>) -> Option<u64> {
    let base = *RETRY_MS.get(attempts as usize)?;
    let jitter = u64::from(id.0[attempts as usize % 16]) * 400 / 255;
    let delay = base * (800 + jitter) / 1000;
    Some(retry_after_ms.map_or(delay, |asked| delay.max(asked.min(MAX_RETRY_AFTER_MS))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_attempts_each_within_a_fifth_of_its_place() {
        let id = delivery_id(TransitionId([7; 16]), ChannelId(1));
        for attempts in 1..9 {
            let (delay, base) = (retry_delay_ms(id, attempts, None).unwrap(), RETRY_MS[attempts as usize]);
            assert!(delay >= base * 8 / 10 && delay <= base * 12 / 10, "{attempts}: {delay}");
        }
        assert_eq!(retry_delay_ms(id, 9, None), None);
    }

    #[test]
    fn retry_after_lengthens_up_to_ten_minutes() {
        let id = DeliveryId([0; 16]);
        assert_eq!(retry_delay_ms(id, 1, Some(30_000)), Some(30_000));
        assert_eq!(retry_delay_ms(id, 1, Some(u64::MAX)), Some(MAX_RETRY_AFTER_MS));
        assert_eq!(retry_delay_ms(id, 1, Some(1)), Some(4_000));
    }
}
