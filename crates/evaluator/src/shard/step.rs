//! Turns the effects of some records into one write to the store and a list of things to tell afterwards.

use super::coalesce::Coalescer;
use crate::metric;
use domain::command::Answer;
use domain::engine::Engine;
use domain::engine::effects::{Effect, Heard, HistoryRow, Note};
use domain::ids::{ChannelId, DeliveryId, ShardId};
use domain::ping::PingDetails;
use domain::record::{Body, Record};
use store::ShardBatch;
use store::row::Revocation;

/// Records whose state is fetched together: few enough to stay in a core's own cache.
const WARM: usize = 128;

/// What follows from a batch of records: first `batch` becomes durable, then the rest is told.
#[derive(Default)]
pub struct Step {
    pub batch: ShardBatch,
    pub answers: Vec<(u64, Answer)>,
    pub feed: Vec<FeedChange>,
    pub disabled: Vec<(ChannelId, String)>,
}

/// What changes for notifiers.
pub enum FeedChange {
    Offer { delivery: DeliveryId, attempt: u32 },
    Withdraw { delivery: DeliveryId },
}

impl Step {
    /// Applies `records` in order.
    pub fn of(engine: &mut Engine, records: &[Record], coalescer: &mut Coalescer) -> Self {
        let mut step = Self::default();
        let mut effects = Vec::new();
        for some in records.chunks(WARM) {
            engine.warm_up(some);
            for record in some {
                engine.apply(record, &mut effects);
                for effect in effects.drain(..) {
                    step.take(effect, engine, record, coalescer);
                }
            }
        }
        step.batch.hlt_us = engine.hlt_us();
        step
    }

    fn take(&mut self, effect: Effect, engine: &Engine, record: &Record, coalescer: &mut Coalescer) {
        match effect {
            Effect::Monitor(row) => self.batch.monitors.push(*row),
            Effect::Status(row) => self.batch.statuses.push(*row),
            Effect::Heard(heard) => coalescer.add(history_row(heard, record), engine.now_ms(), &mut self.batch.history),
            Effect::Transition(transition) => {
                metric::observe_transition(&transition);
                self.batch.transitions.push(*transition);
            }
            Effect::Delivery(delivery) => {
                if delivery.state.is_terminal() {
                    metric::count_terminal(&delivery);
                }
                self.batch.deliveries.push(*delivery);
            }
            Effect::Offer { delivery, attempt } => self.feed.push(FeedChange::Offer { delivery, attempt }),
            Effect::Withdraw { delivery } => self.feed.push(FeedChange::Withdraw { delivery }),
            Effect::Answer { answer, .. } => self.answers.push((record.offset, answer)),
            Effect::Revoke { monitor, least_generation, .. } => {
                self.batch.revocations.push(Revocation { monitor, least_generation });
            }
            Effect::DisableChannel { channel, reason, .. } => self.disabled.push((channel, reason)),
            Effect::Note(note) => tell_note(engine.shard(), &note),
        }
    }
}

fn history_row(heard: Heard, record: &Record) -> HistoryRow {
    let details = match &record.body {
        Body::Ping(ping) => ping.details.as_deref().cloned().unwrap_or_default(),
        _ => PingDetails::default(),
    };
    let (monitor, ping, ignored) = (heard.monitor, heard.ping, heard.ignored.to_owned());
    HistoryRow { monitor, offset: record.offset, ping, ignored, coalesced: 0, details }
}

fn tell_note(shard: ShardId, note: &Note) {
    metric::count_note(note);
    match note {
        Note::Blind { from_ms, to_ms } => {
            let seconds = to_ms.saturating_sub(*from_ms) as f64 / 1000.0;
            tracing::warn!(%shard, seconds, "nobody could hear for a while; deadlines in it are judged later");
        }
        Note::ClockSetBack { from_ms, to_ms } => {
            let seconds_ahead = to_ms.saturating_sub(*from_ms) / 1000;
            tracing::error!(%shard, seconds_ahead, "the log's clock had run ahead and was set back");
        }
        Note::Gap { missing } => tracing::warn!(%shard, missing, "records of a producer never arrived"),
        _ => {}
    }
}
