//! Reads one shard's log, step by step, and asks the judge; [`Comparing`] does the rest.

use super::auditor::{AuditorDeps, AuditorOptions, Troubles};
use super::comparing::Comparing;
use super::judge::Judge;
use super::state::{Known, covered};
use crate::metric;
use domain::ids::ShardId;
use domain::record::{Body, Params, Record};
use eventlog::{RawRecord, ReadError, ShardReader};
use std::collections::VecDeque;
use std::time::Duration;
use store::StoreError;
use tokio_util::sync::CancellationToken;

/// Records read at once.
const BATCH: usize = 2_000;
/// Between looks at what may be judged by now.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a look waits for records. There are none only while the whole log is younger than the auditor is behind.
const READ_PATIENCE: Duration = Duration::from_millis(200);
/// What may be implied and not compared yet.
const MOST_IMPLIED: usize = 5_000;
/// How long after a failure it is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// The audit of one shard.
pub(super) struct ShardAudit {
    shard: ShardId,
    deps: AuditorDeps,
    options: AuditorOptions,
    troubles: Troubles,
    may_begin_at_the_start: bool,
}

/// An audit under way.
struct Audit {
    judge: Judge,
    reader: Box<dyn ShardReader>,
    /// Read, and not judged yet.
    waiting: VecDeque<RawRecord>,
    comparing: Comparing,
}

/// What comes after a step.
enum Next {
    Wait,
    /// There is more to do at once.
    More,
    /// Nothing will ever be judged here again.
    Rest,
}

/// Why a step was not done.
#[derive(Debug, thiserror::Error)]
enum Setback {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Log(#[from] ReadError),
    #[error("it begins anew: {0}")]
    Anew(String),
}

impl Setback {
    /// Whether what was read so far is of no use any more.
    fn is_final(&self) -> bool {
        matches!(self, Self::Anew(_) | Self::Log(ReadError::OutOfRange { .. }))
    }
}

impl ShardAudit {
    pub(super) fn new(shard: ShardId, deps: AuditorDeps, options: AuditorOptions, troubles: Troubles) -> Self {
        Self { shard, deps, options, troubles, may_begin_at_the_start: true }
    }

    /// Audits until `stop`. A step that fails is done again; what was found is not found twice.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.audit() => stop.cancelled().await,
        }
    }

    /// Returns when there is nothing left to audit.
    async fn audit(&mut self) {
        let mut audit = None;
        loop {
            let pause = match self.go_on(&mut audit).await {
                Ok(Next::Rest) => break,
                Ok(Next::More) => continue,
                Ok(Next::Wait) => LOOK_EVERY,
                Err(setback) => {
                    self.suffer(&setback, &mut audit);
                    RETRY
                }
            };
            tokio::time::sleep(pause).await;
        }
        tracing::info!(shard = %self.shard, "the shard's monitors are judged elsewhere; there is nothing to audit");
        metric::set_lag(self.shard.0, 0.0);
        metric::set_unchecked(self.shard.0, 0);
    }

    fn suffer(&mut self, setback: &Setback, audit: &mut Option<Audit>) {
        tracing::warn!(shard = %self.shard, %setback, "the audit is interrupted");
        self.troubles.set(self.shard, setback.to_string());
        if setback.is_final() {
            self.may_begin_at_the_start = false;
            *audit = None;
        }
    }

    async fn go_on(&mut self, audit: &mut Option<Audit>) -> Result<Next, Setback> {
        let Some(audit) = audit else {
            let begun = self.begin().await?;
            let Some(begun) = begun else { return Ok(Next::Rest) };
            *audit = Some(begun);
            return Ok(Next::More);
        };
        let next = self.step(audit).await?;
        self.troubles.clear(self.shard);
        Ok(next)
    }

    /// `None`: the shard has moved.
    async fn begin(&self) -> Result<Option<Audit>, Setback> {
        let first = self.deps.log.bounds(self.shard).await?.first;
        let most = self.options.monitors;
        let (judge, from) = match first == 0 && self.may_begin_at_the_start {
            true => (Judge::from_the_start(Params::EMBEDDED, most), 0),
            false => match Known::load(self.shard, self.deps.store.as_ref()).await? {
                Some(known) if known.moved => return Ok(None),
                Some(known) => (Judge::from_the_middle(&known, most), known.next_offset),
                None => return Err(Setback::Anew("there is no snapshot yet".into())),
            },
        };
        let reader = self.deps.log.reader(self.shard, from).await?;
        tracing::info!(shard = %self.shard, from, unchecked = judge.unchecked(), "the audit begins");
        let comparing = Comparing::new(self.shard, &self.deps, &self.options);
        Ok(Some(Audit { judge, reader, waiting: VecDeque::new(), comparing }))
    }

    /// Judges what is old enough, a batch at most, and compares.
    async fn step(&self, audit: &mut Audit) -> Result<Next, Setback> {
        if audit.waiting.is_empty() {
            let read = tokio::time::timeout(READ_PATIENCE, audit.reader.next(BATCH)).await;
            audit.waiting.extend(read.ok().transpose()?.unwrap_or_default());
        }
        let covered = covered(self.shard, self.deps.store.as_ref()).await?;
        let latest = self.deps.clock.now().0.saturating_sub_unsigned(self.options.behind.as_millis() as u64);
        while let Some(raw) = audit.waiting.front() {
            if raw.append.0 > latest || raw.offset >= covered {
                break;
            }
            let record = decoded(raw);
            audit.waiting.pop_front();
            let Some(record) = record else { continue };
            audit.comparing.name(&mut audit.judge, &record).await;
            audit.judge.read(&record);
            if let Some(reason) = audit.judge.is_at_its_end() {
                audit.comparing.compare(&mut audit.judge, true).await?;
                let rests = matches!(record.body, Body::Moved);
                return if rests { Ok(Next::Rest) } else { Err(Setback::Anew(reason)) };
            }
        }
        // While there is much to catch up with, many records share one look at the store.
        let has_caught_up = !audit.waiting.is_empty() || covered == 0;
        if has_caught_up || audit.judge.implied() > MOST_IMPLIED {
            audit.comparing.compare(&mut audit.judge, false).await?;
        }
        self.observe(audit);
        Ok(if has_caught_up { Next::Wait } else { Next::More })
    }

    fn observe(&self, audit: &Audit) {
        let oldest = audit.waiting.front().map(|raw| raw.append.0);
        let lag = oldest.map_or(0, |at| self.deps.clock.now().0.saturating_sub(at)).max(0);
        metric::set_lag(self.shard.0, lag as f64 / 1_000.0);
        metric::set_unchecked(self.shard.0, audit.judge.unchecked());
    }
}

/// A record that cannot be read is skipped by every reader.
fn decoded(raw: &RawRecord) -> Option<Record> {
    let (envelope, body) = wire::convert::log::decode_record(&raw.payload).ok()?;
    Some(Record { offset: raw.offset, append: raw.append, envelope, body })
}
