//! The worker of one shard. It owns the order of things: apply, store, tell, snapshot, release.

use super::ShardHandle;
use super::coalesce::Coalescer;
use super::history::HistoryBuffer;
use super::step::{FeedChange, Step};
use crate::feed::FeedHub;
use crate::{EvaluatorDeps, EvaluatorError, EvaluatorOptions, metric};
use domain::engine::Engine;
use domain::engine::snapshot::{Manifest, Piece};
use domain::ids::{ChannelId, ShardId};
use domain::planted;
use domain::record::{Body, Params, Record};
use eventlog::{AppendTicket, RawRecord, ReadError, ShardReader};
use std::sync::Arc;
use std::time::Duration;
use store::row::ShardOwner;
use store::{ChunkKey, ShardBatch, SnapshotWrite, Store, StoreError};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Records applied under one lock and stored in one write.
const BATCH: usize = 4_096;
/// The time between ticks.
const TICK: Duration = Duration::from_secs(1);
/// How often the owner looks whether others can find it.
const CLAIM_AGAIN: Duration = Duration::from_secs(5);
/// How long a refused write or a broken reader waits before the next try.
const RETRY: Duration = Duration::from_millis(500);

/// One shard's worker.
pub struct Worker {
    shard: ShardId,
    deps: EvaluatorDeps,
    options: EvaluatorOptions,
    hub: Arc<FeedHub>,
    handle: Arc<ShardHandle>,
    manifest: Option<Manifest>,
    coalescer: Coalescer,
    history: HistoryBuffer,
    /// The tick that was sent last, until the log has it.
    tick: Option<AppendTicket>,
    /// What we said about who owns the shard.
    claimed: Option<ShardOwner>,
    /// Whether deliveries are on offer: not while the log is replayed, which may hold their outcomes.
    offering: bool,
    /// When the last snapshot was saved, or found.
    saved: Instant,
}

impl Worker {
    /// Loads the snapshot.
    pub async fn recover(
        shard: ShardId,
        deps: &EvaluatorDeps,
        options: &EvaluatorOptions,
        hub: Arc<FeedHub>,
    ) -> Result<Self, EvaluatorError> {
        let bounds = deps.log.bounds(shard).await.map_err(|source| EvaluatorError::Log { shard, source })?;
        let (engine, manifest) = load(shard, deps.store.as_ref(), bounds.first).await?;
        tracing::info!(%shard, monitors = engine.monitors(), next_offset = engine.next_offset(), log_end = bounds.next, "shard recovered");
        let handle = Arc::new(ShardHandle::new(engine, bounds.next));
        let (deps, options) = (deps.clone(), options.clone());
        Ok(Self {
            shard,
            deps,
            options,
            hub,
            handle,
            manifest,
            coalescer: Coalescer::default(),
            history: HistoryBuffer::new(Instant::now()),
            tick: None,
            claimed: None,
            offering: false,
            saved: Instant::now(),
        })
    }

    /// The handle others use.
    pub fn handle(&self) -> Arc<ShardHandle> {
        Arc::clone(&self.handle)
    }

    /// Works until `stopping`, then takes a last snapshot and steps down.
    pub async fn run(mut self, stopping: CancellationToken) {
        let Some(mut reader) = self.open_reader(&stopping).await else { return };
        self.claim().await;
        self.announce_params();
        self.start_offering();
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut claims = interval(CLAIM_AGAIN);
        claims.set_missed_tick_behavior(MissedTickBehavior::Delay);
        claims.reset();
        let mut snapshots = interval(self.options.snapshot_every);
        snapshots.set_missed_tick_behavior(MissedTickBehavior::Delay);
        snapshots.reset();
        loop {
            tokio::select! {
                biased;
                () = stopping.cancelled() => break,
                _ = ticks.tick() => {
                    self.send_tick();
                    self.observe_backlog().await;
                }
                _ = snapshots.tick() => self.snapshot(&stopping).await,
                _ = claims.tick() => self.claim_again().await,
                records = reader.next(BATCH) => match records {
                    Ok(records) => self.step(records, &stopping).await,
                    Err(error) => match self.reopen_reader(error, &stopping).await {
                        Some(fresh) => reader = fresh,
                        None => break,
                    },
                },
            }
        }
        self.snapshot(&stopping).await;
        self.step_down().await;
    }

    async fn step(&mut self, raw: Vec<RawRecord>, stopping: &CancellationToken) {
        let records: Vec<Record> = raw.iter().filter_map(|record| self.decode(record)).collect();
        let records =
            if planted!("poison-takes-its-batch", true, records.len() == raw.len()) { records } else { vec![] };
        let Some(end) = raw.last().map(|record| record.offset + 1) else { return };
        let mut step = Step::of(&mut self.handle.engine.lock(), &records, &mut self.coalescer);
        // Alerts quote the output of pings: it must be readable before they are offered.
        let tells = !step.batch.transitions.is_empty();
        step.batch.history = self.history.exchange(step.batch.history, tells, Instant::now());
        if !self.store(std::mem::take(&mut step.batch), stopping).await {
            return;
        }
        {
            let mut book = self.handle.book.lock();
            step.answers.into_iter().for_each(|(offset, answer)| book.put(offset, answer));
        }
        self.handle.applied.send_replace(end);
        if self.offering {
            self.tell_feed(&step.feed);
        } else {
            self.start_offering();
        }
        for (channel, reason) in &step.disabled {
            self.disable(*channel, reason).await;
        }
    }

    /// Reads a record. One that cannot be read is counted and skipped: its shard goes on (invariant I8).
    fn decode(&self, raw: &RawRecord) -> Option<Record> {
        match wire::convert::log::decode_record(&raw.payload) {
            Ok((envelope, body)) => Some(Record { offset: raw.offset, append: raw.append, envelope, body }),
            Err(error) => {
                metric::count_poison();
                tracing::error!(shard = %self.shard, offset = raw.offset, %error, "a record cannot be read and is skipped");
                None
            }
        }
    }

    /// Writes until the store has it: nothing is told before that, and the shard waits rather than losing it.
    async fn store(&self, batch: ShardBatch, stopping: &CancellationToken) -> bool {
        while !batch.is_empty() {
            match self.deps.store.write(self.shard, batch.clone()).await {
                Ok(()) => return true,
                Err(_) if planted!("busy-store-loses-rows", false, true) => return true,
                Err(error) => {
                    metric::count_store_retry();
                    tracing::error!(shard = %self.shard, %error, "the store refused a step; the shard waits");
                }
            }
            if stopping.is_cancelled() {
                return false;
            }
            tokio::time::sleep(RETRY).await;
        }
        true
    }

    /// Puts on offer what the engine has on offer once the log as it was at the start is applied.
    fn start_offering(&mut self) {
        if self.handle.has_caught_up() {
            self.offering = true;
            if planted!("open-deliveries-forgotten", false, true) {
                return;
            }
            for (delivery, attempt) in self.handle.engine.lock().offered() {
                self.hub.offer(self.shard, delivery.clone(), attempt);
            }
        }
    }

    fn tell_feed(&self, changes: &[FeedChange]) {
        if changes.is_empty() {
            return;
        }
        let engine = self.handle.engine.lock();
        for change in changes {
            match change {
                FeedChange::Withdraw { delivery } => self.hub.withdraw(self.shard, *delivery),
                FeedChange::Offer { delivery, attempt } => {
                    if let Some(row) = engine.delivery(*delivery).filter(|row| row.attempts == *attempt) {
                        self.hub.offer(self.shard, row.clone(), *attempt);
                    }
                }
            }
        }
    }

    async fn disable(&self, channel: ChannelId, reason: &str) {
        tracing::error!(%channel, reason, "the endpoint says it is gone; the channel is switched off");
        let row = match self.deps.store.channel(channel).await {
            Ok(Some(row)) if row.disabled.is_empty() && !row.deleted => row,
            _ => return,
        };
        let changed_ms = self.deps.clock.now().0;
        let row = store::row::ChannelRow { disabled: reason.to_owned(), version: row.version + 1, changed_ms, ..row };
        if let Err(error) = self.deps.store.update_channel(row).await {
            tracing::warn!(%channel, %error, "the channel could not be switched off");
        }
    }

    /// One tick a second, and never two on their way: a log that is slow is not flooded.
    fn send_tick(&mut self) {
        let waiting = self.tick.as_mut().is_some_and(|ticket| {
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            std::pin::Pin::new(ticket).poll(&mut context).is_pending()
        });
        if waiting || !self.handle.has_caught_up() {
            return;
        }
        self.tick = Some(self.deps.producer.append_unnumbered(self.shard, &Body::Tick, self.deps.clock.now()));
    }

    /// Also while the log is replayed: that is when a shard is behind.
    async fn observe_backlog(&self) {
        let now = self.deps.clock.now().0;
        let (engine_now, next, (open, oldest)) = {
            let engine = self.handle.engine.lock();
            (engine.now_ms(), engine.next_offset(), engine.open_deliveries())
        };
        let end = self.deps.log.bounds(self.shard).await.map_or(next, |bounds| bounds.next);
        let seconds = (now - engine_now).max(0) as f64 / 1000.0;
        metric::set_lag(self.shard.0, end.saturating_sub(next), seconds);
        metric::set_snapshot_age(self.shard.0, self.saved.elapsed().as_secs_f64());
        metric::set_outbox(self.shard.0, open, oldest.map_or(0.0, |at| (now - at).max(0) as f64 / 1000.0));
    }

    /// The numbers a verdict depends on are in the log (invariant I12): a changed one is written there first.
    fn announce_params(&self) {
        let in_force = self.handle.engine.lock().params();
        if planted!("params-not-announced", in_force != self.options.params, false) {
            let body = Body::Params(self.options.params);
            drop(self.deps.producer.append(self.shard, &body, self.deps.clock.now()));
        }
    }

    async fn claim(&mut self) {
        let (address, node) = (self.options.address.clone(), self.options.node);
        let owner = ShardOwner { address, node, since_ms: self.deps.clock.now().0 };
        match self.deps.store.claim_shard(self.shard, owner.clone()).await {
            Ok(()) => self.claimed = Some(owner),
            Err(error) => tracing::warn!(shard = %self.shard, %error, "could not say who owns the shard"),
        }
    }

    /// Says it again if nobody, or somebody before us, stands there. A later claim is left alone: its maker was
    /// told of the shard after us.
    async fn claim_again(&mut self) {
        let since_ms = self.claimed.as_ref().map_or(i64::MIN, |claimed| claimed.since_ms);
        match self.deps.store.shard_owner(self.shard).await {
            Ok(Some(owner)) if self.claimed.as_ref() == Some(&owner) || owner.since_ms > since_ms => {}
            Ok(_) => self.claim().await,
            Err(error) => tracing::debug!(shard = %self.shard, %error, "could not see who owns the shard"),
        }
    }

    async fn step_down(&self) {
        let Some(claimed) = &self.claimed else { return };
        if let Err(error) = self.deps.store.step_down(self.shard, claimed).await {
            tracing::warn!(shard = %self.shard, %error, "could not step down; others will find out by themselves");
        }
    }

    /// Writes the history that is held back: a snapshot covers it, and the log before a snapshot may go.
    async fn write_history(&mut self, stopping: &CancellationToken) -> bool {
        let hlt_us = self.handle.engine.lock().hlt_us();
        let batch = ShardBatch { hlt_us, history: self.history.drain(), ..ShardBatch::default() };
        self.store(batch, stopping).await
    }

    /// Saves what changed since the last snapshot. The rows it covers are durable already.
    async fn snapshot(&mut self, stopping: &CancellationToken) {
        if !self.write_history(stopping).await {
            return;
        }
        let plan = {
            let engine = self.handle.engine.lock();
            if self.manifest.as_ref().is_some_and(|m| m.next_offset == engine.next_offset()) {
                return;
            }
            engine.plan_snapshot(self.manifest.as_ref(), self.options.format)
        };
        let (started, bytes) = (Instant::now(), plan.written.iter().map(|(_, b)| b.len()).sum());
        let write = SnapshotWrite {
            hlt_us: self.handle.engine.lock().hlt_us(),
            chunks: plan.written.into_iter().map(|(piece, bytes)| (chunk_key(piece), bytes)).collect(),
            manifest: plan.manifest.encode(self.options.format),
            forget: plan.forgotten.into_iter().map(chunk_key).collect(),
        };
        match self.deps.store.save_snapshot(self.shard, write).await {
            Ok(()) => {
                metric::observe_snapshot(bytes, started.elapsed().as_secs_f64());
                self.saved = Instant::now();
                self.handle.engine.lock().snapshot_saved();
                self.deps.log.release(self.shard, plan.manifest.next_offset).await;
                self.manifest = Some(plan.manifest);
            }
            Err(error) => {
                tracing::error!(shard = %self.shard, %error, "the snapshot was not saved; the one before it stays")
            }
        }
    }

    async fn open_reader(&self, stopping: &CancellationToken) -> Option<Box<dyn ShardReader>> {
        loop {
            let from = (*self.handle.applied.borrow()).max(self.handle.engine.lock().next_offset());
            let opened = self.deps.log.reader(self.shard, planted!("apply-again", from, from.saturating_sub(1)));
            match opened.await {
                Ok(reader) => {
                    self.handle.set_trouble(None);
                    return Some(reader);
                }
                Err(ReadError::Closed) => return None,
                Err(error) => {
                    // Never jump to where the log happens to begin: verdicts would be missing without a word.
                    tracing::error!(shard = %self.shard, %error, "the shard stands still");
                    self.handle.set_trouble(Some(error.to_string()));
                }
            }
            tokio::select! {
                biased;
                () = stopping.cancelled() => return None,
                () = tokio::time::sleep(10 * RETRY) => {}
            }
        }
    }

    async fn reopen_reader(&self, error: ReadError, stopping: &CancellationToken) -> Option<Box<dyn ShardReader>> {
        if error == ReadError::Closed {
            return None;
        }
        tracing::error!(shard = %self.shard, %error, "reading the log failed; trying again");
        tokio::time::sleep(RETRY).await;
        self.open_reader(stopping).await
    }
}

/// The engine as the last snapshot has it. A damaged snapshot is no loss while the log still begins at its
/// beginning; otherwise this stops, loudly.
pub(crate) async fn load(
    shard: ShardId,
    store: &dyn Store,
    log_first: u64,
) -> Result<(Engine, Option<Manifest>), EvaluatorError> {
    let fail = |source: StoreError| EvaluatorError::Store { shard, source };
    let Some(bytes) = store.load_manifest(shard).await.map_err(fail)? else {
        return Ok((Engine::new(shard, Params::EMBEDDED), None));
    };
    let restored = match Manifest::decode(&bytes) {
        Ok(manifest) => {
            let keys: Vec<ChunkKey> = manifest.pieces.iter().copied().map(chunk_key).collect();
            let pieces = store.load_chunks(shard, &keys).await.map_err(fail)?;
            Engine::restore(shard, &manifest, &pieces).map(|engine| (engine, Some(manifest)))
        }
        Err(source) => Err(source),
    };
    restored.or_else(|source| {
        if log_first > 0 {
            return Err(EvaluatorError::Snapshot { shard, source });
        }
        tracing::error!(%shard, error = %source, "the snapshot cannot be read; the whole log is replayed instead");
        Ok((Engine::new(shard, Params::EMBEDDED), None))
    })
}

fn chunk_key(piece: Piece) -> ChunkKey {
    ChunkKey { kind: piece.kind, index: piece.index, epoch: piece.epoch }
}
