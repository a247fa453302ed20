//! Moving house: a monitor leaves the shard of one installation with all that is known of it, and another shard takes
//! it on as if it had always been there. Ids, tokens and deadlines do not change, so neither do verdicts.
//!
//! On the old side a `Moved` record ends all judging: from there on two engines must not both tell the same thing.

use super::deliveries::Open;
use super::effects::Effect;
use super::evidence::Window;
use super::policies::{read_policy, write_policy};
use super::runs::OpenRun;
use super::table::{Flags, Hot, pack, unpack};
use super::{Engine, Extras, Incident};
use crate::codec::{CodecError, Reader, Writer};
use crate::delivery::Delivery;
use crate::ids::{MonitorId, TransitionId};
use crate::monitor::{Identity, Policy};

/// The format version of an [`Adopted`] on its way.
const VERSION: u16 = 1;
/// Blind windows that go along at most, the latest ones.
const MAX_WINDOWS: usize = 32;

/// Everything the engine knows of one monitor.
#[derive(Clone, Debug, PartialEq)]
pub struct Adopted {
    monitor: MonitorId,
    identity: Identity,
    created_ms: i64,
    policy: Policy,
    hot: Hot,
    runs: Vec<OpenRun>,
    extras: Option<Extras>,
    incident: Option<Incident>,
    held: Option<i64>,
    waiting: bool,
    paused_until: Option<i64>,
    /// Stretches in which nobody could hear it.
    blind: Vec<Window>,
    deliveries: Vec<Open>,
}

impl Adopted {
    /// Whose it is.
    pub fn monitor(&self) -> MonitorId {
        self.monitor
    }

    /// Who it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What its open deliveries tell: their transitions must be in the new store before it is taken on.
    pub fn told(&self) -> impl Iterator<Item = TransitionId> {
        self.deliveries.iter().flat_map(|open| open.row.transitions.iter().copied())
    }

    /// Its open deliveries.
    pub fn deliveries(&self) -> impl Iterator<Item = &Delivery> {
        self.deliveries.iter().map(|open| &open.row)
    }

    /// Its bytes in a record.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::versioned(VERSION);
        w.u64(self.monitor.0).bytes(&pack(&self.identity, self.created_ms));
        write_policy(&mut w, &self.policy);
        self.hot.write(&mut w);
        w.list(self.runs.iter(), |w, run| run.write(w));
        w.option(self.extras.as_ref(), |w, extras| extras.write(w));
        w.option(self.incident.as_ref(), |w, incident| incident.write(w));
        for time in [self.held, self.paused_until] {
            w.option(time, |w, at| {
                w.i64(at);
            });
        }
        w.u8(u8::from(self.waiting));
        w.list(self.blind.iter(), |w, window| {
            w.i64(window.from).i64(window.to);
        });
        w.list(self.deliveries.iter(), |w, open| open.write(w));
        w.finish()
    }

    /// Reads its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut r = Reader::versioned(bytes, VERSION)?;
        let monitor = MonitorId(r.u64()?);
        let (identity, created_ms) = unpack(r.bytes()?).ok_or(CodecError::Value("identity"))?;
        let adopted = Self {
            monitor,
            identity,
            created_ms,
            policy: read_policy(&mut r)?,
            hot: Hot::read(&mut r)?,
            runs: r.list(OpenRun::read)?,
            extras: r.option(Extras::read)?,
            incident: r.option(Incident::read)?,
            held: r.option(Reader::i64)?,
            paused_until: r.option(Reader::i64)?,
            waiting: r.u8()? != 0,
            blind: r.list(|r| Ok(Window { from: r.i64()?, to: r.i64()? }))?,
            deliveries: r.list(Open::read)?,
        };
        r.end()?;
        Ok(adopted)
    }
}

impl Engine {
    /// Whether a `Moved` record was applied: this shard judges nothing any more.
    pub fn has_moved(&self) -> bool {
        self.moved
    }

    /// Everything that can be taken on elsewhere, deleted monitors included: their slugs remember the generations of
    /// their dead tokens.
    pub fn leave(&self) -> impl Iterator<Item = Adopted> {
        (0..self.table.len()).map(|slot| self.leave_slot(slot))
    }

    fn leave_slot(&self, slot: u32) -> Adopted {
        let (monitor, hot) = (self.table.id(slot), self.table.hot[slot as usize]);
        let (identity, created_ms) = self.table.identity(slot);
        let since = hot.last().map_or(created_ms, |(at, ..)| at);
        let mut blind: Vec<Window> = self.evidence.windows(hot.origin).filter(|window| window.to > since).collect();
        blind.drain(..blind.len().saturating_sub(MAX_WINDOWS));
        Adopted {
            monitor,
            identity,
            created_ms,
            policy: Policy::clone(self.table.policy(slot)),
            hot,
            runs: self.runs_of(slot).to_vec(),
            extras: self.extras.get(&slot).cloned(),
            incident: self.incidents.get(&slot).cloned(),
            held: self.held.get(&slot).copied(),
            waiting: self.waiting.contains(&slot),
            paused_until: self.paused_until.get(&slot).copied(),
            blind,
            deliveries: self.deliveries.of(monitor).cloned().collect(),
        }
    }

    /// Takes a monitor on. One that is here already is left as it is: the record was sent twice.
    pub(super) fn adopt(&mut self, adopted: &Adopted, effects: &mut Vec<Effect>) {
        if self.table.slot(adopted.monitor).is_some() {
            return;
        }
        let slot = self.table.insert(adopted.monitor, &adopted.identity, adopted.created_ms, adopted.policy.clone());
        self.table.hot[slot as usize] = adopted.hot;
        if !adopted.runs.is_empty() {
            self.runs.insert(slot, adopted.runs.clone());
        }
        self.extras.extend(adopted.extras.clone().map(|extras| (slot, extras)));
        self.incidents.extend(adopted.incident.clone().map(|incident| (slot, incident)));
        self.held.extend(adopted.held.map(|at| (slot, at)));
        self.paused_until.extend(adopted.paused_until.map(|at| (slot, at)));
        self.waiting.extend(adopted.waiting.then_some(slot));
        adopted.blind.iter().for_each(|window| self.evidence.deaf(adopted.hot.origin, *window));
        self.deliveries.adopt(&adopted.deliveries, self.clock.now().0, effects);
        self.rewake(slot);
        self.push_monitor_row(slot, effects);
        if adopted.hot.flags.has(Flags::DELETED) || adopted.hot.generation > 0 {
            self.push_revocation(slot, effects);
        }
        if !adopted.hot.flags.has(Flags::DELETED) {
            self.push_status(slot, effects);
        }
    }

    /// Ends all judging and telling here.
    pub(super) fn move_away(&mut self, effects: &mut Vec<Effect>) {
        self.moved = true;
        let offered = self.deliveries.offered();
        effects.extend(offered.map(|(row, _)| Effect::Withdraw { delivery: row.id }));
    }
}
