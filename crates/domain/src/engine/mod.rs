//! The engine: one shard's monitors, judged by its log and nothing else.
//!
//! [`Engine::apply`] takes one record and appends what is to be done to a list of effects. The same log
//! gives the same state, transitions and ids, at any batch split and from any snapshot (invariant I1).
//!
//! Where to look: a record's time goes through `clock` and `evidence`; a ping through `on_ping`; silence
//! through `on_tick`; what they conclude through `verdict`; who is told, and when again, through
//! `deliveries`.

pub mod adopt;
mod clock;
mod commands;
mod deliveries;
pub mod effects;
mod evidence;
mod expect;
mod on_command;
mod on_outcome;
mod on_ping;
mod on_tick;
mod policies;
mod producers;
mod runs;
pub mod snapshot;
mod table;
mod timers;
mod verdict;
mod view;

#[cfg(test)]
mod tests;

use crate::ids::{ShardId, TransitionId};
use crate::ping::Metric;
use crate::planted;
use crate::record::{Body, Params, Record};
use crate::transition::Reason;
use clock::{Observed, ShardClock};
use commands::CommandMemory;
use deliveries::Deliveries;
use effects::{Effect, Note};
use evidence::Evidence;
use producers::{Producers, Seen};
use runs::OpenRun;
use std::collections::{BTreeMap, BTreeSet};
use table::Table;

/// The version of the rules in this build, as it stands in [`Params::rules`].
pub const RULES: u32 = 1;
/// One shard.
#[derive(Clone, Debug)]
pub struct Engine {
    shard: ShardId,
    clock: ShardClock,
    evidence: Evidence,
    producers: Producers,
    table: Table,
    runs: BTreeMap<u32, Vec<OpenRun>>,
    extras: BTreeMap<u32, Extras>,
    incidents: BTreeMap<u32, Incident>,
    /// Deadlines that met a blind window: when they are judged.
    held: BTreeMap<u32, i64>,
    /// Deadlines whose blind window still goes on.
    waiting: BTreeSet<u32>,
    paused_until: BTreeMap<u32, i64>,
    deliveries: Deliveries,
    commands: CommandMemory,
    /// Its monitors are judged elsewhere now.
    moved: bool,
    /// Scratch space of a tick.
    due: Vec<u32>,
}

/// What most last pings do not have.
#[derive(Clone, Debug, Default, PartialEq)]
struct Extras {
    metrics: Vec<Metric>,
    run: Option<crate::ids::RunId>,
}

/// An open incident.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Incident {
    id: TransitionId,
    opened_ms: i64,
    acknowledged: bool,
    reminded: u32,
    reason: Reason,
    /// The window whose silence opened it, when silence did: what a late report of deafness is held against.
    silent: Option<SilentWindow>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SilentWindow {
    from_ms: i64,
    deadline_ms: i64,
}

impl Engine {
    /// An engine before the first record of its shard. `params` hold until the log says otherwise.
    pub fn new(shard: ShardId, params: Params) -> Self {
        Self {
            shard,
            clock: ShardClock::new(params),
            evidence: Evidence::default(),
            producers: Producers::default(),
            table: Table::default(),
            runs: BTreeMap::new(),
            extras: BTreeMap::new(),
            incidents: BTreeMap::new(),
            held: BTreeMap::new(),
            waiting: BTreeSet::new(),
            paused_until: BTreeMap::new(),
            deliveries: Deliveries::default(),
            commands: CommandMemory::default(),
            moved: false,
            due: Vec::new(),
        }
    }

    /// Applies one record. Records come in the order of their offsets; one that was applied before changes
    /// nothing, so a replay may begin too early.
    pub fn apply(&mut self, record: &Record, effects: &mut Vec<Effect>) {
        if planted!("apply-again", self.clock.has_applied(record.offset), false) {
            return;
        }
        let is_tick = matches!(record.body, Body::Tick);
        if let Observed::SetBack { from } = self.clock.observe(record.offset, record.append, is_tick) {
            self.set_clock_back(from, effects);
        }
        if self.moved {
            self.decline(record, effects);
            return;
        }
        if self.was_seen(record, effects) {
            return;
        }
        self.take_evidence(record, effects);
        match &record.body {
            Body::Ping(ping) => self.on_ping(record, ping, effects),
            Body::Tick => self.on_tick(record, effects),
            Body::Deaf { from, to } => self.on_deaf(record, *from, *to, effects),
            Body::Command(command) => self.on_command(record, command, effects),
            Body::Outcome(outcome) => self.on_outcome(outcome, effects),
            Body::ChannelClosed { channel } => self.on_channel_closed(*channel, effects),
            Body::Params(params) => self.on_params(record, *params, effects),
            Body::Moved => self.move_away(effects),
            Body::Adopt(adopted) => self.adopt(adopted, effects),
            Body::Canary | Body::Boot => {}
        }
    }

    /// Touches the state that `records` will need, and changes nothing. One ping after another waits for
    /// memory several times; asked for together, those waits overlap. Worth it for a hundred or so at once.
    pub fn warm_up(&self, records: &[Record]) {
        let pings = records.iter().filter_map(|record| match &record.body {
            Body::Ping(ping) => Some(ping.monitor),
            _ => None,
        });
        std::hint::black_box(pings.fold(0, |touched, monitor| touched ^ self.table.touch(monitor)));
    }

    /// The shard it judges.
    pub fn shard(&self) -> ShardId {
        self.shard
    }

    /// The offset of the next record to apply.
    pub fn next_offset(&self) -> u64 {
        self.clock.next_offset()
    }

    /// T in milliseconds since the epoch.
    pub fn now_ms(&self) -> i64 {
        self.clock.now().0
    }

    /// Hybrid log time of the last record in microseconds: the timestamp of what it made us write.
    pub fn hlt_us(&self) -> i64 {
        self.clock.hlt_us()
    }

    /// The numbers in force.
    pub fn params(&self) -> Params {
        self.clock.params()
    }

    /// How many monitors there are, deleted ones included.
    pub fn monitors(&self) -> u32 {
        self.table.len()
    }

    fn was_seen(&mut self, record: &Record, effects: &mut Vec<Effect>) -> bool {
        let envelope = &record.envelope;
        if planted!("repeats-count-twice", envelope.producer == 0, true) {
            return false;
        }
        let now = self.clock.now().0;
        match self.producers.observe(envelope.producer, envelope.sequence, now, self.clock.w_ms()) {
            Seen::Repeated => {
                effects.push(Effect::Note(Note::Repeated));
                true
            }
            Seen::New { gap } => {
                if gap > 0 {
                    effects.push(Effect::Note(Note::Gap { missing: gap }));
                }
                false
            }
        }
    }

    fn take_evidence(&mut self, record: &Record, effects: &mut Vec<Effect>) {
        if !planted!("ticks-are-evidence", record.body.is_evidence(), true) {
            return;
        }
        let (now, c) = (self.clock.now(), self.clock.c_ms());
        let (origin, node) = (record.envelope.origin, record.envelope.node);
        let blind = match record.body {
            Body::Boot => self.evidence.booted(origin, node, now, c),
            _ => self.evidence.heard(origin, node, now, c),
        };
        if let Some(window) = blind {
            effects.push(Effect::Note(Note::Blind { from_ms: window.from, to_ms: window.to }));
        }
        self.wake_held();
    }

    /// Somebody was heard again: deadlines that waited for it are looked at by the next tick.
    fn wake_held(&mut self) {
        for slot in std::mem::take(&mut self.waiting) {
            self.rewake(slot);
        }
    }

    fn on_params(&mut self, record: &Record, params: Params, effects: &mut Vec<Effect>) {
        self.look_at_all(record, effects);
        self.clock.set_params(params);
        (0..self.table.len()).for_each(|slot| self.rewake(slot));
    }
}
