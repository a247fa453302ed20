//! Reads what was concluded, and tells what does not fit.

use super::auditor::{AuditorDeps, AuditorOptions};
use super::judge::{Judge, Mismatch};
use crate::metric;
use domain::ids::{MonitorId, ShardId};
use domain::record::Record;
use domain::time::{Clock, UnixMs};
use domain::transition::Transition;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use store::{Store, StoreError};
use tokio::time::Instant;

/// Every monitor is compared at least so often, also those of which the log implies nothing.
const ROUND: Duration = Duration::from_secs(300);
/// Transitions of one page.
const PAGE: u32 = 100;
/// A store lets rows go in its own time.
const EXPIRY_MARGIN: Duration = Duration::from_secs(86_400);

/// The comparing side of one shard's audit.
pub(super) struct Comparing {
    shard: ShardId,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    transitions_for: Duration,
    /// Where the round over all monitors stands, and since when.
    round: (Option<MonitorId>, Instant),
}

impl Comparing {
    pub(super) fn new(shard: ShardId, deps: &AuditorDeps, options: &AuditorOptions) -> Self {
        let (store, clock) = (deps.store.clone(), deps.clock.clone());
        Self { shard, store, clock, transitions_for: options.transitions_for, round: (None, Instant::now()) }
    }

    /// Tells the judge of the incident that a record acknowledges. One that cannot be found is not acknowledged then.
    pub(super) async fn name(&self, judge: &mut Judge, record: &Record) {
        let Some((tenant, incident)) = judge.acknowledged(record) else { return };
        match self.store.transition_by_id(tenant, incident).await {
            Ok(found) => found.iter().for_each(|found| judge.name(found)),
            Err(error) => tracing::warn!(shard = %self.shard, %incident, %error, "an incident could not be looked up"),
        }
    }

    /// Compares the monitors of which the log implied something, and those whose turn it is; `all`: every one.
    pub(super) async fn compare(&mut self, judge: &mut Judge, all: bool) -> Result<(), StoreError> {
        for (monitor, range) in self.turn(judge, all) {
            let stored = self.stored(monitor, &range).await?;
            let keeps = (self.transitions_for.saturating_sub(EXPIRY_MARGIN)).as_millis() as u64;
            let least_ms = self.clock.now().0.saturating_sub_unsigned(keeps);
            let (checked, mismatch) = judge.compare(monitor, &stored, least_ms);
            metric::count_checked(checked);
            if let Some(mismatch) = mismatch {
                self.tell(&mismatch);
            }
        }
        Ok(())
    }

    /// The round is as far as its time is.
    fn turn(&mut self, judge: &Judge, all: bool) -> Vec<(MonitorId, Range<u64>)> {
        let open: Vec<(MonitorId, Range<u64>, usize)> = judge.open().collect();
        let (last, since) = self.round;
        let rest = open.iter().filter(|(monitor, ..)| last.is_none_or(|last| *monitor > last)).count();
        let share = since.elapsed().as_secs_f64() / ROUND.as_secs_f64();
        let many = (open.len() as f64 * share).ceil() as usize;
        let reached = open.iter().filter(|(monitor, ..)| last.is_none_or(|last| *monitor > last)).take(many).last();
        let reached = reached.map(|(monitor, ..)| *monitor);
        self.round = (reached.filter(|_| many < rest), Instant::now());
        let is_turn = |monitor: MonitorId| {
            last.is_none_or(|last| monitor > last) && reached.is_some_and(|reached| monitor <= reached)
        };
        let due = open.into_iter().filter(|(monitor, _, implied)| all || *implied > 0 || is_turn(*monitor));
        due.map(|(monitor, range, _)| (monitor, range)).collect()
    }

    /// The transitions of a monitor that were closed in `range`.
    async fn stored(&self, monitor: MonitorId, range: &Range<u64>) -> Result<Vec<Transition>, StoreError> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = self.store.transitions(monitor, PAGE, after.as_deref()).await?;
            let is_past = page.rows.last().is_some_and(|oldest| oldest.offset < range.start);
            found.extend(page.rows.into_iter().filter(|one| range.contains(&one.offset)));
            after = page.next.filter(|_| !is_past);
            if after.is_none() {
                return Ok(found);
            }
        }
    }

    /// Ids and times only: what a monitor is called is its owner's affair.
    fn tell(&self, mismatch: &Mismatch) {
        metric::count_mismatch();
        let Mismatch { monitor, offset, implied, concluded } = mismatch;
        let implied = implied.as_ref().map_or_else(
            || "nothing".to_owned(),
            |one| format!("{} {} at {}", one.kind, one.reason, UnixMs(one.occurred_ms)),
        );
        let concluded = concluded.as_ref().map_or_else(
            || "nothing".to_owned(),
            |one| format!("{} {} at {} ({})", one.kind, one.reason, UnixMs(one.occurred_ms), one.id),
        );
        let shard = self.shard;
        tracing::error!(%shard, %monitor, offset, implied, concluded, "a verdict is not what the log implies");
    }
}
