//! Snapshots: the state behind one record, in pieces. Pieces of 4,096 monitors are written only when they
//! changed; a manifest names the pieces that belong together. Restoring gives the same future.

use super::commands::CommandMemory;
use super::deliveries::Deliveries;
use super::evidence::Evidence;
use super::producers::Producers;
use super::runs::OpenRun;
use super::table::{CHUNK, Table};
use super::{Engine, Extras, Incident, ShardClock, SilentWindow};
use crate::codec::{CodecError, Reader, Writer};
use crate::ids::{RunId, ShardId, TransitionId};
use crate::ping::Metric;
use crate::transition::Reason;
use std::collections::BTreeMap;

/// The format version of manifests and pieces written today.
const VERSION: u16 = 1;
/// That of a side piece which says that the shard has moved; written only then, so that a build from before it can
/// read everything else.
const VERSION_MOVED: u16 = 2;

/// The kinds of pieces.
pub const KIND_SIDE: u8 = 0;
pub const KIND_HOT: u8 = 1;
pub const KIND_CONFIG: u8 = 2;
pub const KIND_POLICIES: u8 = 3;

/// A piece of a snapshot: `epoch` is the offset it was taken at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Piece {
    pub kind: u8,
    pub index: u32,
    pub epoch: u64,
}

/// Names the pieces of one snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The offset to go on reading from.
    pub next_offset: u64,
    pub pieces: Vec<Piece>,
}

/// What has to be written to have a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotPlan {
    pub manifest: Manifest,
    pub written: Vec<(Piece, Vec<u8>)>,
    /// Pieces of the snapshot before that no longer belong to one.
    pub forgotten: Vec<Piece>,
}

impl Manifest {
    /// Its bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = Writer::versioned(VERSION);
        w.u64(self.next_offset).list(self.pieces.iter(), |w, piece| {
            w.u8(piece.kind).u32(piece.index).u64(piece.epoch);
        });
        w.finish()
    }

    /// Reads its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut r = Reader::versioned(bytes, VERSION)?;
        let next_offset = r.u64()?;
        let pieces = r.list(|r| Ok(Piece { kind: r.u8()?, index: r.u32()?, epoch: r.u64()? }))?;
        r.end()?;
        Ok(Self { next_offset, pieces })
    }
}

impl Engine {
    /// What must be written so that a snapshot of this moment exists, given the one that exists already.
    /// Call [`Self::snapshot_saved`] when it is durable; until then the pieces stay marked.
    pub fn plan_snapshot(&self, previous: Option<&Manifest>) -> SnapshotPlan {
        let epoch = self.next_offset();
        let mut plan =
            SnapshotPlan { manifest: Manifest { next_offset: epoch, pieces: Vec::new() }, ..SnapshotPlan::default() };
        let old: BTreeMap<(u8, u32), Piece> =
            previous.into_iter().flat_map(|m| &m.pieces).map(|p| ((p.kind, p.index), *p)).collect();
        for (kind, index, dirty) in self.pieces() {
            let kept = old.get(&(kind, index)).filter(|_| !dirty).copied();
            let piece = kept.unwrap_or(Piece { kind, index, epoch });
            if kept.is_none() {
                plan.written.push((piece, self.encode_piece(kind, index)));
            }
            plan.manifest.pieces.push(piece);
        }
        plan.forgotten = old.into_values().filter(|piece| !plan.manifest.pieces.contains(piece)).collect();
        plan
    }

    /// The planned snapshot is durable.
    pub fn snapshot_saved(&mut self) {
        let dirty = &mut self.table.dirty;
        dirty.hot.fill(false);
        dirty.config.fill(false);
        dirty.policies = false;
    }

    /// An engine as it was when a snapshot was taken. `pieces` are in the order of the manifest.
    pub fn restore(shard: ShardId, manifest: &Manifest, pieces: &[Vec<u8>]) -> Result<Self, CodecError> {
        if manifest.pieces.len() != pieces.len() {
            return Err(CodecError::Value("number of pieces"));
        }
        let by_key: BTreeMap<(u8, u32), &Vec<u8>> =
            manifest.pieces.iter().map(|p| (p.kind, p.index)).zip(pieces).collect();
        let piece = |kind, index| by_key.get(&(kind, index)).ok_or(CodecError::Value("a piece is missing"));
        let mut table = Table::default();
        table.read_policies(&mut Reader::versioned(piece(KIND_POLICIES, 0)?, VERSION)?)?;
        let chunks = by_key.keys().filter(|(kind, _)| *kind == KIND_HOT).count() as u32;
        for index in 0..chunks {
            let mut hot = Reader::versioned(piece(KIND_HOT, index)?, VERSION)?;
            let mut config = Reader::versioned(piece(KIND_CONFIG, index)?, VERSION)?;
            table.read_chunk(&mut hot, &mut config)?;
            hot.end()?;
            config.end()?;
        }
        let side = piece(KIND_SIDE, 0)?;
        let moved = Reader::versioned(side, VERSION_MOVED);
        let mut r = moved.or_else(|_| Reader::versioned(side, VERSION))?;
        let has_moved = side.starts_with(&VERSION_MOVED.to_be_bytes());
        let engine = Self::read_side(shard, table, &mut r)?;
        r.end()?;
        Ok(Self { moved: has_moved, ..engine })
    }

    fn pieces(&self) -> impl Iterator<Item = (u8, u32, bool)> {
        let dirty = &self.table.dirty;
        let chunks = (self.table.len() as usize).div_ceil(CHUNK);
        let is_dirty = |marks: &[bool], index: usize| marks.get(index).copied().unwrap_or(true);
        let hot = (0..chunks).map(move |index| (KIND_HOT, index as u32, is_dirty(&dirty.hot, index)));
        let config = (0..chunks).map(move |index| (KIND_CONFIG, index as u32, is_dirty(&dirty.config, index)));
        [(KIND_SIDE, 0, true), (KIND_POLICIES, 0, dirty.policies)].into_iter().chain(hot).chain(config)
    }

    fn encode_piece(&self, kind: u8, index: u32) -> Vec<u8> {
        let mut w = Writer::versioned(if kind == KIND_SIDE && self.moved { VERSION_MOVED } else { VERSION });
        match kind {
            KIND_HOT => self.table.write_hot(index as usize, &mut w),
            KIND_CONFIG => self.table.write_config(index as usize, &mut w),
            KIND_POLICIES => self.table.write_policies(&mut w),
            _ => self.write_side(&mut w),
        }
        w.finish()
    }

    fn write_side(&self, w: &mut Writer) {
        self.clock.write(w);
        self.evidence.write(w);
        self.producers.write(w);
        self.deliveries.write(w);
        self.commands.write(w);
        w.list(self.runs.iter(), |w, (slot, runs)| {
            w.u32(*slot).list(runs.iter(), |w, run| run.write(w));
        });
        w.list(self.extras.iter(), |w, (slot, extras)| {
            w.u32(*slot);
            extras.write(w);
        });
        w.list(self.incidents.iter(), |w, (slot, incident)| {
            w.u32(*slot);
            incident.write(w);
        });
        for times in [&self.held, &self.paused_until] {
            w.list(times.iter(), |w, (slot, at)| {
                w.u32(*slot).i64(*at);
            });
        }
        w.list(self.waiting.iter(), |w, slot| {
            w.u32(*slot);
        });
    }

    fn read_side(shard: ShardId, table: Table, r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let slots = table.len();
        Ok(Self {
            shard,
            clock: ShardClock::read(r)?,
            evidence: Evidence::read(r)?,
            producers: Producers::read(r)?,
            table,
            deliveries: Deliveries::read(r)?,
            commands: CommandMemory::read(r)?,
            runs: read_map(r, slots, |r| r.list(OpenRun::read))?,
            extras: read_map(r, slots, Extras::read)?,
            incidents: read_map(r, slots, Incident::read)?,
            held: read_map(r, slots, |r| r.i64())?,
            paused_until: read_map(r, slots, |r| r.i64())?,
            waiting: r.list(Reader::u32)?.into_iter().filter(|slot| *slot < slots).collect(),
            moved: false,
            due: Vec::new(),
        })
    }
}

fn read_map<T>(
    r: &mut Reader<'_>,
    slots: u32,
    mut each: impl FnMut(&mut Reader<'_>) -> Result<T, CodecError>,
) -> Result<BTreeMap<u32, T>, CodecError> {
    let entries = r.list(|r| {
        let slot = r.u32()?;
        if slot >= slots {
            return Err(CodecError::Value("slot"));
        }
        Ok((slot, each(r)?))
    })?;
    Ok(entries.into_iter().collect())
}

impl Extras {
    pub(super) fn write(&self, w: &mut Writer) {
        w.list(self.metrics.iter(), |w, metric| {
            w.text(&metric.name).u64(metric.value.to_bits());
        });
        w.option(self.run, |w, run| {
            w.raw(&run.0);
        });
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        let metrics = r.list(|r| Ok(Metric { name: r.text()?, value: f64::from_bits(r.u64()?) }))?;
        Ok(Self { metrics, run: r.option(|r| r.id().map(RunId))? })
    }
}

impl Incident {
    pub(super) fn write(&self, w: &mut Writer) {
        w.raw(&self.id.0)
            .i64(self.opened_ms)
            .u8(u8::from(self.acknowledged))
            .u32(self.reminded)
            .text(self.reason.word());
        w.option(self.silent, |w, window| {
            w.i64(window.from_ms).i64(window.deadline_ms);
        });
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self {
            id: TransitionId(r.id()?),
            opened_ms: r.i64()?,
            acknowledged: r.u8()? != 0,
            reminded: r.u32()?,
            reason: Reason::from_word(&r.text()?).ok_or(CodecError::Value("reason"))?,
            silent: r.option(|r| Ok(SilentWindow { from_ms: r.i64()?, deadline_ms: r.i64()? }))?,
        })
    }
}
