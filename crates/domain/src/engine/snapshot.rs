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
use crate::ids::{RunId, ShardId, TransitionId, derive};
use crate::ping::Metric;
use crate::planted;
use crate::transition::Reason;
use std::collections::BTreeMap;

/// How manifests and pieces are written. Each says its own format, so that a snapshot may hold pieces of several.
///
/// A new format is read by a release before any release writes it unasked: two releases own shards at the same time
/// during a rolling upgrade, and the older one must be able to take over what the newer one saved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Format {
    /// Fields one after another.
    #[default]
    Plain = 1,
    /// The same with 8 bytes behind them, by which a flipped bit is found.
    Checked = 2,
}

/// The newest format this build reads. The feature stands for the release before `Checked` was known.
const NEWEST: u16 = if cfg!(feature = "only-format-1") { Format::Plain as u16 } else { Format::Checked as u16 };
/// Set in the version of a side piece when the shard has moved.
const MOVED: u16 = 0x8000;
/// The length of a check, in bytes.
const CHECK: usize = 8;

impl Format {
    /// The format of a number; `None`: this build does not know it.
    pub fn from_number(number: u16) -> Option<Self> {
        [Self::Plain, Self::Checked].into_iter().find(|format| *format as u16 == number && number <= NEWEST)
    }

    fn begin(self, flags: u16) -> Writer {
        Writer::versioned(self as u16 | flags)
    }

    fn end(self, w: Writer) -> Vec<u8> {
        let mut bytes = w.finish();
        if self == Self::Checked {
            let check = check(&bytes);
            bytes.extend_from_slice(&check);
        }
        bytes
    }
}

fn check(bytes: &[u8]) -> [u8; CHECK] {
    let mut check = [0; CHECK];
    check.copy_from_slice(&derive("quietpulse snapshot check v1", &[bytes])[..CHECK]);
    check
}

/// A reader behind the version, and the flags of that.
fn open(bytes: &[u8]) -> Result<(Reader<'_>, u16), CodecError> {
    let version = bytes.first_chunk().map(|first| u16::from_be_bytes(*first)).ok_or(CodecError::Short)?;
    let format = Format::from_number(version & !MOVED).ok_or(CodecError::Version(version & !MOVED))?;
    let body = match format {
        Format::Plain => bytes,
        Format::Checked => {
            let (body, found) = bytes.split_last_chunk::<CHECK>().ok_or(CodecError::Short)?;
            if planted!("snapshot-unchecked", check(body) != *found, false) {
                return Err(CodecError::Value("the check"));
            }
            body
        }
    };
    Ok((Reader::versioned(body, version)?, version & MOVED))
}

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
    pub fn encode(&self, format: Format) -> Vec<u8> {
        let mut w = format.begin(0);
        w.u64(self.next_offset).list(self.pieces.iter(), |w, piece| {
            w.u8(piece.kind).u32(piece.index).u64(piece.epoch);
        });
        format.end(w)
    }

    /// Reads its bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, CodecError> {
        let (mut r, _) = open(bytes)?;
        let next_offset = r.u64()?;
        let pieces = r.list(|r| Ok(Piece { kind: r.u8()?, index: r.u32()?, epoch: r.u64()? }))?;
        r.end()?;
        Ok(Self { next_offset, pieces })
    }
}

impl Engine {
    /// What must be written so that a snapshot of this moment exists, given the one that exists already.
    /// Call [`Self::snapshot_saved`] when it is durable; until then the pieces stay marked. Pieces that did not change
    /// keep the format they have.
    pub fn plan_snapshot(&self, previous: Option<&Manifest>, format: Format) -> SnapshotPlan {
        let epoch = self.next_offset();
        let mut plan =
            SnapshotPlan { manifest: Manifest { next_offset: epoch, pieces: Vec::new() }, ..SnapshotPlan::default() };
        let old: BTreeMap<(u8, u32), Piece> =
            previous.into_iter().flat_map(|m| &m.pieces).map(|p| ((p.kind, p.index), *p)).collect();
        for (kind, index, dirty) in self.pieces() {
            let kept = old.get(&(kind, index)).filter(|_| !dirty).copied();
            let piece = kept.unwrap_or(Piece { kind, index, epoch });
            if kept.is_none() {
                plan.written.push((piece, self.encode_piece(kind, index, format)));
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
        table.read_policies(&mut open(piece(KIND_POLICIES, 0)?)?.0)?;
        let chunks = by_key.keys().filter(|(kind, _)| *kind == KIND_HOT).count() as u32;
        for index in 0..chunks {
            let (mut hot, _) = open(piece(KIND_HOT, index)?)?;
            let (mut config, _) = open(piece(KIND_CONFIG, index)?)?;
            table.read_chunk(&mut hot, &mut config)?;
            hot.end()?;
            config.end()?;
        }
        let (mut side, flags) = open(piece(KIND_SIDE, 0)?)?;
        let engine = Self::read_side(shard, table, &mut side)?;
        side.end()?;
        Ok(Self { moved: flags == MOVED, ..engine })
    }

    fn pieces(&self) -> impl Iterator<Item = (u8, u32, bool)> {
        let dirty = &self.table.dirty;
        let chunks = (self.table.len() as usize).div_ceil(CHUNK);
        let is_dirty = |marks: &[bool], index: usize| marks.get(index).copied().unwrap_or(true);
        let hot = (0..chunks).map(move |index| (KIND_HOT, index as u32, is_dirty(&dirty.hot, index)));
        let config = (0..chunks).map(move |index| (KIND_CONFIG, index as u32, is_dirty(&dirty.config, index)));
        [(KIND_SIDE, 0, true), (KIND_POLICIES, 0, dirty.policies)].into_iter().chain(hot).chain(config)
    }

    fn encode_piece(&self, kind: u8, index: u32, format: Format) -> Vec<u8> {
        let mut w = format.begin(if kind == KIND_SIDE && self.moved { MOVED } else { 0 });
        match kind {
            KIND_HOT => self.table.write_hot(index as usize, &mut w),
            KIND_CONFIG => self.table.write_config(index as usize, &mut w),
            KIND_POLICIES => self.table.write_policies(&mut w),
            _ => self.write_side(&mut w),
        }
        format.end(w)
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
        w.option(planted!("snapshot-drops-run", self.run, None), |w, run| {
            w.raw(&run.0);
        });
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        // The door lets finite numbers in only; nothing that is stored may hold another.
        let metrics = r.list(|r| {
            let (name, value) = (r.text()?, f64::from_bits(r.u64()?));
            value.is_finite().then_some(Metric { name, value }).ok_or(CodecError::Value("metric"))
        })?;
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
