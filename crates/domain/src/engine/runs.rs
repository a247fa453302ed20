//! Open runs: start .. finish, each watched by its own deadline.

use super::Engine;
use super::effects::{Effect, Note};
use super::table::Flags;
use crate::codec::{CodecError, Reader, Writer};
use crate::ids::RunId;

/// Open runs of a monitor at most; the oldest is dropped with a note.
pub const MAX_RUNS: usize = 16;

/// A run that began and has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenRun {
    pub run: Option<RunId>,
    pub start_ms: i64,
    /// When it has taken too long; `i64::MAX`: never.
    pub deadline_ms: i64,
}

impl OpenRun {
    pub(super) fn write(&self, w: &mut Writer) {
        w.option(self.run, |w, run| {
            w.raw(&run.0);
        });
        w.i64(self.start_ms).i64(self.deadline_ms);
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self { run: r.option(|r| r.id().map(RunId))?, start_ms: r.i64()?, deadline_ms: r.i64()? })
    }
}

impl Engine {
    /// The open runs of a slot, oldest first.
    pub(super) fn runs_of(&self, slot: u32) -> &[OpenRun] {
        self.runs.get(&slot).map_or(&[], Vec::as_slice)
    }

    /// Opens a run. The same run id starts again where it is open already.
    pub(super) fn open_run(&mut self, slot: u32, run: Option<RunId>, start_ms: i64, effects: &mut Vec<Effect>) {
        let deadline_ms = self.run_limit_ms(slot).map_or(i64::MAX, |limit| start_ms + limit);
        let runs = self.runs.entry(slot).or_default();
        runs.retain(|open| run.is_none() || open.run != run);
        if runs.len() == MAX_RUNS {
            runs.remove(0);
            effects.push(Effect::Note(Note::RunDropped { monitor: self.table.id(slot) }));
        }
        // In the order in which they began: a start may be heard late.
        let place = runs.partition_point(|open| open.start_ms <= start_ms);
        runs.insert(place, OpenRun { run, start_ms, deadline_ms });
        self.table.hot[slot as usize].flags.set(Flags::RUNS, true);
    }

    /// Ends the run a finish speaks of: with a run id that very run, without one the newest.
    pub(super) fn close_run(&mut self, slot: u32, run: Option<RunId>) -> Option<OpenRun> {
        let runs = self.runs.get_mut(&slot)?;
        let place = match run {
            Some(_) => runs.iter().rposition(|open| open.run == run),
            None => runs.len().checked_sub(1),
        }?;
        let closed = runs.remove(place);
        self.drop_empty_runs(slot);
        Some(closed)
    }

    /// Takes the first run whose deadline is at or before `until_ms`.
    pub(super) fn take_overdue_run(&mut self, slot: u32, until_ms: i64) -> Option<OpenRun> {
        let runs = self.runs.get_mut(&slot)?;
        let (place, _) = runs.iter().enumerate().min_by_key(|(_, run)| run.deadline_ms)?;
        if runs[place].deadline_ms > until_ms {
            return None;
        }
        let overdue = runs.remove(place);
        self.drop_empty_runs(slot);
        Some(overdue)
    }

    /// Puts a run back with a later deadline.
    pub(super) fn reopen_run(&mut self, slot: u32, run: OpenRun, deadline_ms: i64) {
        let runs = self.runs.entry(slot).or_default();
        let place = runs.partition_point(|open| open.start_ms <= run.start_ms);
        runs.insert(place, OpenRun { deadline_ms, ..run });
        self.table.hot[slot as usize].flags.set(Flags::RUNS, true);
    }

    /// Forgets all open runs.
    pub(super) fn clear_runs(&mut self, slot: u32) {
        self.runs.remove(&slot);
        self.table.hot[slot as usize].flags.set(Flags::RUNS, false);
    }

    /// How long a run may take. Unset: the grace, as clients of other services expect; without either a
    /// run is not limited.
    pub(super) fn run_limit_ms(&self, slot: u32) -> Option<i64> {
        let policy = self.table.policy(slot);
        let grace = Some(policy.grace_secs).filter(|secs| *secs > 0);
        policy.max_runtime_secs.or(grace).map(|secs| i64::from(secs) * 1000)
    }

    fn drop_empty_runs(&mut self, slot: u32) {
        if self.runs.get(&slot).is_some_and(Vec::is_empty) {
            self.clear_runs(slot);
        }
    }
}
