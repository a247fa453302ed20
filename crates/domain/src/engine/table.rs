//! The monitors of a shard as flat arrays: 8 bytes of id, 32 of hot state, 4 of timer, 4 of policy and the
//! identity as packed bytes. What most monitors do not have (open runs, incidents, metrics) lives elsewhere.

use super::policies::Policies;
use super::timers::{NEVER, Timers};
use crate::codec::{CodecError, Reader, Writer};
use crate::command::Status;
use crate::ids::{MonitorId, TenantId};
use crate::monitor::{Identity, Policy};
use crate::ping::PingKind;
use hashbrown::HashTable;
use std::sync::Arc;

/// Monitors per snapshot chunk.
pub const CHUNK: usize = 4_096;
/// No duration known.
const NO_DURATION: u32 = u32::MAX;

/// What changes with a ping. 32 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hot {
    last_s: u32,
    last_ms: u16,
    pub status: Status,
    last_kind: u8,
    /// The next expected time in seconds; 0: none.
    pub expected: u32,
    /// Of the configuration, from 1.
    pub version: u32,
    pub pings: u32,
    duration_ms: u32,
    last_exit: u8,
    pub generation: u8,
    pub origin: u8,
    pub failures: u8,
    pub successes: u8,
    pub flags: Flags,
}

/// Facts of one bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    /// It was deleted; the slot remembers its token generation.
    pub const DELETED: u8 = 1;
    /// It has open runs in the side table.
    pub const RUNS: u8 = 2;
    /// Its last ping had metrics or a run id, kept in the side table.
    pub const EXTRAS: u8 = 4;
    /// `expected` is the end of `first_ping_within`: no grace is added.
    pub const FIRST: u8 = 8;
    /// Its schedule deadline waits for the end of a blind window.
    pub const HELD: u8 = 16;

    pub fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    pub fn set(&mut self, flag: u8, on: bool) {
        self.0 = if on { self.0 | flag } else { self.0 & !flag };
    }
}

impl Hot {
    /// Whether it ever pinged (since it was made or resumed).
    pub fn has_pinged(&self) -> bool {
        self.last_s != 0
    }

    /// When and how it last pinged.
    pub fn last(&self) -> Option<(i64, PingKind, Option<u64>)> {
        let kind = match self.last_kind {
            0 => PingKind::Success,
            1 => PingKind::Start,
            2 => PingKind::Fail,
            3 => PingKind::Exit(self.last_exit),
            _ => PingKind::Log,
        };
        let duration = (self.duration_ms != NO_DURATION).then_some(u64::from(self.duration_ms));
        self.has_pinged().then(|| (i64::from(self.last_s) * 1000 + i64::from(self.last_ms), kind, duration))
    }

    /// Notes a ping.
    pub fn set_last(&mut self, at_ms: i64, kind: PingKind, duration_ms: Option<u64>) {
        self.last_s = u32::try_from(at_ms.div_euclid(1000)).unwrap_or(1).max(1);
        self.last_ms = at_ms.rem_euclid(1000) as u16;
        (self.last_kind, self.last_exit) = match kind {
            PingKind::Success => (0, 0),
            PingKind::Start => (1, 0),
            PingKind::Fail => (2, 0),
            PingKind::Exit(code) => (3, code),
            PingKind::Log => (4, 0),
        };
        self.duration_ms = duration_ms.map_or(NO_DURATION, |ms| ms.min(u64::from(NO_DURATION - 1)) as u32);
    }

    /// Forgets that it ever pinged.
    pub fn clear_last(&mut self) {
        self.last_s = 0;
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.u32(self.last_s).u16(self.last_ms).u8(self.status as u8).u8(self.last_kind).u32(self.expected);
        w.u32(self.version).u32(self.pings).u32(self.duration_ms).u8(self.last_exit).u8(self.generation);
        w.u8(self.origin).u8(self.failures).u8(self.successes).u8(self.flags.0);
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            last_s: r.u32()?,
            last_ms: r.u16()?,
            status: read_status(r.u8()?)?,
            last_kind: r.u8()?,
            expected: r.u32()?,
            version: r.u32()?,
            pings: r.u32()?,
            duration_ms: r.u32()?,
            last_exit: r.u8()?,
            generation: r.u8()?,
            origin: r.u8()?,
            failures: r.u8()?,
            successes: r.u8()?,
            flags: Flags(r.u8()?),
        })
    }
}

fn read_status(place: u8) -> Result<Status, CodecError> {
    let all = [Status::New, Status::Up, Status::Late, Status::Down, Status::Paused, Status::Unknown];
    all.get(usize::from(place)).copied().ok_or(CodecError::Value("status"))
}

/// All monitors of a shard, by slot. Slots are given in log order and never taken back.
#[derive(Clone, Debug, Default)]
pub struct Table {
    ids: Vec<MonitorId>,
    pub hot: Vec<Hot>,
    pub timers: Timers,
    policy_of: Vec<u32>,
    policies: Policies,
    names: Names,
    index: HashTable<u32>,
    pub dirty: Dirty,
}

/// What changed since the last snapshot, by chunk.
#[derive(Clone, Debug, Default)]
pub struct Dirty {
    pub hot: Vec<bool>,
    pub config: Vec<bool>,
    pub policies: bool,
}

impl Table {
    /// The slot of a monitor, deleted or not.
    pub fn slot(&self, id: MonitorId) -> Option<u32> {
        self.index.find(spread(id), |slot| self.ids[*slot as usize] == id).copied()
    }

    /// Reads a bit of everything a ping of this monitor will need.
    pub fn touch(&self, id: MonitorId) -> u32 {
        let of = |slot| self.hot[slot as usize].pings ^ self.timers.get(slot) ^ self.policy_of[slot as usize];
        self.slot(id).map_or(0, of)
    }

    /// How many slots there are.
    pub fn len(&self) -> u32 {
        self.ids.len() as u32
    }

    /// The id at a slot.
    pub fn id(&self, slot: u32) -> MonitorId {
        self.ids[slot as usize]
    }

    /// The policy at a slot.
    pub fn policy(&self, slot: u32) -> &Arc<Policy> {
        self.policies.get(self.policy_of[slot as usize])
    }

    /// Who the monitor is, and when it was made (milliseconds).
    pub fn identity(&self, slot: u32) -> (Identity, i64) {
        self.names.get(slot)
    }

    /// Its tenant.
    pub fn tenant(&self, slot: u32) -> TenantId {
        self.identity(slot).0.tenant
    }

    /// Adds a monitor in the next slot.
    pub fn insert(&mut self, id: MonitorId, identity: &Identity, created_ms: i64, policy: Policy) -> u32 {
        let slot = self.ids.len() as u32;
        self.ids.push(id);
        self.hot.push(Hot { duration_ms: NO_DURATION, version: 1, ..Hot::default() });
        self.timers.push(NEVER);
        self.policy_of.push(self.policies.acquire(policy));
        self.names.push(identity, created_ms);
        let Self { index, ids, .. } = self;
        index.insert_unique(spread(id), slot, |slot| spread(ids[*slot as usize]));
        self.mark_config(slot);
        slot
    }

    /// Replaces what a monitor is and how it is judged.
    pub fn reconfigure(&mut self, slot: u32, identity: &Identity, created_ms: i64, policy: Policy) {
        let place = self.policies.acquire(policy);
        let old = std::mem::replace(&mut self.policy_of[slot as usize], place);
        self.policies.release(old);
        self.names.set(slot, identity, created_ms);
        self.mark_config(slot);
    }

    /// Marks a slot's hot state as changed.
    pub fn mark(&mut self, slot: u32) {
        mark(&mut self.dirty.hot, slot);
    }

    fn mark_config(&mut self, slot: u32) {
        mark(&mut self.dirty.hot, slot);
        mark(&mut self.dirty.config, slot);
        self.dirty.policies = true;
    }

    pub(super) fn write_hot(&self, chunk: usize, w: &mut Writer) {
        let slots = chunk_slots(chunk, self.ids.len());
        w.list(slots, |w, slot| {
            w.u64(self.ids[slot].0).u32(self.timers.get(slot as u32)).u32(self.policy_of[slot]);
            self.hot[slot].write(w);
        });
    }

    pub(super) fn write_config(&self, chunk: usize, w: &mut Writer) {
        let slots = chunk_slots(chunk, self.ids.len());
        w.list(slots, |w, slot| {
            w.bytes(self.names.packed(slot as u32));
        });
    }

    pub(super) fn write_policies(&self, w: &mut Writer) {
        self.policies.write(w);
    }

    pub(super) fn read_policies(&mut self, r: &mut Reader<'_>) -> Result<(), CodecError> {
        self.policies = Policies::read(r)?;
        Ok(())
    }

    /// Reads the next chunk: chunks come in order, the policies before them.
    pub(super) fn read_chunk(&mut self, hot: &mut Reader<'_>, config: &mut Reader<'_>) -> Result<(), CodecError> {
        let rows = hot.list(|r| Ok((MonitorId(r.u64()?), r.u32()?, r.u32()?, Hot::read(r)?)))?;
        let names = config.list(|r| r.bytes().map(<[u8]>::to_vec))?;
        if rows.len() != names.len() {
            return Err(CodecError::Value("chunk pair"));
        }
        for ((id, wake, place, state), packed) in rows.into_iter().zip(names) {
            self.policies.reuse(place)?;
            let slot = self.ids.len() as u32;
            self.ids.push(id);
            self.hot.push(state);
            self.timers.push(wake);
            self.policy_of.push(place);
            unpack(&packed).ok_or(CodecError::Value("identity"))?;
            self.names.push_packed(&packed);
            let Self { index, ids, .. } = self;
            index.insert_unique(spread(id), slot, |slot| spread(ids[*slot as usize]));
        }
        let chunks = self.ids.len().div_ceil(CHUNK);
        self.dirty.hot.resize(chunks, false);
        self.dirty.config.resize(chunks, false);
        Ok(())
    }
}

fn chunk_slots(chunk: usize, slots: usize) -> std::ops::Range<usize> {
    chunk * CHUNK..((chunk + 1) * CHUNK).min(slots)
}

fn mark(chunks: &mut Vec<bool>, slot: u32) {
    let chunk = slot as usize / CHUNK;
    if chunk >= chunks.len() {
        chunks.resize(chunk + 1, false);
    }
    chunks[chunk] = true;
}

/// Ids of one shard share their top bits, and the table takes its tag from the top: move the rest there.
fn spread(id: MonitorId) -> u64 {
    id.0.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// Identities packed into one byte vector; an edited one is appended anew, and the vector is rewritten
/// when half of it is dead.
#[derive(Clone, Debug, Default)]
struct Names {
    bytes: Vec<u8>,
    start: Vec<u32>,
    dead: usize,
}

impl Names {
    fn push(&mut self, identity: &Identity, created_ms: i64) {
        let packed = pack(identity, created_ms);
        self.push_packed(&packed);
    }

    fn push_packed(&mut self, packed: &[u8]) {
        self.start.push(self.bytes.len() as u32);
        self.append(packed);
    }

    fn set(&mut self, slot: u32, identity: &Identity, created_ms: i64) {
        self.dead += self.packed(slot).len();
        self.start[slot as usize] = self.bytes.len() as u32;
        self.append(&pack(identity, created_ms));
        if self.dead > 65_536 && self.dead * 2 > self.bytes.len() {
            self.compact();
        }
    }

    fn append(&mut self, packed: &[u8]) {
        push_varint(&mut self.bytes, packed.len() as u64);
        self.bytes.extend_from_slice(packed);
    }

    fn packed(&self, slot: u32) -> &[u8] {
        let mut rest = &self.bytes[self.start[slot as usize] as usize..];
        let length = take_varint(&mut rest).unwrap_or(0) as usize;
        &rest[..length.min(rest.len())]
    }

    fn get(&self, slot: u32) -> (Identity, i64) {
        unpack(self.packed(slot)).unwrap_or_default()
    }

    fn compact(&mut self) {
        let mut fresh = Self::default();
        (0..self.start.len() as u32).for_each(|slot| fresh.push_packed(self.packed(slot)));
        *self = fresh;
    }
}

pub(super) fn pack(identity: &Identity, created_ms: i64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(identity.slug.len() + 16);
    push_varint(&mut bytes, created_ms.max(0) as u64);
    push_varint(&mut bytes, u64::from(identity.tenant.0));
    push_text(&mut bytes, &identity.slug);
    let same = identity.name == identity.slug;
    push_text(&mut bytes, if same { "" } else { &identity.name });
    push_text(&mut bytes, &identity.description);
    push_varint(&mut bytes, identity.tags.len() as u64);
    identity.tags.iter().for_each(|tag| push_text(&mut bytes, tag));
    bytes
}

pub(super) fn unpack(mut bytes: &[u8]) -> Option<(Identity, i64)> {
    let created_ms = i64::try_from(take_varint(&mut bytes)?).ok()?;
    let tenant = TenantId(u32::try_from(take_varint(&mut bytes)?).ok()?);
    let slug = take_text(&mut bytes)?;
    let name = Some(take_text(&mut bytes)?).filter(|n| !n.is_empty()).unwrap_or_else(|| slug.clone());
    let description = take_text(&mut bytes)?;
    let count = take_varint(&mut bytes)? as usize;
    let tags: Option<Vec<_>> = (0..count.min(bytes.len())).map(|_| take_text(&mut bytes)).collect();
    Some((Identity { tenant, slug, name, description, tags: tags? }, created_ms))
}

fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn push_text(bytes: &mut Vec<u8>, text: &str) {
    push_varint(bytes, text.len() as u64);
    bytes.extend_from_slice(text.as_bytes());
}

fn take_text(bytes: &mut &[u8]) -> Option<String> {
    let length = take_varint(bytes)? as usize;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    String::from_utf8(text.to_vec()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hot_state_is_32_bytes() {
        assert_eq!(size_of::<Hot>(), 32);
    }

    #[test]
    fn an_identity_survives_packing_and_edits() {
        let mut names = Names::default();
        let mut identity =
            Identity { tenant: TenantId(9), slug: "backup".into(), name: "backup".into(), ..Identity::default() };
        names.push(&identity, 1_234);
        assert_eq!(names.get(0), (identity.clone(), 1_234));
        for round in 0..20_000 {
            identity.name = format!("Backup {round}");
            identity.tags = vec!["a".into(), "b".into()];
            names.set(0, &identity, 1_234);
        }
        assert_eq!(names.get(0), (identity, 1_234));
        assert!(names.bytes.len() < 200_000);
    }

    #[test]
    fn finds_each_monitor_by_id() {
        let mut table = Table::default();
        for n in 0..10_000u64 {
            table.insert(MonitorId(n), &Identity::default(), 0, Policy::daily());
        }
        assert!((0..10_000u64).all(|n| table.slot(MonitorId(n)) == Some(n as u32)));
        assert_eq!(table.slot(MonitorId(10_001)), None);
    }

    #[test]
    fn the_last_ping_reads_back() {
        let mut hot = Hot::default();
        assert_eq!(hot.last(), None);
        hot.set_last(1_700_000_000_123, PingKind::Exit(7), Some(1_500));
        assert_eq!(hot.last(), Some((1_700_000_000_123, PingKind::Exit(7), Some(1_500))));
    }
}
