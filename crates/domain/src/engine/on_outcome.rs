//! What notifiers report, and channels that are no more.

use super::Engine;
use super::effects::Effect;
use crate::command::AttemptOutcome;
use crate::ids::ChannelId;

impl Engine {
    pub(super) fn on_outcome(&mut self, outcome: &AttemptOutcome, effects: &mut Vec<Effect>) {
        self.deliveries.settle(outcome, self.clock.now().0, effects);
    }

    pub(super) fn on_channel_closed(&mut self, channel: ChannelId, effects: &mut Vec<Effect>) {
        self.deliveries.close_channel(channel, self.clock.now().0, effects);
    }

    /// Offers the attempts that have come due.
    pub(super) fn offer_due(&mut self, effects: &mut Vec<Effect>) {
        self.deliveries.offer_due(self.clock.now().0, effects);
    }

    /// The deliveries that an attempt may be made for now, with the attempt's number: what a new owner of
    /// the shard offers first.
    pub fn offered(&self) -> impl Iterator<Item = (&crate::delivery::Delivery, u32)> {
        self.deliveries.offered()
    }

    /// An open delivery.
    pub fn delivery(&self, id: crate::ids::DeliveryId) -> Option<&crate::delivery::Delivery> {
        self.deliveries.get(id)
    }

    /// How many deliveries are open, and since when the oldest waits (milliseconds since the epoch).
    pub fn open_deliveries(&self) -> (usize, Option<i64>) {
        self.deliveries.backlog()
    }
}
