//! The log as one process sees it, through faults of its own.
//!
//! A **cut** client's records do not get through, nor does it hear anything: what should land meanwhile is lost. A
//! **frozen** client is a paused process: what it had sent before still lands, but it hears of nothing, and what it
//! appends meanwhile (its tasks go on in the simulator) begins when it is thawed.

use super::Core;
use super::admit::{Admission, State, ticket};
use super::dice::happens;
use super::faults::AppendFaults;
use super::reader::SimReader;
use async_trait::async_trait;
use bytes::Bytes;
use domain::ids::{ShardCount, ShardId};
use eventlog::{AppendError, AppendTicket, Bounds, EventLog, MAX_RECORD_BYTES, ReadError, ShardReader};
use parking_lot::Mutex;
use std::sync::{Arc, Weak};
use tokio::sync::Notify;

pub struct SimClient {
    pub(super) core: Arc<Core>,
    name: String,
    life: u64,
    pub(super) this: Weak<Self>,
    pub(super) state: Mutex<State>,
    /// Rings when a lane has nothing left to do.
    pub(super) drained: Notify,
}

/// Whether a client gets at the log.
pub(super) enum Sight {
    Clear,
    Cut { timeout_ms: u64 },
    Frozen,
    Closed,
}

impl SimClient {
    pub(super) fn new(core: Arc<Core>, name: &str, life: u64) -> Arc<Self> {
        let state = State::new(core.seed, name, life, core.shards.len());
        Arc::new_cyclic(|this| Self {
            core,
            name: name.to_owned(),
            life,
            this: this.clone(),
            state: Mutex::new(state),
            drained: Notify::new(),
        })
    }

    /// A process in the place of this one: as badly connected, but not frozen.
    pub(super) fn next_life(&self) -> Arc<Self> {
        let next = Self::new(self.core.clone(), &self.name, self.life + 1);
        next.state.lock().road = self.state.lock().road;
        next
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What may happen to appends from now on.
    pub fn set_faults(&self, faults: AppendFaults) {
        self.state.lock().road.faults = faults;
    }

    /// How probably a read, or a question about the log, is answered with [`ReadError::Broken`].
    pub fn set_read_faults(&self, broken: f64) {
        self.state.lock().road.read_broken = broken;
    }

    /// Nothing gets through, in either direction. Appends time out and their records are lost; questions end as
    /// broken after the same time; readers wait.
    pub fn cut(&self, cut: bool) {
        self.state.lock().road.cut = cut;
        self.core.ring_all();
    }

    /// Appends land and are reported as timed out. Reads go on.
    pub fn cut_replies(&self, cut: bool) {
        self.state.lock().road.cut_replies = cut;
    }

    /// Stops the client as a paused process stops, or lets it go on: it first hears what it missed, and then sends
    /// what it had to say.
    pub fn freeze(&self, frozen: bool) {
        {
            let mut state = self.state.lock();
            state.frozen = frozen;
            if !frozen {
                state.withheld.drain(..).for_each(|(outcome, told)| outcome.resolve(told));
                self.send_held(&mut state);
            }
        }
        self.drained.notify_waiters();
        self.core.ring_all();
    }

    /// Ends the client as `SIGKILL` ends a process: what it has sent still lands, what it has not is gone.
    pub fn kill(&self) {
        {
            let mut state = self.state.lock();
            (state.closing, state.closed, state.frozen) = (true, true, false);
            let held = state.lanes.iter_mut().flat_map(|lane| lane.held.drain(..)).map(|held| held.outcome);
            let unheard: Vec<_> = held.collect();
            let withheld = state.withheld.drain(..).map(|(outcome, _)| outcome);
            unheard.into_iter().chain(withheld).for_each(|outcome| outcome.resolve(Err(AppendError::Closed)));
        }
        self.drained.notify_waiters();
        self.core.ring_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().closed
    }

    /// Whether the client sees the log now.
    pub(super) fn sight(&self) -> Sight {
        let state = self.state.lock();
        match (state.closed, state.frozen, state.road.cut) {
            (true, ..) => Sight::Closed,
            (_, true, _) => Sight::Frozen,
            (_, _, true) => Sight::Cut { timeout_ms: state.road.faults.timeout_ms },
            _ => Sight::Clear,
        }
    }

    /// Draws whether this read fails.
    pub(super) fn break_read(&self) -> Result<(), ReadError> {
        let mut state = self.state.lock();
        let (probability, dice) = (state.road.read_broken, &mut state.read_dice);
        if happens(dice, probability) { Err(ReadError::Broken("simulated".into())) } else { Ok(()) }
    }
}

#[async_trait]
impl EventLog for SimClient {
    fn shards(&self) -> ShardCount {
        self.core.count
    }

    fn append(&self, shard: ShardId, payload: Vec<u8>) -> AppendTicket {
        if payload.len() > MAX_RECORD_BYTES {
            return AppendTicket::ready(Err(AppendError::TooLarge));
        }
        let payload = Bytes::from(payload.into_boxed_slice());
        let mut state = self.state.lock();
        let admission = match &*state {
            State { closing: true, .. } => Admission::Known(Err(AppendError::Closed)),
            State { frozen: true, .. } => state.hold(shard, payload),
            _ => self.admit(&mut state, shard, payload, None),
        };
        ticket(shard, admission)
    }

    async fn reader(&self, shard: ShardId, from: u64) -> Result<Box<dyn ShardReader>, ReadError> {
        let bounds = self.bounds(shard).await?;
        if from < bounds.first || from > bounds.next {
            return Err(ReadError::OutOfRange { shard, wanted: from, first: bounds.first, next: bounds.next });
        }
        let client = self.this.upgrade().ok_or(ReadError::Closed)?;
        Ok(Box::new(SimReader::new(client, shard, from)))
    }

    async fn bounds(&self, shard: ShardId) -> Result<Bounds, ReadError> {
        let place = self.core.shard_or_refusal(shard)?;
        self.reach(place).await?;
        self.break_read()?;
        Ok(self.core.bounds(place))
    }

    /// What does not get through is not heard of.
    async fn release(&self, shard: ShardId, below: u64) {
        let Some(place) = self.core.shard(shard) else { return };
        if self.reach(place).await.is_ok() {
            place.release(below);
        }
    }

    async fn close(&self) {
        self.state.lock().closing = true;
        loop {
            let mut drained = std::pin::pin!(self.drained.notified());
            drained.as_mut().enable();
            if self.state.lock().is_drained() || self.is_closed() {
                break;
            }
            drained.await;
        }
        self.state.lock().closed = true;
        self.core.ring_all();
    }
}
