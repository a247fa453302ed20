//! Makes happen, at its time, what is on its way: one task per client and shard, there only while there is
//! something.

use super::admit::{State, start};
use super::client::SimClient;
use super::lane::{Event, Lane, Record};
use domain::ids::ShardId;
use eventlog::AppendError;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

impl SimClient {
    /// Sees to it that somebody sees to the lane.
    pub(super) fn drive(&self, shard: ShardId, lane: &mut Lane) {
        if lane.driven || lane.next().is_none() {
            return;
        }
        if let Some(client) = self.this.upgrade() {
            lane.driven = true;
            tokio::spawn(drive(client, shard, lane.bell.clone()));
        }
    }

    /// Does all that is due, and says when the next thing is; `None`: nothing is left, and nobody drives any more.
    fn do_due(&self, shard: ShardId) -> Option<Instant> {
        let mut state = self.state.lock();
        let now = Instant::now();
        while let Some(event) = state.lanes.get_mut(usize::from(shard.0))?.take_due(now) {
            match event {
                Event::Expire(outcome) => state.tell(outcome, Err(AppendError::TimedOut)),
                Event::Land(record) => self.land(&mut state, shard, record),
            }
        }
        let lane = state.lanes.get_mut(usize::from(shard.0))?;
        let next = lane.next();
        if next.is_none() {
            lane.driven = false;
            self.drained.notify_waiters();
        }
        next
    }

    fn land(&self, state: &mut State, shard: ShardId, record: Record) {
        let Some(place) = self.core.shard(shard).filter(|_| !state.road.cut) else { return };
        let appended = place.land(self.core.clock.now(), record.payload);
        let Some((outcome, given_up)) = record.reply.filter(|_| !state.road.cut_replies) else { return };
        if let Some(lane) = state.lanes.get_mut(usize::from(shard.0)) {
            lane.forget(given_up);
        }
        state.tell(outcome, Ok(vec![start(shard, appended)]));
    }
}

async fn drive(client: Arc<SimClient>, shard: ShardId, bell: Arc<Notify>) {
    while let Some(next) = client.do_due(shard) {
        // Either way there may be something to do.
        let _ = timeout_at(next, bell.notified()).await;
    }
}
