//! What becomes of an append: answered at once, on its way, or kept for later.

use super::client::SimClient;
use super::dice::dice;
use super::faults::{AppendFaults, Fate, Landing};
use super::lane::{Held, Lane, Record};
use bytes::Bytes;
use domain::ids::ShardId;
use eventlog::ticket::{BatchOutcome, ShardStart};
use eventlog::{AppendError, AppendTicket, Appended};
use rand::rngs::StdRng;
use std::sync::Arc;
use tokio::time::Instant;

/// How a client fares, and what it waits for.
pub(super) struct State {
    pub road: Road,
    pub frozen: bool,
    /// Takes no more appends.
    pub closing: bool,
    pub closed: bool,
    dice: StdRng,
    pub read_dice: StdRng,
    pub lanes: Vec<Lane>,
    /// What a frozen client has not heard yet.
    pub withheld: Vec<(Arc<BatchOutcome>, Outcome)>,
}

/// What is between a client and the log. It stays when the process in that place is another.
#[derive(Clone, Copy, Default)]
pub(super) struct Road {
    pub faults: AppendFaults,
    pub read_broken: f64,
    pub cut: bool,
    pub cut_replies: bool,
}

pub(super) type Outcome = Result<Vec<ShardStart>, AppendError>;

/// What became of an append.
pub(super) enum Admission {
    Known(Result<Appended, AppendError>),
    Waiting(Arc<BatchOutcome>),
}

impl SimClient {
    /// What was appended while the client was frozen begins now.
    pub(super) fn send_held(&self, state: &mut State) {
        for shard in self.core.count.all() {
            let held = state.lane(shard).map(|lane| std::mem::take(&mut lane.held)).unwrap_or_default();
            for Held { payload, outcome } in held {
                if let Admission::Known(answer) = self.admit(state, shard, payload, Some(outcome.clone())) {
                    outcome.resolve(answer.map(|appended| vec![start(shard, appended)]));
                }
            }
        }
    }

    /// Decides what happens to an append, and begins it. `outcome` is there when its caller waits already.
    pub(super) fn admit(
        &self,
        state: &mut State,
        shard: ShardId,
        payload: Bytes,
        outcome: Option<Arc<BatchOutcome>>,
    ) -> Admission {
        let (Some(place), Some(lane)) = (self.core.shard(shard), state.lanes.get_mut(usize::from(shard.0))) else {
            return Admission::Known(Err(AppendError::Broken));
        };
        if lane.is_full() {
            return Admission::Known(Err(AppendError::Busy));
        }
        let landing = match state.road.faults.draw(&mut state.dice) {
            Fate::Busy => return Admission::Known(Err(AppendError::Busy)),
            Fate::Lands(landing) if !(state.road.cut && landing.delay.is_zero()) => Some(landing),
            Fate::Lands(_) | Fate::Lost => None,
        };
        let told = landing.as_ref().is_some_and(|landing| landing.told);
        let at_once = landing.as_ref().is_some_and(|landing| landing.delay.is_zero()) && lane.is_clear();
        if told && at_once && !state.road.cut_replies {
            let appended = place.land(self.core.clock.now(), payload.clone());
            if let Some(delay) = landing.and_then(|landing| landing.copy_delay) {
                lane.land(Instant::now() + delay, Record { payload, reply: None });
                self.drive(shard, lane);
            }
            return Admission::Known(Ok(appended));
        }
        let outcome = outcome.unwrap_or_default();
        send(lane, payload, &outcome, landing, state.road.faults);
        self.drive(shard, lane);
        Admission::Waiting(outcome)
    }
}

/// Begins an append: gives it up after its time, and lands its record unless that is lost.
fn send(lane: &mut Lane, payload: Bytes, outcome: &Arc<BatchOutcome>, landing: Option<Landing>, faults: AppendFaults) {
    let now = Instant::now();
    let given_up = lane.expire(now + faults.timeout(), outcome.clone());
    let Some(Landing { delay, told, copy_delay }) = landing else { return };
    let reply = told.then(|| (outcome.clone(), given_up));
    lane.land(now + delay, Record { payload: payload.clone(), reply });
    if let Some(delay) = copy_delay {
        lane.land(now + delay, Record { payload, reply: None });
    }
}

/// One that says the same however often it is polled, as those of the real logs.
pub(super) fn ticket(shard: ShardId, admission: Admission) -> AppendTicket {
    let outcome = match admission {
        Admission::Known(Err(error)) => return AppendTicket::ready(Err(error)),
        Admission::Waiting(outcome) => outcome,
        Admission::Known(Ok(appended)) => {
            let outcome = Arc::<BatchOutcome>::default();
            outcome.resolve(Ok(vec![start(shard, appended)]));
            outcome
        }
    };
    AppendTicket::waiting(outcome, shard, 0)
}

pub(super) fn start(shard: ShardId, appended: Appended) -> ShardStart {
    ShardStart { shard, first_offset: appended.offset, append: appended.append }
}

impl State {
    pub(super) fn new(seed: u64, name: &str, life: u64, shards: usize) -> Self {
        Self {
            road: Road::default(),
            frozen: false,
            closing: false,
            closed: false,
            dice: dice(seed, name, life),
            read_dice: dice(!seed, name, life),
            lanes: (0..shards).map(|_| Lane::default()).collect(),
            withheld: Vec::new(),
        }
    }

    fn lane(&mut self, shard: ShardId) -> Option<&mut Lane> {
        self.lanes.get_mut(usize::from(shard.0))
    }

    /// Lets whoever appended hear, unless they are frozen. Only the first word counts.
    pub(super) fn tell(&mut self, outcome: Arc<BatchOutcome>, told: Outcome) {
        if self.frozen {
            self.withheld.push((outcome, told));
        } else {
            outcome.resolve(told);
        }
    }

    /// Keeps an append for later.
    pub(super) fn hold(&mut self, shard: ShardId, payload: Bytes) -> Admission {
        let Some(lane) = self.lane(shard) else { return Admission::Known(Err(AppendError::Broken)) };
        if lane.is_full() {
            return Admission::Known(Err(AppendError::Busy));
        }
        let outcome = Arc::<BatchOutcome>::default();
        lane.held.push_back(Held { payload, outcome: outcome.clone() });
        Admission::Waiting(outcome)
    }

    pub(super) fn is_drained(&self) -> bool {
        self.withheld.is_empty() && self.lanes.iter().all(Lane::is_idle)
    }
}
